//! Containers, as container engines described them to whoever recorded a capture.
//!
//! The descriptions come as JSON in events: `container` events of old captures, and the
//! asynchronous events of Falco's container plugin today. A field of another type than expected
//! makes a description worthless, as in the plugin.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde::Deserialize;

/// Names of the asynchronous events of the container plugin.
pub const ADDED: &[u8] = b"container";
/// See [`ADDED`].
pub const REMOVED: &[u8] = b"container_removed";
/// Most bytes that descriptions may take, as they are kept. Only a hostile capture comes near it.
const MAX_BYTES: usize = 64 << 20;

/// A mount of a container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[allow(missing_docs)]
pub struct Mount {
    pub source: String,
    #[serde(rename = "Destination")]
    pub dest: String,
    pub mode: String,
    #[serde(rename = "RW")]
    pub is_writable: bool,
    pub propagation: String,
}

impl Mount {
    /// All parts, with colons between.
    pub fn text(&self) -> String {
        let Self { source, dest, mode, is_writable, propagation } = self;
        format!("{source}:{dest}:{mode}:{is_writable}:{propagation}")
    }
}

/// Labels by name.
pub type Labels = BTreeMap<String, String>;

/// What an engine says of a container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Container {
    /// Short id.
    pub id: String,
    /// Full id.
    pub full_id: String,
    /// Name.
    pub name: String,
    /// Image, as it was asked for.
    pub image: String,
    /// Id of the image.
    #[serde(rename = "imageid")]
    pub image_id: String,
    /// Repository of the image.
    #[serde(rename = "imagerepo")]
    pub image_repository: String,
    /// Tag of the image.
    #[serde(rename = "imagetag")]
    pub image_tag: String,
    /// Digest of the image.
    #[serde(rename = "imagedigest")]
    pub image_digest: String,
    #[serde(rename = "type")]
    kind: Kind,
    /// It may do everything.
    #[serde(rename = "privileged")]
    pub is_privileged: bool,
    /// It shares the pid namespace of the host.
    pub host_pid: bool,
    /// It shares the network of the host.
    pub host_network: bool,
    /// It shares the IPC namespace of the host.
    pub host_ipc: bool,
    /// Address.
    pub ip: String,
    /// What the network plugin said, as JSON.
    pub cni_json: String,
    #[serde(deserialize_with = "or_null")]
    labels: Labels,
    #[serde(rename = "Mounts", deserialize_with = "or_null")]
    mounts: Vec<Mount>,
    /// Full id of the sandbox of its pod.
    pub pod_sandbox_id: String,
    #[serde(deserialize_with = "or_null")]
    pod_sandbox_labels: Labels,
}

/// Number of an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
struct Kind(u32);

impl Default for Kind {
    fn default() -> Self {
        Self(0xffff)
    }
}

/// Writers of old captures say null where they mean nothing.
fn or_null<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::deserialize(from).map(Option::unwrap_or_default)
}

#[derive(Deserialize)]
struct Document {
    container: Container,
}

impl Container {
    /// Reads a description, up to its first NUL; `None` if it is none.
    pub fn parse(json: &[u8]) -> Option<Self> {
        let end = memchr::memchr(0, json).unwrap_or(json.len());
        serde_json::from_slice::<Document>(&json[..end]).ok().map(|document| document.container)
    }

    /// Name of the engine; empty for one without a name.
    pub fn engine(&self) -> &'static str {
        match self.kind.0 {
            0 => "docker",
            1 => "lxc",
            2 => "libvirt-lxc",
            3 => "mesos",
            4 => "rkt",
            6 => "cri",
            7 => "containerd",
            8 => "cri-o",
            9 => "bpm",
            11 => "podman",
            0xfffe => "host",
            _ => "",
        }
    }

    /// Labels.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// Labels of its pod.
    pub fn pod_labels(&self) -> &Labels {
        &self.pod_sandbox_labels
    }

    /// Mounts, in order.
    pub fn mounts(&self) -> &[Mount] {
        &self.mounts
    }
}

/// The containers that are known, by their short ids.
#[derive(Debug, Default)]
pub struct Containers {
    known: FxHashMap<Box<[u8]>, (Arc<Container>, usize)>,
    bytes: usize,
    refused: u64,
    generation: u64,
}

impl Containers {
    /// Descriptions that were not kept, because there is no room for them.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// A container, if something is known of it.
    pub fn get(&self, id: &[u8]) -> Option<&Arc<Container>> {
        if self.known.is_empty() {
            return None;
        }
        self.known.get(id).map(|(container, _)| container)
    }

    /// Grows with each change, so that what was derived before can be told from what is now.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Takes over a description, in the place of an earlier one of the same container.
    pub fn add(&mut self, json: &[u8]) {
        let Some(container) = Container::parse(json) else { return };
        let id: Box<[u8]> = container.id.as_bytes().into();
        self.forget(&id);
        let labels = container.labels.len() + container.pod_sandbox_labels.len();
        let cost = json.len()
            + size_of::<Container>()
            + container.mounts.len() * size_of::<Mount>()
            + labels * 2 * size_of::<String>();
        if self.bytes + cost <= MAX_BYTES {
            self.bytes += cost;
            self.known.insert(id, (Arc::new(container), cost));
        } else {
            self.refused += 1;
        }
        self.generation += 1;
    }

    /// Forgets the container that a description names.
    pub fn remove(&mut self, json: &[u8]) {
        if let Some(container) = Container::parse(json) {
            self.forget(container.id.as_bytes());
            self.generation += 1;
        }
    }

    fn forget(&mut self, id: &[u8]) {
        if let Some((_, bytes)) = self.known.remove(id) {
            self.bytes -= bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_of_all_times() {
        let mut containers = Containers::default();
        containers.add(
            br#"{"container":{"Mounts":[{"Destination":"/in","Mode":"","Propagation":"rprivate",
            "RW":true,"Source":"/out"}],"id":"697956520d89","image":"nginx","labels":null,
            "name":"web","privileged":true,"type":0,"cpu_quota":0}}"#,
        );
        containers.add(b"{\"container\":{\"id\":\"c644607f2c4e\",\"type\":7}}\n\0rest");
        let web = containers.get(b"697956520d89").unwrap();
        assert_eq!((&*web.name, web.engine(), web.is_privileged), ("web", "docker", true));
        assert_eq!(web.mounts()[0].text(), "/out:/in::true:rprivate");
        assert!(web.labels().is_empty() && web.full_id.is_empty());
        assert_eq!(containers.get(b"c644607f2c4e").unwrap().engine(), "containerd");
        assert_eq!(Container::default().engine(), "");
        let before = containers.generation();
        containers.remove(br#"{"container":{"id":"697956520d89"}}"#);
        assert!(containers.get(b"697956520d89").is_none() && containers.generation() > before);
    }

    #[test]
    fn what_is_no_description_changes_nothing() {
        let mut containers = Containers::default();
        for bad in [
            &b""[..],
            b"{",
            b"[]",
            b"{}",
            b"{\"id\":\"697956520d89\"}",
            b"{\"container\":{\"id\":7}}",
            b"{\"container\":{\"id\":\"x\",\"name\":null}}",
            b"{\"container\":{\"id\":\"\xff\"}}",
        ] {
            containers.add(bad);
            containers.remove(bad);
        }
        assert_eq!(containers.generation(), 0);
        let deep = "[".repeat(1 << 20);
        containers.add(format!("{{\"container\":{{\"labels\":{deep}").as_bytes());
        assert_eq!(containers.generation(), 0);
    }

    /// Memory is bounded whatever a capture claims.
    #[test]
    fn descriptions_are_bounded() {
        let mut containers = Containers::default();
        let name = "x".repeat(1 << 20);
        for id in 0..100 {
            let text = format!("{{\"container\":{{\"id\":\"{id}\",\"name\":\"{name}\"}}}}");
            containers.add(text.as_bytes());
        }
        assert!(containers.known.len() < 64 && containers.bytes <= MAX_BYTES);
        assert_eq!(containers.refused() as usize + containers.known.len(), 100);
        // Text that is small, of which much comes.
        let (mut containers, mounts) = (Containers::default(), "{},".repeat(1 << 17));
        for id in 0..20 {
            let mounts = mounts.trim_end_matches(',');
            let text = format!("{{\"container\":{{\"id\":\"{id}\",\"Mounts\":[{mounts}]}}}}");
            containers.add(text.as_bytes());
        }
        assert!((1..8).contains(&containers.known.len()), "{}", containers.known.len());
    }
}
