//! What keeps the probe's programs attached, and whether it still does.
//!
//! Tracing links cannot be detached from outside: the kernel answers `BPF_LINK_DETACH` with
//! EOPNOTSUPP, and the programs stay for as long as this process has the descriptor. So a program
//! is lost in two ways:
//! * the descriptor is closed, by a debugger or by a defect of this process. Its number may belong
//!   to another file afterwards, therefore the id of the link is compared, too;
//! * `kernel.ftrace_enabled` is set to 0, on which the kernel takes every fexit program out of its
//!   call without a word to anybody. Tracepoints stay.

use std::io::ErrorKind;
use std::os::fd::{AsFd, AsRawFd};

use libbpf_rs::Link;

use crate::Hook;

/// A link, with what the kernel said of it when it was made.
pub(crate) struct Attached {
    link: Link,
    id: Option<u32>,
}

impl From<Link> for Attached {
    fn from(link: Link) -> Self {
        let id = fdinfo(&link).ok().and_then(|text| number(&text, "link_id:"));
        Self { link, id }
    }
}

impl Attached {
    /// Whether the link is gone or has lost its program. What the kernel does not say is not a
    /// loss: before 5.8 it says nothing of links.
    pub fn is_lost(&self) -> bool {
        let Some(id) = self.id else { return false };
        match fdinfo(&self.link) {
            Ok(text) => is_lost(&text, id),
            Err(error) => error.kind() == ErrorKind::NotFound,
        }
    }
}

fn fdinfo(link: &Link) -> std::io::Result<String> {
    std::fs::read_to_string(format!("/proc/self/fdinfo/{}", link.as_fd().as_raw_fd()))
}

fn number(fdinfo: &str, key: &str) -> Option<u32> {
    fdinfo.lines().find_map(|line| line.strip_prefix(key))?.trim().parse().ok()
}

fn is_lost(fdinfo: &str, id: u32) -> bool {
    number(fdinfo, "link_id:") != Some(id) || number(fdinfo, "prog_id:").unwrap_or(0) == 0
}

/// Why programs of this rung do not run although they are attached.
pub(crate) fn suspended(hook: Hook) -> Option<&'static str> {
    let is_off = hook == Hook::Fexit
        && std::fs::read_to_string("/proc/sys/kernel/ftrace_enabled")
            .is_ok_and(|text| text.trim() == "0");
    is_off.then_some("kernel.ftrace_enabled is 0, so that no fexit program runs")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loader::{DEDICATED, OFF, SYSCALLS, with_class};
    use crate::{Capabilities, Class, Options, Probe};

    #[test]
    fn a_link_is_lost_with_its_program_or_its_descriptor() {
        let link = "pos:\t0\nflags:\t02000000\nlink_type:\traw_tracepoint\nlink_id:\t7\n";
        let whole = format!("{link}prog_tag:\tab\nprog_id:\t19\ntp_name:\tsys_exit\n");
        assert!(!is_lost(&whole, 7));
        assert!(is_lost(&whole, 8), "another link");
        assert!(is_lost(&format!("{link}prog_tag:\tab\nprog_id:\t0\n"), 7));
        assert!(is_lost(link, 7));
        assert!(is_lost("pos:\t0\nflags:\t02000000\n", 7), "another file");
    }

    /// Breaks if a kernel lets others detach what we rely on and we do not notice.
    #[test]
    fn nobody_can_detach_a_link_unseen() {
        if let Err(reason) = Capabilities::detect().check() {
            eprintln!("skipped: {reason}");
            return;
        }
        let mut interest = [OFF; SYSCALLS];
        interest[0] = with_class(DEDICATED, Class::Rule);
        let mut probe = Probe::load(Options::default(), &interest).expect("the probe loads");
        let links = std::mem::take(&mut probe.links);
        assert!(links.len() > 3);
        for attached in &links {
            assert!(attached.id.is_some() && !attached.is_lost());
            // The same call as from another process, which has a descriptor of its own.
            match attached.link.detach() {
                Ok(()) => assert!(attached.is_lost()),
                Err(error) => {
                    let unsupported = format!("os error {}", libc::EOPNOTSUPP);
                    assert!(format!("{error:#}").contains(&unsupported), "{error:#}");
                    assert!(!attached.is_lost());
                }
            }
        }
    }
}
