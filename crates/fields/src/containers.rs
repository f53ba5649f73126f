//! Container ids, from the paths of control groups.
//!
//! Engines put a container's processes into a control group whose path holds the container's id.
//! The layouts and their order are those of Falco's container plugin.

/// Characters of an id as engines make them.
const FULL_ID: usize = 64;
/// Characters of an id as it is shown.
pub const SHORT_ID: usize = 12;

/// What stands before and behind the id of 64 hexadecimal digits, in order of preference: Podman,
/// Docker (also containerd and CRI-O without systemd), CRI.
const LAYOUTS: [(&[u8], &[u8]); 10] = [
    (b"/libpod-", b".scope"),
    (b"/libpod-", b".scope/container"),
    (b"/libpod-conmon-", b".scope"),
    (b"/libpod-", b""),
    (b"/", b""),
    (b"/docker-", b".scope"),
    (b"/crio-", b""),
    (b"/crio-", b".scope"),
    (b"/cri-containerd-", b".scope"),
    (b":cri-containerd:", b""),
];

/// What stands before the name of an LXC container, which is its id.
const LXC: [&[u8]; 3] = [b"/lxc.payload.", b"/lxc.payload/", b"/lxc/"];

/// The id in the path of a control group, shortened as it is shown.
pub fn id_in_path(path: &[u8]) -> Option<&[u8]> {
    let hex = LAYOUTS.iter().find_map(|(prefix, suffix)| {
        let start = memchr::memmem::rfind(path, prefix)? + prefix.len();
        let id = path[start..].strip_suffix(*suffix)?;
        let is_id = id.len() == FULL_ID && id.iter().all(u8::is_ascii_hexdigit);
        is_id.then(|| &id[..SHORT_ID])
    });
    hex.or_else(|| {
        LXC.iter().find_map(|prefix| {
            let start = memchr::memmem::find(path, prefix)? + prefix.len();
            let name = path[start..].split(|b| *b == b'/').next().unwrap_or_default();
            (!name.is_empty()).then_some(name)
        })
    })
}

/// The id of the container a process with these control groups runs in.
pub fn id_in_cgroups<'c>(paths: impl Iterator<Item = &'c [u8]>) -> Option<&'c [u8]> {
    let mut paths = paths;
    // Most paths of the host are short: nothing that holds an id is shorter than this.
    paths.find_map(|path| if path.len() > "/lxc/".len() { id_in_path(path) } else { None })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "3ad7b26ded6d8e7b23da7d48fe889434573036c27ae5a74837233de441c3601e";

    #[test]
    fn layouts_of_engines() {
        for path in [
            format!("/docker/{ID}"),
            format!("/system.slice/docker-{ID}.scope"),
            format!("/kubepods/besteffort/pod1a2b3c4d/{ID}"),
            format!("/kubepods.slice/kubepods-pod1.slice/cri-containerd-{ID}.scope"),
            format!("/kubepods.slice/pod1.slice/crio-{ID}.scope"),
            format!("/machine.slice/libpod-{ID}.scope/container"),
            format!("/system.slice/containerd.service/kubepods-pod1.slice:cri-containerd:{ID}"),
        ] {
            assert_eq!(id_in_path(path.as_bytes()), Some(&ID.as_bytes()[..12]), "{path}");
        }
        assert_eq!(id_in_path(b"/lxc.payload.web/init.scope"), Some(&b"web"[..]));
        assert_eq!(id_in_path(b"/lxc/web"), Some(&b"web"[..]));
    }

    #[test]
    fn the_host_is_no_container() {
        let paths = ["/", "/system.slice/docker.service", "/user.slice/user-501.slice", ""];
        assert_eq!(id_in_cgroups(paths.iter().map(|p| p.as_bytes())), None);
        assert_eq!(id_in_path(format!("/docker/{}", &ID[1..]).as_bytes()), None);
    }
}
