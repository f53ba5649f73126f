//! Which program the kernel refuses, and why.
//!
//! The error of a load names neither; libbpf prints both, so its messages are listened to while
//! the object is loaded.

use std::sync::{Mutex, MutexGuard, PoisonError};

use libbpf_rs::PrintLevel;

/// Messages of the load that runs.
static MESSAGES: Mutex<String> = Mutex::new(String::new());
/// libbpf has one print function for the process: loads take turns.
static TURN: Mutex<()> = Mutex::new(());

/// Longest reason that is kept, in bytes.
const REASON_BYTES: usize = 200;

/// A program that is not in use, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Name of the program in `bpf/`.
    pub program: String,
    /// What the kernel says, or what it lacks.
    pub reason: String,
}

/// Keeps libbpf's messages while it lives. `PEREGRINE_LIBBPF_LOG` also prints them.
pub(crate) struct Listener {
    _turn: MutexGuard<'static, ()>,
}

impl Listener {
    pub(crate) fn start() -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        messages().clear();
        libbpf_rs::set_print(Some((PrintLevel::Warn, keep)));
        Self { _turn: turn }
    }

    /// The program whose load failed.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        find(&messages())
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        libbpf_rs::set_print(None);
    }
}

fn messages() -> MutexGuard<'static, String> {
    MESSAGES.lock().unwrap_or_else(PoisonError::into_inner)
}

fn keep(_level: PrintLevel, message: String) {
    if std::env::var_os("PEREGRINE_LIBBPF_LOG").is_some() {
        eprint!("{message}");
    }
    messages().push_str(&message);
}

/// The last program of which libbpf says that something failed, with the verifier's last words if
/// it got that far.
fn find(text: &str) -> Option<Refusal> {
    let lines = || text.lines().map(|line| line.strip_prefix("libbpf: ").unwrap_or(line));
    let of_program = |line: &&str| line.starts_with("prog '") && line.contains("failed");
    let failure = lines().rfind(of_program)?;
    let (program, what) = failure.strip_prefix("prog '")?.split_once("': ")?;
    let log = text.rsplit_once("-- BEGIN PROG LOAD LOG --").and_then(|(_, log)| {
        let log = log.split("-- END PROG LOAD LOG --").next()?;
        let says = |line: &&str| !line.trim().is_empty() && !line.starts_with("processed ");
        log.lines().rev().find(says)
    });
    let first = lines().find(|line| line.starts_with(&format!("prog '{program}'")));
    let earlier = first.filter(|first| *first != failure && !first.contains("BPF program load"));
    let reason = match (log, earlier) {
        (Some(log), _) => log.trim().to_owned(),
        (None, Some(first)) => first.split_once("': ").map_or(first, |(_, why)| why).to_owned(),
        (None, None) => what.to_owned(),
    };
    let reason = match reason.rsplit_once(": -").map(|(_, number)| number.parse()) {
        Some(Ok(number)) => format!("{reason} ({})", std::io::Error::from_raw_os_error(number)),
        _ => reason,
    };
    let end = reason.char_indices().map(|(at, _)| at).take_while(|at| *at <= REASON_BYTES).last();
    let cut = if reason.len() > REASON_BYTES { &reason[..end.unwrap_or(0)] } else { &reason };
    Some(Refusal { program: program.to_owned(), reason: cut.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verifiers_last_words_are_the_reason() {
        let text = "libbpf: prog 'exit_poll': BPF program load failed: Permission denied\n\
            libbpf: prog 'exit_poll': -- BEGIN PROG LOAD LOG --\n\
            107: (85) call bpf_probe_read_user#112\n\
            R2 unbounded memory access, use 'var &= const'\n\
            processed 2173 insns (limit 1000000)\n\
            -- END PROG LOAD LOG --\n\
            libbpf: prog 'exit_poll': failed to load: -13\n\
            libbpf: failed to load object 'peregrine'\n";
        let refusal = find(text).unwrap();
        assert_eq!(refusal.program, "exit_poll");
        assert_eq!(refusal.reason, "R2 unbounded memory access, use 'var &= const'");
    }

    #[test]
    fn without_a_verifier_log_the_first_complaint_is_the_reason() {
        let text = "libbpf: prog 'page_fault_user': failed to find kernel BTF type ID: -3\n\
            libbpf: prog 'page_fault_user': failed to prepare load attributes: -3\n\
            libbpf: prog 'page_fault_user': failed to load: -3\n";
        let refusal = find(text).unwrap();
        assert_eq!(refusal.program, "page_fault_user");
        assert_eq!(
            refusal.reason,
            "failed to find kernel BTF type ID: -3 (No such process (os error 3))"
        );
        assert_eq!(find("map 'rings': failed to create\n"), None);
        let long = format!("libbpf: prog 'x': failed: {}\n", "\u{e9}".repeat(REASON_BYTES));
        assert!(find(&long).unwrap().reason.len() <= REASON_BYTES);
    }
}
