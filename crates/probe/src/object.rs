//! Opens the probe's object, loads programs of it and attaches them.

use libbpf_rs::{Link, Object, ObjectBuilder, OpenObject};

use crate::capabilities::Capabilities;
use crate::error::ProbeError;
use crate::loader::{Hook, Options, SYSCALLS, set_globals, size_maps};
use crate::programs;
use crate::refusal::{Listener, Refusal};

static OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/peregrine.bpf.o"));

/// What decides which programs are loaded.
pub(crate) type Choice<'a> = (&'a Options, &'a [u8; SYSCALLS], &'a Capabilities, Hook);

/// Loads the object as `prepare` leaves it. The inner error names a program to leave out.
#[allow(clippy::type_complexity)]
pub(crate) fn load_choice(
    choice: Choice<'_>,
    prepare: impl FnOnce(&mut OpenObject) -> Result<programs::Chosen, ProbeError>,
) -> Result<Result<(Object, programs::Chosen), Refusal>, ProbeError> {
    let (options, _, _, hook) = choice;
    let listener = Listener::start();
    let mut open = open_object()?;
    let chosen = prepare(&mut open)?;
    match open.load() {
        Ok(object) => Ok(Ok((object, chosen))),
        Err(error) => match listener.refusal() {
            Some(refusal) if programs::may_be_left_out(&refusal.program, hook, options.hook) => {
                Ok(Err(refusal))
            }
            Some(refusal) => {
                let step = format!("load the program {}", refusal.program);
                Err(ProbeError::kernel(step, refusal.reason))
            }
            None => Err(ProbeError::kernel("load the probe", root_cause(&error))),
        },
    }
}

/// Attaches the programs that nothing jumps to and that are no iterators. Those that the kernel
/// refuses to attach and that may be left out are added to `refused`.
pub(crate) fn attach_programs(
    object: &Object,
    hook: Hook,
    asked_for: Option<Hook>,
    refused: &mut Vec<Refusal>,
) -> Result<Vec<Link>, ProbeError> {
    let mut links = Vec::new();
    for program in object.progs_mut() {
        let name = program.name().to_string_lossy().into_owned();
        let section = program.section().to_string_lossy().into_owned();
        let is_target = name.starts_with("exit_") || section.contains("iter");
        if !program.autoload() || is_target {
            continue;
        }
        match program.attach() {
            Ok(link) => links.push(link),
            Err(error) if programs::may_be_left_out(&name, hook, asked_for) => {
                let reason = format!("not attached: {}", root_cause(&error));
                refused.push(Refusal { program: name, reason });
            }
            Err(error) => {
                return Err(ProbeError::kernel(format!("attach {name}"), root_cause(&error)));
            }
        }
    }
    Ok(links)
}

pub(crate) fn open_object() -> Result<OpenObject, ProbeError> {
    ObjectBuilder::default()
        .name("peregrine")
        .and_then(|builder| builder.open_memory(OBJECT))
        .map_err(|error| ProbeError::kernel("open the probe", error))
}

/// Loads one program alone; what the kernel says if it refuses.
pub(crate) fn try_program(name: &str, capabilities: &Capabilities) -> Result<(), String> {
    let listener = Listener::start();
    let mut open = open_object().map_err(|error| error.to_string())?;
    set_globals(&mut open, &Options::default()).map_err(|error| error.to_string())?;
    size_maps(&mut open, capabilities).map_err(|error| error.to_string())?;
    programs::choose_one(&mut open, name)?;
    match open.load() {
        Ok(_) => Ok(()),
        Err(error) => {
            Err(listener.refusal().map_or_else(|| root_cause(&error), |refusal| refusal.reason))
        }
    }
}

pub(crate) fn root_cause(error: &libbpf_rs::Error) -> String {
    let text = format!("{error:#}");
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    let root = cause.to_string();
    if text.contains(&root) { text } else { format!("{text}: {root}") }
}
