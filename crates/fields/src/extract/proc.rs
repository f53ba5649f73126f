//! Fields of the process and the thread: `proc.*` and `thread.*`.

use peregrine_event::{Value, table::code};
use peregrine_filter::catalog::{FieldArg, Values};

use super::push;
use crate::catalogue::Field;
use crate::names;
use crate::process::ProcessView;
use crate::view::{EventView, Group, Related, Use};

/// How far the search for a variable in the ancestors' environments goes, as in Falco.
const ENV_SEARCH_LEVELS: usize = 20;

impl EventView<'_> {
    pub(super) fn extract_proc<'s>(
        &'s self,
        field: Field,
        arg: &FieldArg,
        how: Use,
        out: &mut Values<'s>,
    ) -> bool {
        use Field as F;
        let text: fn(ProcessView<'_>) -> &[u8] = match field {
            F::ProcAname => |p| p.comm(),
            F::ProcAexe => |p| p.exe(),
            F::ProcAexepath => |p| p.exepath(),
            F::ProcAcmdline => |p| p.cmdline(),
            F::ProcAargs => |p| p.args_line(),
            F::ProcApid => return self.extract_apid(arg, how, out),
            F::ProcAenv => return self.extract_aenv(arg, how, out),
            _ => return push(out, self.proc_value(field, arg)),
        };
        match (arg, how) {
            (FieldArg::Index(level), _) => push(out, self.ancestor(*level).map(|a| a.text(text))),
            (_, Use::Compare) if field != F::ProcAargs => {
                out.extend(self.ancestors().map(|a| a.text(text)));
                !out.is_empty()
            }
            _ => {
                let mut joined = Vec::new();
                for ancestor in self.ancestors() {
                    if !joined.is_empty() {
                        joined.push(b' ');
                    }
                    joined.extend_from_slice(text(ancestor.view()));
                }
                push(out, (!joined.is_empty()).then(|| Value::owned(joined)))
            }
        }
    }

    fn extract_apid<'s>(&'s self, arg: &FieldArg, how: Use, out: &mut Values<'s>) -> bool {
        let level = match (arg, how) {
            (FieldArg::Index(level), _) => *level,
            // Falco shows the process itself here, although a filter looks at its ancestors.
            (_, Use::Output) => 0,
            (_, Use::Compare) => {
                out.extend(self.ancestors().map(|a| Value::Int(a.view().pid())));
                return !out.is_empty();
            }
        };
        push(out, self.ancestor(level).map(|a| Value::Int(a.view().pid())))
    }

    fn extract_aenv<'s>(&'s self, arg: &FieldArg, how: Use, out: &mut Values<'s>) -> bool {
        let Some(own) = self.main_process() else { return false };
        match (arg, how) {
            (FieldArg::Key(name), _) => {
                let value = |a: &Related<'s>| a.text(|p| p.env_value(name.as_bytes()));
                let found = self
                    .ancestors()
                    .take(ENV_SEARCH_LEVELS)
                    .map(|a| value(&a))
                    .find(|value| value.as_bytes().is_some_and(|text| !text.is_empty()));
                push(out, Some(found.unwrap_or(Value::text(""))))
            }
            // Falco compares every ancestor whatever position is given.
            (_, Use::Compare) => {
                out.extend(self.ancestors().map(|a| a.view().env_line()));
                !out.is_empty()
            }
            (FieldArg::Index(level @ 1..), Use::Output) => {
                push(out, self.ancestor(*level).map(|a| a.view().env_line()))
            }
            (_, Use::Output) => push(out, Some(own.env_line())),
        }
    }

    fn proc_value(&self, field: Field, arg: &FieldArg) -> Option<Value<'_>> {
        use Field as F;
        if let Some(value) = self.thread_value(field) {
            return Some(value);
        }
        let p = self.process()?;
        Some(match field {
            F::ProcName => Value::bytes(p.comm()),
            F::ProcExe => Value::bytes(p.exe()),
            F::ProcExepath => Value::bytes(p.exepath()),
            F::ProcCmdline => Value::bytes(p.cmdline()),
            F::ProcExeline => Value::bytes(p.exeline()),
            F::ProcArgs => match arg {
                FieldArg::Index(n) => Value::bytes(p.arg(*n as usize).unwrap_or_default()),
                _ => Value::bytes(p.args_line()),
            },
            F::ProcCmdnargs => Value::Uint(p.arg_count() as u64),
            F::ProcCmdlenargs => Value::Uint(p.args_bytes() as u64),
            F::ProcEnv => match arg {
                FieldArg::Key(name) => {
                    Value::bytes(self.main_process()?.env_value(name.as_bytes()))
                }
                _ => self.main_process()?.env_line(),
            },
            F::ProcCwd => Value::bytes(self.cwd()),
            F::ProcTty => Value::Uint(u64::from(p.tty())),
            F::ProcPid => Value::Int(p.pid()),
            F::ProcVpid => Value::Int(p.vpid()?),
            F::ProcSid => Value::Int(p.sid()),
            F::ProcVpgid => Value::Int(p.vpgid()),
            F::ProcPgid => Value::Int(p.pgid()),
            F::ProcIsSidLeader => Value::Bool(p.is_session_leader()),
            F::ProcIsVpgidLeader => Value::Bool(p.is_virtual_group_leader()),
            F::ProcIsPgidLeader => Value::Bool(p.is_group_leader()),
            F::ProcPexe => Value::bytes(self.parent_process()?.exe()),
            F::ProcPexepath => Value::bytes(self.parent_process()?.exepath()),
            F::ProcPname => Value::bytes(self.parent_process()?.comm()),
            F::ProcPcmdline => Value::bytes(self.parent_process()?.cmdline()),
            F::ProcPpid => Value::Int(self.parent_process()?.pid()),
            F::ProcPvpid => Value::Int(self.parent_thread()?.view().vpid().unwrap_or(-1)),
            F::ProcPpidTs => Value::Uint(self.parent_thread()?.view().start_ts().unwrap_or(0)),
            F::ProcPpidDuration => self.since(self.parent_process()?.start_ts()?),
            F::ProcLoginshellid => return self.login_shell(),
            F::ProcSname => self.leader_text(Group::Session, |p| p.comm()),
            F::ProcSidExe => self.leader_text(Group::Session, |p| p.exe()),
            F::ProcSidExepath => self.leader_text(Group::Session, |p| p.exepath()),
            F::ProcVpgidName => self.leader_text(Group::InNamespace, |p| p.comm()),
            F::ProcVpgidExe => self.leader_text(Group::InNamespace, |p| p.exe()),
            F::ProcVpgidExepath => self.leader_text(Group::InNamespace, |p| p.exepath()),
            F::ProcPgidName => self.leader_text(Group::OnHost, |p| p.comm()),
            F::ProcPgidExe => self.leader_text(Group::OnHost, |p| p.exe()),
            F::ProcPgidExepath => self.leader_text(Group::OnHost, |p| p.exepath()),
            F::ProcDuration => self.since(p.start_ts()?),
            F::ProcPidTs => Value::Uint(p.start_ts()?),
            F::ProcIsExeWritable => Value::Bool(p.exe_writable()),
            F::ProcIsExeUpperLayer => Value::Bool(p.exe_upper_layer()),
            F::ProcIsExeLowerLayer => Value::Bool(p.exe_lower_layer()),
            F::ProcIsExeFromMemfd => Value::Bool(p.exe_from_memfd()),
            F::ProcExeIno => Value::Int(p.exe_ino()? as i64),
            F::ProcExeInoCtime => Value::Uint(p.exe_ctime()?),
            F::ProcExeInoMtime => Value::Uint(p.exe_mtime()?),
            F::ProcExeInoCtimeDurationProcStart => Value::Uint(p.exe_ctime_to_start()?),
            F::ProcExeInoCtimeDurationPidnsStart => Value::Uint(p.pidns_start_to_exe_ctime()?),
            F::ProcPidnsInitStartTs => Value::Uint(p.pidns_start()?),
            F::ThreadCapPermitted => Value::owned(names::capabilities(p.cap_permitted())),
            F::ThreadCapInheritable => Value::owned(names::capabilities(p.cap_inheritable())),
            F::ThreadCapEffective => Value::owned(names::capabilities(p.cap_effective())),
            F::ProcFdopencount => Value::Uint(self.open_fd_count()),
            F::ProcFdlimit => Value::Int(self.fd_limit()),
            F::ProcFdusage => Value::Double(self.fd_usage()),
            F::ThreadCgroups => p.cgroups_line()?,
            F::ThreadCgroup => match arg {
                FieldArg::Key(subsystem) => Value::bytes(p.cgroup(subsystem.as_bytes())?),
                _ => return None,
            },
            F::ProcStdinType => Value::text(self.open_fd(0)?.word()),
            F::ProcStdoutType => Value::text(self.open_fd(1)?.word()),
            F::ProcStderrType => Value::text(self.open_fd(2)?.word()),
            F::ProcStdinName => Value::bytes(self.open_fd(0)?.name()),
            F::ProcStdoutName => Value::bytes(self.open_fd(1)?.name()),
            F::ProcStderrName => Value::bytes(self.open_fd(2)?.name()),
            _ => return None,
        })
    }

    /// What depends on the thread rather than its process.
    fn thread_value(&self, field: Field) -> Option<Value<'_>> {
        use Field as F;
        const KIB: u64 = 1024;
        let main_only = |v: u64| if self.is_main_thread() { v } else { 0 };
        Some(match field {
            F::ThreadTid => Value::Int(i64::from(self.record.tid() as i32)),
            F::ThreadVtid => Value::Int(self.thread()?.vtid()?),
            F::ThreadIsmain => {
                self.thread()?;
                Value::Bool(self.is_main_thread())
            }
            F::ThreadNametid => {
                let mut text = self.process()?.comm().to_vec();
                text.extend_from_slice(self.record.tid().to_string().as_bytes());
                Value::owned(text)
            }
            // Falco measures these between two switch events; they are 0 on any other.
            F::ThreadExectime => Value::Uint(0),
            F::ThreadTotexectime => {
                self.thread()?;
                Value::Uint(0)
            }
            F::ThreadCpu | F::ThreadCpuUser | F::ThreadCpuSystem => {
                let is_measured = self.record.def().code == code::PROCINFO_E;
                self.thread().filter(|_| is_measured)?;
                Value::Double(0.0)
            }
            F::ProcNthreads => Value::Uint(self.thread_count()?),
            F::ProcNchilds => Value::Uint(self.other_thread_count()?),
            F::ProcVmsize => Value::Uint(self.thread()?.vm_size_kib()),
            F::ProcVmrss => Value::Uint(self.thread()?.vm_rss_kib()),
            F::ProcVmswap => Value::Uint(self.thread()?.vm_swap_kib()),
            F::ThreadVmsize => Value::Uint(main_only(self.thread()?.vm_size_kib())),
            F::ThreadVmrss => Value::Uint(main_only(self.thread()?.vm_rss_kib())),
            F::ThreadVmsizeB => Value::Uint(main_only(self.thread()?.vm_size_kib()) * KIB),
            F::ThreadVmrssB => Value::Uint(main_only(self.thread()?.vm_rss_kib()) * KIB),
            F::ThreadPfmajor => Value::Uint(self.thread()?.major_faults()),
            F::ThreadPfminor => Value::Uint(self.thread()?.minor_faults()),
            _ => return None,
        })
    }

    fn since(&self, start: u64) -> Value<'static> {
        Value::Uint(self.record.ts().wrapping_sub(start))
    }

    fn login_shell(&self) -> Option<Value<'_>> {
        let chain = self.ancestor(0).into_iter().chain(self.ancestors());
        let shells = chain.filter(|a| a.view().comm().ends_with(b"sh"));
        shells.last().map(|a| Value::Int(a.view().pid()))
    }

    /// A text of a leader; empty if there is none.
    fn leader_text(&self, group: Group, text: fn(ProcessView<'_>) -> &[u8]) -> Value<'_> {
        self.leader(group).map_or(Value::text(""), |leader| leader.text(text))
    }

    fn fd_usage(&self) -> f64 {
        let (open, limit) = (self.open_fd_count() as i64, self.fd_limit());
        match limit {
            ..=0 => 0.0,
            _ if open > limit => 100.0,
            _ => open as f64 * 100.0 / limit as f64,
        }
    }
}
