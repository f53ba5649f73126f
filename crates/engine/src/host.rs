//! What the engine knows of the host beside its processes: users, groups, interfaces, its name.

use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use peregrine_capture::{Interface, InterfaceAddress, MachineInfo};
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

/// What a capture says of this machine. What cannot be found out is zero.
pub fn machine() -> MachineInfo {
    let number = |path: &str| {
        std::fs::read_to_string(path).ok().and_then(|text| text.trim().parse::<u64>().ok())
    };
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory_kib = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    MachineInfo {
        num_cpus: std::thread::available_parallelism().map_or(0, |n| n.get() as u32),
        memory_bytes: memory_kib.unwrap_or(0) * 1024,
        max_pid: number("/proc/sys/kernel/pid_max").unwrap_or(0),
        hostname: hostname().into_bytes(),
        boot_ts: boot_ts(),
        flags: 0,
    }
}

/// When the machine was booted, nanoseconds since the epoch.
pub fn boot_ts() -> u64 {
    let since_boot = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let since_boot = Duration::new(since_boot.tv_sec as u64, since_boot.tv_nsec as u32);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.saturating_sub(since_boot).as_nanos() as u64
}

/// The host's interfaces as a capture lists them; none if they cannot be listed.
pub fn interface_list() -> Vec<Interface> {
    let list = if_addrs::get_if_addrs().unwrap_or_default();
    list.into_iter()
        .map(|interface| Interface {
            address: match &interface.addr {
                if_addrs::IfAddr::V4(v4) => InterfaceAddress::V4 {
                    address: v4.ip.octets(),
                    mask: v4.netmask.octets(),
                    broadcast: v4.broadcast.map_or([0; 4], |ip| ip.octets()),
                },
                if_addrs::IfAddr::V6(v6) => InterfaceAddress::V6 {
                    address: v6.ip.octets(),
                    mask: v6.netmask.octets(),
                    broadcast: v6.broadcast.map_or([0; 16], |ip| ip.octets()),
                },
            },
            name: interface.name.into_bytes(),
            link_speed: 0,
        })
        .collect()
}
