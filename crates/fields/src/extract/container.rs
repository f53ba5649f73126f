//! Fields of the container: `container.*` and `k8s.*`.
//!
//! The id comes from the control groups. Names, images, labels and pods are what a container engine
//! said to whoever recorded a capture ([`peregrine_state::containers`]); nothing here asks one, so
//! without such events these fields have no value for a container, as in Falco.

use std::cell::RefCell;

use peregrine_event::{Value, arg, code};
use peregrine_filter::catalog::FieldArg;
use peregrine_state::containers::{Container, Labels, Mount, REMOVED};
use regex::{Regex, RegexBuilder};
use rustc_hash::FxHashMap;

use crate::catalogue::Field;
use crate::containers::SHORT_ID;
use crate::view::EventView;

impl EventView<'_> {
    pub(super) fn container_value(&self, field: Field, arg: &FieldArg) -> Option<Value<'_>> {
        if !self.session.containers {
            return None;
        }
        if let Some(container) = self.told_container() {
            return self.described(&container, field, arg).map(Value::into_owned);
        }
        self.process()?;
        let Some(id) = self.container_id() else { return on_host(field) };
        match (self.containers().get(id), field) {
            (None, Field::ContainerId) => Some(Value::bytes(id)),
            (_, Field::ContainerStartTs) => self.container_start().map(Value::Uint),
            (_, Field::ContainerDuration) => {
                let start = self.container_start()?;
                self.record.ts().checked_sub(start).map(Value::Uint)
            }
            (Some(container), _) => self.described(container, field, arg),
            (None, _) => None,
        }
    }

    /// The container that this very event tells of.
    fn told_container(&self) -> Option<Container> {
        let json = match self.record.code() {
            code::CONTAINER_JSON_2_E => self.record.bytes(arg::container_json_2_e::json)?,
            code::ASYNCEVENT_E => {
                let name = self.record.text(arg::asyncevent_e::name)?;
                let is_told = name == peregrine_state::containers::ADDED || name == REMOVED;
                is_told.then(|| self.record.bytes(arg::asyncevent_e::data)).flatten()?
            }
            _ => return None,
        };
        Container::parse(json)
    }

    fn described<'c>(
        &'c self,
        c: &'c Container,
        field: Field,
        arg: &FieldArg,
    ) -> Option<Value<'c>> {
        use Field as F;
        let text = |text: &'c str| Some(Value::text(text));
        match field {
            F::ContainerId => text(&c.id),
            F::ContainerFullId => text(&c.full_id),
            F::ContainerName => text(&c.name),
            F::ContainerImage => text(&c.image),
            F::ContainerImageId => text(&c.image_id),
            F::ContainerType => text(c.engine()),
            F::ContainerPrivileged => Some(Value::Bool(c.is_privileged)),
            F::ContainerMounts => {
                let mounts: Vec<String> = c.mounts().iter().map(Mount::text).collect();
                Some(Value::owned(mounts.join(",").as_bytes()))
            }
            F::ContainerMount => {
                Some(Value::owned(mount(c, arg, |m| &m.source)?.text().as_bytes()))
            }
            // What is not asked for is what the key is compared with.
            F::ContainerMountSource => text(&mount(c, arg, |m| &m.dest)?.source),
            F::ContainerMountDest => text(&mount(c, arg, |m| &m.source)?.dest),
            F::ContainerMountMode => text(&mount(c, arg, |m| &m.source)?.mode),
            F::ContainerMountRdwr => {
                text(if mount(c, arg, |m| &m.source)?.is_writable { "true" } else { "false" })
            }
            F::ContainerMountPropagation => text(&mount(c, arg, |m| &m.source)?.propagation),
            F::ContainerImageRepository => text(&c.image_repository),
            F::ContainerImageTag => text(&c.image_tag),
            F::ContainerImageDigest => text(&c.image_digest),
            F::ContainerIp => text(&c.ip),
            F::ContainerCniJson => text(&c.cni_json),
            F::ContainerHostPid => Some(Value::Bool(c.host_pid)),
            F::ContainerHostNetwork => Some(Value::Bool(c.host_network)),
            F::ContainerHostIpc => Some(Value::Bool(c.host_ipc)),
            F::ContainerLabel => label(c.labels(), arg),
            F::ContainerLabels => Some(Value::owned(joined(c.labels()).as_bytes())),
            F::K8sPodName => c.labels().get("io.kubernetes.pod.name").map(|v| Value::text(v)),
            F::K8sNsName => c.labels().get("io.kubernetes.pod.namespace").map(|v| Value::text(v)),
            F::K8sPodId | F::K8sPodUid => {
                c.labels().get("io.kubernetes.pod.uid").map(|v| Value::text(v))
            }
            F::K8sPodSandboxId => text(short(&c.pod_sandbox_id)),
            F::K8sPodFullSandboxId => text(&c.pod_sandbox_id),
            F::K8sPodLabel => match self.sandbox(c) {
                Some(sandbox) => label(sandbox.pod_labels(), arg),
                None => None,
            }
            .or_else(|| label(c.pod_labels(), arg)),
            F::K8sPodLabels => {
                let labels = self.sandbox(c).unwrap_or(c).pod_labels();
                Some(Value::owned(joined(labels).as_bytes()))
            }
            F::K8sPodIp if c.cni_json.is_empty() => text(&self.sandbox(c)?.ip),
            F::K8sPodIp => text(&c.ip),
            F::K8sPodCniJson if c.cni_json.is_empty() => text(&self.sandbox(c)?.cni_json),
            F::K8sPodCniJson => text(&c.cni_json),
            _ => None,
        }
    }

    /// The container that stands for the pod, for one that was not told of its pod itself.
    fn sandbox(&self, container: &Container) -> Option<&Container> {
        if !container.cni_json.is_empty() {
            return None;
        }
        let id = short(&container.pod_sandbox_id);
        self.containers().get(id.as_bytes()).map(|sandbox| &**sandbox)
    }
}

/// The values for processes of the host.
fn on_host(field: Field) -> Option<Value<'static>> {
    use Field as F;
    match field {
        F::ContainerId | F::ContainerFullId | F::ContainerType | F::ContainerName => {
            Some(Value::text("host"))
        }
        F::ContainerImage
        | F::ContainerImageId
        | F::ContainerImageRepository
        | F::ContainerImageTag
        | F::ContainerImageDigest => Some(Value::text("")),
        F::ContainerPrivileged
        | F::ContainerHostPid
        | F::ContainerHostNetwork
        | F::ContainerHostIpc => Some(Value::Bool(false)),
        _ => None,
    }
}

fn short(id: &str) -> &str {
    id.get(..SHORT_ID).unwrap_or(id)
}

fn label<'c>(labels: &'c Labels, arg: &FieldArg) -> Option<Value<'c>> {
    let FieldArg::Key(key) = arg else { return None };
    labels.get(&**key).map(|value| Value::text(value))
}

/// Labels in one text, without annotations and what Kubernetes adds for itself.
fn joined(labels: &Labels) -> String {
    let own = labels.iter().filter(|(name, _)| {
        !name.starts_with("annotation.") && !name.starts_with("io.kubernetes.")
    });
    let texts: Vec<String> = own
        .map(
            |(name, value)| if value.is_empty() { name.clone() } else { format!("{name}:{value}") },
        )
        .collect();
    texts.join(", ")
}

/// A mount by its position, or the first of which a part matches the key, a regular expression.
fn mount<'c>(
    container: &'c Container,
    arg: &FieldArg,
    part: impl Fn(&Mount) -> &str,
) -> Option<&'c Mount> {
    match arg {
        FieldArg::Index(index) => container.mounts().get(usize::try_from(*index).ok()?),
        FieldArg::Key(key) => {
            let is_match = |mount: &&Mount| matches(key, part(mount));
            container.mounts().iter().find(is_match)
        }
        FieldArg::None => None,
    }
}

/// What a key of a mount means.
///
/// # Errors
/// It is no regular expression.
pub(crate) fn mount_pattern(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern).multi_line(true).build()
}

/// Whether a regular expression matches somewhere. There are as many as rules name.
fn matches(pattern: &str, text: &str) -> bool {
    const MOST: usize = 256;
    thread_local! {
        static COMPILED: RefCell<FxHashMap<Box<str>, Option<Regex>>> = RefCell::default();
    }
    COMPILED.with_borrow_mut(|compiled| {
        if let Some(regex) = compiled.get(pattern) {
            return regex.as_ref().is_some_and(|regex| regex.is_match(text));
        }
        if compiled.len() >= MOST {
            compiled.clear();
        }
        let regex = mount_pattern(pattern).ok();
        let is_match = regex.as_ref().is_some_and(|regex| regex.is_match(text));
        compiled.insert(pattern.into(), regex);
        is_match
    })
}
