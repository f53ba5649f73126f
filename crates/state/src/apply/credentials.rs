//! Ids, capabilities, limits and memory.

use peregrine_event::{arg, code};

use super::Step;
use crate::flags::{ALL_CAPABILITIES, thread as flag};
use crate::shard::Shard;
use crate::users::{Group, User};

const RLIMIT_NOFILE: i64 = 7;
const PR_SET_CHILD_SUBREAPER: i64 = 36;
const PR_GET_CHILD_SUBREAPER: i64 = 37;

impl Shard {
    pub(super) fn set_ids(&mut self, step: &mut Step<'_>) {
        use arg::{
            syscall_setgid_x, syscall_setregid_x, syscall_setresgid_x, syscall_setresuid_x,
            syscall_setreuid_x, syscall_setuid_x,
        };
        let Some(slot) = step.subject.thread.filter(|_| step.result() == 0) else { return };
        let (index, is_user) = match step.code {
            code::SYSCALL_SETRESUID_X => (syscall_setresuid_x::euid, true),
            code::SYSCALL_SETREUID_X => (syscall_setreuid_x::euid, true),
            code::SYSCALL_SETUID_X => (syscall_setuid_x::uid, true),
            code::SYSCALL_SETRESGID_X => (syscall_setresgid_x::egid, false),
            code::SYSCALL_SETREGID_X => (syscall_setregid_x::egid, false),
            _ => (syscall_setgid_x::gid, false),
        };
        let Some(id) = step.r.int(index) else { return };
        let thread = self.thread_mut(slot);
        if is_user {
            thread.uid = id as u32;
            let gid = thread.gid;
            self.users.need(id as u32, gid);
        } else {
            thread.gid = id as u32;
            self.users.need(u32::MAX, id as u32);
        }
        self.publish_change(slot);
    }

    pub(super) fn setsid(&mut self, step: &mut Step<'_>) {
        let session = step.result();
        let Some(slot) = step.subject.thread.filter(|_| session >= 0) else { return };
        self.thread_mut(slot).sid = session;
        self.publish_change(slot);
    }

    pub(super) fn capset(&mut self, step: &mut Step<'_>) {
        use arg::syscall_capset_x as a;
        let Some(slot) = step.subject.thread.filter(|_| step.result() >= 0) else { return };
        let thread = self.thread_mut(slot);
        thread.cap_inheritable = step.int(a::cap_inheritable) as u64;
        thread.cap_permitted = step.int(a::cap_permitted) as u64;
        thread.cap_effective = step.int(a::cap_effective) as u64;
        self.publish_change(slot);
    }

    /// A new user namespace gives all capabilities in it.
    pub(super) fn namespaces(&mut self, step: &mut Step<'_>) {
        let Some(slot) = step.subject.thread.filter(|_| step.result() >= 0) else { return };
        let index = if step.code == code::SYSCALL_UNSHARE_X {
            arg::syscall_unshare_x::flags
        } else {
            arg::syscall_setns_x::nstype
        };
        if step.uint32(index) & flag::CLONE_NEWUSER == 0 {
            return;
        }
        let thread = self.thread_mut(slot);
        thread.cap_inheritable = ALL_CAPABILITIES;
        thread.cap_permitted = ALL_CAPABILITIES;
        thread.cap_effective = ALL_CAPABILITIES;
        self.publish_change(slot);
    }

    pub(super) fn prctl(&mut self, step: &mut Step<'_>) {
        use arg::syscall_prctl_x as a;
        let Some(slot) = step.subject.thread.filter(|_| step.result() >= 0) else { return };
        let option = step.int(a::option);
        if matches!(option, PR_SET_CHILD_SUBREAPER | PR_GET_CHILD_SUBREAPER)
            && !self.thread(slot).is_invalid()
            && let Some(group) = self.group_mut(slot)
        {
            group.is_reaper = step.int(a::arg2_int) != 0;
        }
    }

    /// Whether a thread may be changed by this event. Of several shards each leaves other thread
    /// groups alone, whichever of them it has: the result must not depend on that.
    fn is_of_event_group(&self, tid: i64, step: &Step<'_>) -> bool {
        let own = i64::from(step.r.header().tgid);
        self.directory.is_none() || self.find(tid).is_some_and(|slot| self.thread(slot).pid == own)
    }

    pub(super) fn limits(&mut self, step: &mut Step<'_>) {
        use arg::{syscall_prlimit_x as prlimit, syscall_setrlimit_x as own};
        let (slot, limit) = if step.code == code::SYSCALL_PRLIMIT_X {
            if step.result() != 0 || step.r.int(prlimit::resource) != Some(RLIMIT_NOFILE) {
                return;
            }
            let Some(tid) = step.r.int(prlimit::pid) else { return };
            let limit = step.int(prlimit::newcur);
            if limit == -1 {
                return;
            }
            let tid = if tid == 0 { step.tid } else { tid };
            if !self.is_of_event_group(tid, step) {
                return;
            }
            let Some(slot) = self.get_or_resolve(tid) else { return };
            if self.thread(slot).is_invalid() {
                return;
            }
            (slot, limit)
        } else {
            if step.result() < 0 || step.r.int(own::resource) != Some(RLIMIT_NOFILE) {
                return;
            }
            let Some(slot) = step.subject.thread else { return };
            (slot, step.int(own::cur))
        };
        if limit != -1
            && let Some(main) = self.main_thread(slot)
        {
            self.thread_mut(main).fdlimit = limit;
        }
    }

    pub(super) fn memory(&mut self, step: &mut Step<'_>) {
        use arg::{schedswitch_6_e as switch, syscall_brk_4_x as brk};
        let Some(slot) = step.subject.thread else { return };
        if step.code == code::SCHEDSWITCH_6_E {
            if !step.r.has(switch::vm_swap) {
                return;
            }
            let thread = self.thread_mut(slot);
            thread.usage.pfmajor = step.int(switch::pgft_maj) as u64;
            thread.usage.pfminor = step.int(switch::pgft_min) as u64;
            if let Some(main) = self.main_thread(slot) {
                let thread = self.thread_mut(main);
                thread.usage.vmsize_kb = step.uint32(switch::vm_size);
                thread.usage.vmrss_kb = step.uint32(switch::vm_rss);
                thread.usage.vmswap_kb = step.uint32(switch::vm_swap);
            }
            return;
        }
        // mmap, mmap2 and munmap have the three at the same places.
        let thread = self.thread_mut(slot);
        if step.r.has(brk::vm_size) {
            thread.usage.vmsize_kb = step.uint32(brk::vm_size);
        }
        if step.r.has(brk::vm_swap) {
            thread.usage.vmrss_kb = step.uint32(brk::vm_rss);
            thread.usage.vmswap_kb = step.uint32(brk::vm_swap);
        }
    }

    pub(super) fn user_event(&mut self, step: &mut Step<'_>) {
        use arg::{group_added_e as group, user_added_e as user};
        match step.code {
            code::USER_ADDED_E => {
                let entry = User {
                    uid: step.uint32(user::uid),
                    gid: step.uint32(user::gid),
                    name: step.text(user::name).into(),
                    home: step.text(user::home).into(),
                    shell: step.text(user::shell).into(),
                };
                self.users.add_user(step.text(user::container_id), entry);
            }
            code::USER_DELETED_E => {
                self.users.remove_user(step.text(user::container_id), step.uint32(user::uid));
            }
            code::GROUP_ADDED_E => {
                let (gid, name) = (step.uint32(group::gid), step.text(group::name).into());
                self.users.add_group(step.text(group::container_id), Group { gid, name });
            }
            _ => self.users.remove_group(step.text(group::container_id), step.uint32(group::gid)),
        }
    }
}
