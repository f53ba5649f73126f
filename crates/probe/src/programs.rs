//! Which of the object's programs are loaded.

use libbpf_rs::{OpenObject, OpenProgramMut};
use peregrine_event::syscalls::X86_64;
use peregrine_event::{EventCode, code};

use crate::ProbeError;
use crate::loader::{DEDICATED, Hook, SYSCALLS};
use crate::object::Choice;
use crate::refusal::Refusal;
use crate::wrapper::{self, Wrapper};

/// Without these nothing works: the dispatcher, and the life of processes.
const REQUIRED: [&str; 4] = ["dispatch", "birth", "exec", "thread_exit"];

/// If more programs than this are refused, the trouble is not with them. Also bounds how often the
/// load is tried.
pub(crate) const MOST_LEFT_OUT: usize = 12;

/// The outcome of a choice.
pub(crate) struct Chosen {
    /// Programs whose kernel function does not exist here or is not described.
    pub missing: Vec<Refusal>,
}

/// Whether the probe starts without this program. On the fexit rung a call without its program is
/// not reported at all: then the rung is given up, unless the user asked for it by name.
pub(crate) fn may_be_left_out(program: &str, hook: Hook, asked_for: Option<Hook>) -> bool {
    let is_call = program.starts_with("fexit_") && hook == Hook::Fexit;
    let is_needed = REQUIRED.contains(&program) || (is_call && asked_for.is_none());
    !is_needed
}

/// Fails if so much had to be left out that the rung is of no use.
///
/// # Errors
/// [`ProbeError::Hook`] with what the kernel said last.
pub(crate) fn check_left_out(
    left_out: &[Refusal],
    interest: &[u8; SYSCALLS],
    hook: Hook,
) -> Result<(), ProbeError> {
    let Some(last) = left_out.last() else { return Ok(()) };
    let calls = left_out.iter().filter(|refusal| refusal.program.starts_with("fexit_")).count();
    let is_all = hook == Hook::Fexit && calls > 0 && calls >= wrapper::wanted(interest).len();
    if left_out.len() <= MOST_LEFT_OUT && !is_all {
        return Ok(());
    }
    let count = left_out.len();
    let reason = format!("{count} programs are refused, {}: {}", last.program, last.reason);
    Err(ProbeError::Hook { hook: hook.name(), reason })
}

/// The programs of the calls that this interest reports with their own events.
pub(crate) fn of_calls(interest: &[u8; SYSCALLS], hook: Hook) -> Vec<String> {
    let mut names: Vec<String> = match hook {
        Hook::Fexit => wrapper::wanted(interest).into_iter().map(|w| w.program).collect(),
        Hook::SysExit => X86_64
            .iter()
            .filter(|s| interest[s.number as usize] & 3 == DEDICATED && s.exit != code::GENERIC_X)
            .map(|syscall| exit_program(syscall.exit))
            .collect(),
    };
    names.sort();
    names.dedup();
    names
}

/// Decides which programs are loaded, of those that `may_load` admits, and gives those of the fexit
/// rung their functions. Calls that nobody wants need no program: most of the time of a load is the
/// verifier's.
///
/// # Errors
/// If the rung was not asked for by name and a call that the kernel has cannot be attached to.
pub(crate) fn choose(
    open: &mut OpenObject,
    (options, interest, capabilities, hook): Choice<'_>,
    left_out: &[Refusal],
    may_load: impl Fn(&str) -> bool,
) -> Result<Chosen, ProbeError> {
    let exits = of_calls(interest, hook);
    let wanted = match hook {
        Hook::Fexit => wrapper::wanted(interest),
        Hook::SysExit => Vec::new(),
    };
    let mut missing = Vec::new();
    for mut program in open.progs_mut() {
        let name = program.name().to_string_lossy().into_owned();
        // The entry of a call goes with its exit.
        let unit = name.replace("fentry_", "fexit_");
        let load = if left_out.iter().any(|refusal| refusal.program == name) || !may_load(&unit) {
            false
        } else if name.starts_with("fexit_") {
            match wanted.iter().find(|w| w.program == name) {
                Some(wrapper) if aim(&mut program, wrapper) => true,
                // A call that the kernel does not have, nobody can make.
                Some(wrapper) if wrapper::is_in_kernel(&wrapper.function) => {
                    let reason = format!("{} has no BTF", wrapper.function);
                    if !may_be_left_out(&name, hook, options.hook) {
                        return Err(ProbeError::Hook { hook: hook.name(), reason });
                    }
                    missing.push(Refusal { program: name, reason });
                    false
                }
                _ => false,
            }
        } else if let Some(call) = name.strip_prefix("fentry_") {
            let exit = format!("fexit_{call}");
            let wrapper = wanted.iter().find(|w| w.program == exit);
            options.capture_entry && wrapper.is_some_and(|w| aim(&mut program, w))
        } else if name == "enter" {
            hook == Hook::SysExit && options.capture_entry
        } else if name == "dispatch" || name == exit_program(code::GENERIC_X) {
            hook == Hook::SysExit
        } else if name.starts_with("exit_") {
            hook == Hook::SysExit && exits.contains(&name)
        } else {
            match name.as_str() {
                "context_switch" => options.switches,
                "page_fault_user" | "page_fault_kernel" => options.page_faults,
                "signal_deliver" => options.signals,
                // Reads the memory of other processes, for which the helper came with 5.18.
                "dump_task" => capabilities.kernel_version >= (5, 18),
                _ => true,
            }
        };
        program.set_autoload(load);
    }
    Ok(Chosen { missing })
}

/// Leaves only the program `name` to be loaded.
///
/// # Errors
/// If its kernel function does not exist here or is not described.
pub(crate) fn choose_one(open: &mut OpenObject, name: &str) -> Result<(), String> {
    let wrappers = wrapper::wanted(&[DEDICATED; SYSCALLS]);
    for mut program in open.progs_mut() {
        let is_it = program.name() == name;
        program.set_autoload(is_it);
        let call = name.strip_prefix("fexit_").or_else(|| name.strip_prefix("fentry_"));
        let Some(call) = call.filter(|_| is_it) else { continue };
        let exit = format!("fexit_{call}");
        let wrapper = wrappers.iter().find(|w| w.program == exit);
        let Some(wrapper) = wrapper else { return Err("is never attached on x86_64".into()) };
        if !aim(&mut program, wrapper) {
            return Err(format!("no kernel function {} with BTF", wrapper.function));
        }
    }
    Ok(())
}

/// Sets the kernel function of a program; fails if the kernel has none, or does not describe it.
fn aim(program: &mut OpenProgramMut<'_>, wrapper: &Wrapper) -> bool {
    program.set_attach_target(0, Some(wrapper.function.clone())).is_ok()
}

/// Name of the program that encodes an event when reached from the sys_exit dispatcher.
pub(crate) fn exit_program(exit: EventCode) -> String {
    format!("exit_{}", exit.def().map_or("", |def| def.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rung_without_calls_is_an_error() {
        let mut interest = [0; SYSCALLS];
        interest[3] = DEDICATED; // close
        let refusal = |program: &str| Refusal { program: program.into(), reason: "no".into() };
        let close = [refusal("fexit_close")];
        assert!(check_left_out(&close, &interest, Hook::Fexit).is_err());
        interest[257] = DEDICATED; // openat
        assert!(check_left_out(&close, &interest, Hook::Fexit).is_ok());
        let many = vec![refusal("exit_x"); MOST_LEFT_OUT + 1];
        assert!(check_left_out(&many, &interest, Hook::SysExit).is_err());
    }

    #[test]
    fn only_what_is_replaceable_is_left_out() {
        assert!(!may_be_left_out("birth", Hook::SysExit, None));
        assert!(!may_be_left_out("dispatch", Hook::SysExit, Some(Hook::SysExit)));
        assert!(may_be_left_out("exit_poll", Hook::SysExit, None));
        assert!(may_be_left_out("dump_task", Hook::Fexit, None));
        assert!(!may_be_left_out("fexit_poll", Hook::Fexit, None));
        assert!(may_be_left_out("fexit_poll", Hook::Fexit, Some(Hook::Fexit)));
    }
}
