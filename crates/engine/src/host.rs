//! What the engine knows of the host beside its processes: users, groups, interfaces, its name.

use std::net::IpAddr;
use std::time::SystemTime;

use peregrine_state::Interfaces;

const PASSWD: &str = "/etc/passwd";
const GROUP: &str = "/etc/group";

/// Contents of the files that name users and groups.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct HostFiles {
    /// `/etc/passwd`.
    pub passwd: Vec<u8>,
    /// `/etc/group`.
    pub group: Vec<u8>,
    modified: [Option<SystemTime>; 2],
}

impl HostFiles {
    /// Reads both files; one that cannot be read is empty, and its users have no names.
    pub fn read() -> Self {
        Self {
            modified: modified(),
            passwd: std::fs::read(PASSWD).unwrap_or_default(),
            group: std::fs::read(GROUP).unwrap_or_default(),
        }
    }

    /// Whether a file was changed since it was read.
    pub fn is_stale(&self) -> bool {
        self.modified != modified()
    }
}

fn modified() -> [Option<SystemTime>; 2] {
    [PASSWD, GROUP].map(|path| std::fs::metadata(path).and_then(|m| m.modified()).ok())
}

/// The host's name, as Falco shows it: `FALCO_HOSTNAME` if set, else the kernel's.
pub fn hostname() -> String {
    std::env::var("FALCO_HOSTNAME")
        .ok()
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| rustix::system::uname().nodename().to_string_lossy().into_owned())
}

/// The addresses of the host's interfaces; none if they cannot be listed.
pub fn interfaces() -> Interfaces {
    let mut interfaces = Interfaces::default();
    for interface in if_addrs::get_if_addrs().unwrap_or_default() {
        match (interface.ip(), &interface.addr) {
            (IpAddr::V4(address), if_addrs::IfAddr::V4(v4)) => {
                interfaces.v4.push((address, v4.netmask));
            }
            (IpAddr::V6(address), _) => interfaces.v6.push(address),
            _ => {}
        }
    }
    interfaces
}
