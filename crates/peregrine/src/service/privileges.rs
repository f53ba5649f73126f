//! Gives up, once the probe is attached, every privilege that is not needed any more.
//!
//! Attaching is what needs most. Afterwards maps are read and written through descriptors that are
//! open, and `/proc` of other users is read, which takes [`NEEDED`]. Privileges belong to threads, so
//! this is done while there is one thread only: all others inherit what it left.
//!
//! Outputs, sockets and recordings are opened afterwards: what works at the start also works when a
//! file is opened anew or a reload names another one.

use std::fmt;

use anyhow::{Context, bail, ensure};
use clap::Args;
use peregrine_probe::Probe;
use peregrine_state::users::{User, groups_with, users_in};
use rustix::process::{Gid, Uid};
use rustix::thread::{self, CapabilitiesSecureBits, CapabilitySet, CapabilitySets};

/// What a running engine does with the probe's maps, reloads included.
///
/// # Errors
/// What the kernel says against it.
pub fn touch_maps(probe: &Probe) -> Result<(), String> {
    probe.touch_maps().map_err(|error| error.to_string())
}

/// What is kept: `/proc/PID/{exe,cwd,root,fd}` of other users, also where directories are closed.
pub const NEEDED: CapabilitySet = CapabilitySet::SYS_PTRACE.union(CapabilitySet::DAC_READ_SEARCH);

/// What is kept beside it, the first that helps, where the kernel refuses to touch an open map
/// without: before 5.19 with `kernel.unprivileged_bpf_disabled`.
const FOR_MAPS: [CapabilitySet; 2] = [CapabilitySet::BPF, CapabilitySet::SYS_ADMIN];

const PASSWD: &str = "/etc/passwd";
const GROUP: &str = "/etc/group";

/// A user to go on as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    name: String,
    uid: u32,
    gid: u32,
    groups: Vec<u32>,
}

/// What the configuration says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    user: Option<Identity>,
}

/// What was given up.
#[derive(Debug)]
pub struct Dropped {
    before: CapabilitySet,
    kept: CapabilitySet,
    /// Where `kept` is more than [`NEEDED`]: what the kernel said without it.
    refused: Option<String>,
    /// Why programs that are started could still regain something, were it not for
    /// `no_new_privs`: the bounding set cannot be shrunk without CAP_SETPCAP.
    is_bounded: bool,
    user: Option<Identity>,
}

/// Options of the commands that attach the probe.
#[derive(Debug, Args)]
pub struct PrivilegeArgs {
    /// Give up every privilege that is not needed once the kernel side is attached
    #[arg(long)]
    pub drop_privileges: bool,
    /// The same, and go on as this user: a name or a number
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
}

impl PrivilegeArgs {
    /// See [`Wish::new`].
    ///
    /// # Errors
    /// There is no such user.
    pub fn wish(&self) -> anyhow::Result<Option<Wish>> {
        Wish::new(self.drop_privileges, self.user.as_deref().unwrap_or_default())
    }
}

impl Wish {
    /// What is to be given up; `None`: nothing. An empty `user` stays who it is.
    ///
    /// # Errors
    /// There is no such user.
    pub fn new(drop_privileges: bool, user: &str) -> anyhow::Result<Option<Self>> {
        if user.is_empty() {
            return Ok(drop_privileges.then_some(Self { user: None }));
        }
        // Where there is no such file, as in an image without a system, a number is a user, too.
        let read = |path: &str| match std::fs::read(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            read => read.with_context(|| format!("read {path}")),
        };
        let user = Identity::find(user, &read(PASSWD)?, &read(GROUP)?)?;
        Ok(Some(Self { user: Some(user) }))
    }

    /// Gives up everything else. `touch_maps` reads and writes maps of the probe, to find out
    /// whether the kernel allows that without further capabilities.
    ///
    /// # Errors
    /// The process has several threads, or the kernel refuses a step; it may have given up a part
    /// then, and must end.
    pub fn carry_out(
        &self,
        touch_maps: impl Fn() -> Result<(), String>,
    ) -> anyhow::Result<Dropped> {
        let threads = std::fs::read_dir("/proc/self/task").context("count the threads")?.count();
        ensure!(
            threads == 1,
            "privileges can be dropped by a single thread only, here are {threads}"
        );
        let before = thread::capabilities(None).context("read the capabilities")?;
        let (kept, refused) = needed(before, touch_maps)?;
        let is_bounded = before.effective.contains(CapabilitySet::SETPCAP);
        if is_bounded {
            bound(kept)?;
        }
        if let Some(user) = &self.user {
            become_user(user)?;
        }
        thread::set_no_new_privs(true).context("set no_new_privs")?;
        thread::clear_ambient_capability_set().context("clear the ambient capabilities")?;
        let none = CapabilitySet::empty();
        let left = CapabilitySets { effective: kept, permitted: kept, inheritable: none };
        set(left)?;
        ensure!(
            thread::capabilities(None)? == left,
            "the kernel left other capabilities than asked"
        );
        let user = self.user.clone();
        Ok(Dropped { before: before.permitted, kept, refused, is_bounded, user })
    }
}

/// What would be kept here, without giving anything up.
///
/// # Errors
/// The kernel refuses what the engine does, whatever is kept.
pub fn would_keep(
    touch_maps: impl Fn() -> Result<(), String>,
) -> anyhow::Result<(CapabilitySet, Option<String>)> {
    needed(thread::capabilities(None).context("read the capabilities")?, touch_maps)
}

/// What is to be kept of `before`, and where it is more than [`NEEDED`], what the kernel says
/// without it. Found out by trying with fewer *effective* capabilities, which can be taken back.
fn needed(
    before: CapabilitySets,
    touch_maps: impl Fn() -> Result<(), String>,
) -> anyhow::Result<(CapabilitySet, Option<String>)> {
    let trial = |kept: CapabilitySet| {
        set(CapabilitySets { effective: kept, ..before })?;
        let refused = touch_maps().err();
        set(before)?;
        Ok::<_, anyhow::Error>(refused)
    };
    let least = NEEDED.intersection(before.permitted);
    let Some(refused) = trial(least)? else { return Ok((least, None)) };
    for more in FOR_MAPS.into_iter().filter(|more| before.permitted.contains(*more)) {
        if trial(least.union(more))?.is_none() {
            return Ok((least.union(more), Some(refused)));
        }
    }
    bail!("privileges cannot be dropped: {refused}")
}

fn set(sets: CapabilitySets) -> anyhow::Result<()> {
    thread::set_capabilities(None, sets).context("set the capabilities")
}

/// Makes it impossible for this process and those it starts to regain more than `kept`, and for
/// root among the latter to get anything by being root.
fn bound(kept: CapabilitySet) -> anyhow::Result<()> {
    for bit in 0..u64::BITS {
        let capability = CapabilitySet::from_bits_retain(1 << bit);
        // An error: the kernel has no such capability.
        let is_bound = thread::capability_is_in_bounding_set(capability).unwrap_or(false);
        if is_bound && !kept.contains(capability) {
            thread::remove_capability_from_bounding_set(capability)
                .context("shrink the bounding set")?;
        }
    }
    let bits = CapabilitiesSecureBits::NO_ROOT | CapabilitiesSecureBits::NO_ROOT_LOCKED;
    let bits = thread::capabilities_secure_bits()? | bits;
    thread::set_capabilities_secure_bits(bits).context("set the secure bits")
}

/// Changes all ids of the process; what is permitted stays.
fn become_user(user: &Identity) -> anyhow::Result<()> {
    let doing = || format!("go on as user {} (it takes CAP_SETUID and CAP_SETGID)", user.name);
    let gid = Gid::from_raw(user.gid);
    let uid = Uid::from_raw(user.uid);
    let groups: Vec<Gid> = user.groups.iter().copied().map(Gid::from_raw).collect();
    thread::set_keep_capabilities(true).with_context(doing)?;
    thread::set_thread_groups(&groups).with_context(doing)?;
    thread::set_thread_res_gid(gid, gid, gid).with_context(doing)?;
    thread::set_thread_res_uid(uid, uid, uid).with_context(doing)?;
    thread::set_keep_capabilities(false).with_context(doing)
}

impl Identity {
    /// Looks a user up by name or number. A number need not be in the list: images of containers
    /// often have none; its group has the same number then.
    fn find(user: &str, passwd: &[u8], group: &[u8]) -> anyhow::Result<Self> {
        let number = user.parse::<u32>().ok().filter(|uid| *uid != u32::MAX);
        let is_meant = |known: &User| match number {
            Some(uid) => known.uid == uid,
            None => &*known.name == user.as_bytes(),
        };
        let found = users_in(passwd).find(is_meant);
        let (uid, gid, name) = match (found, number) {
            (Some(known), _) => {
                (known.uid, known.gid, String::from_utf8_lossy(&known.name).into_owned())
            }
            (None, Some(uid)) => (uid, uid, uid.to_string()),
            (None, None) => bail!("peregrine.user: there is no user {user} in {PASSWD}"),
        };
        let mut groups: Vec<u32> = groups_with(group, name.as_bytes()).collect();
        groups.push(gid);
        groups.sort_unstable();
        groups.dedup();
        Ok(Self { name, uid, gid, groups })
    }
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let given_up = self.before.difference(self.kept);
        write!(
            f,
            "privileges: gave up {} capabilities, kept {}",
            given_up.iter().count(),
            names(self.kept)
        )?;
        if let Some(refused) = &self.refused {
            let more = names(self.kept.difference(NEEDED));
            write!(f, " ({more} because this kernel says without it: {refused})")?;
        }
        match &self.user {
            Some(user) => write!(f, "; user {} ({}:{})", user.name, user.uid, user.gid)?,
            None => write!(f, "; user {}", rustix::process::geteuid().as_raw())?,
        }
        f.write_str("; no new privileges")?;
        if !self.is_bounded {
            f.write_str("; the bounding set stays, as there is no CAP_SETPCAP to shrink it")?;
        }
        Ok(())
    }
}

/// Names as in `CAP_BPF, CAP_PERFMON`.
pub fn names(set: CapabilitySet) -> String {
    if set.is_empty() {
        return "none".into();
    }
    let mut names = Vec::new();
    let mut unnamed = set;
    for (name, capability) in set.iter_names() {
        names.push(format!("CAP_{name}"));
        unnamed.remove(capability);
    }
    let bits = (0..u64::BITS).filter(|bit| unnamed.bits() >> bit & 1 != 0);
    names.extend(bits.map(|bit| format!("capability {bit}")));
    names.join(", ")
}

/// What an error of permission is followed by when privileges were dropped before it.
pub fn explain(error: anyhow::Error) -> anyhow::Error {
    let is_denied = error.chain().any(|cause| {
        cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied)
    });
    if !is_denied {
        return error;
    }
    error.context(
        "outputs, recordings and sockets are opened with the privileges that are left \
         (peregrine.user or --user, peregrine.drop_privileges or --drop-privileges)",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_have_their_groups() {
        let passwd = b"root:x:0:0::/:/bin/sh\nwatch:x:7:8::/:/bin/sh\n";
        let group = b"root:x:0:\nwatch:x:8:\nadm:x:4:syslog,watch\nother:x:9:watcher\n";
        let user = Identity::find("watch", passwd, group).unwrap();
        assert_eq!((user.uid, user.gid, &*user.groups), (7, 8, &[4, 8][..]));
        assert_eq!(Identity::find("7", passwd, group).unwrap(), user);
        let unknown = Identity::find("65532", passwd, group).unwrap();
        assert_eq!((unknown.uid, unknown.gid, &*unknown.groups), (65532, 65532, &[65532][..]));
        for missing in ["nobody", "4294967295", "-1"] {
            assert!(Identity::find(missing, passwd, group).is_err(), "{missing}");
        }
    }

    #[test]
    fn capabilities_are_named_as_in_the_manual() {
        assert_eq!(names(NEEDED), "CAP_DAC_READ_SEARCH, CAP_SYS_PTRACE");
        assert_eq!(names(CapabilitySet::empty()), "none");
        assert_eq!(names(CapabilitySet::from_bits_retain(1 << 60)), "capability 60");
    }
}
