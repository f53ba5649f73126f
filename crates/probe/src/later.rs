//! Programs that are loaded after the start.
//!
//! Only programs of calls that somebody wants are loaded; most of the start is the verifier's time
//! over them. When new rules want more, a second copy of the object is opened, is given the maps of
//! the first, and loads just what is missing.

use std::os::fd::AsFd;

use libbpf_rs::{MapCore, Object};

use crate::error::ProbeError;
use crate::links::Attached;
use crate::loader::SYSCALLS;
use crate::object::{Choice, attach_programs, load_choice, root_cause};
use crate::programs;
use crate::refusal::Refusal;
use crate::{Hook, wrapper};

/// What was loaded after the start.
#[derive(Default)]
pub(crate) struct Later {
    // Links first, as in `Probe`.
    pub links: Vec<Attached>,
    pub objects: Vec<Object>,
    /// Programs that the kernel refused then.
    pub refused: Vec<Refusal>,
}

/// Whether a program is in the kernel.
pub(crate) fn is_loaded(object: &Object, program: &str) -> bool {
    object.progs().any(|p| p.name() == program && p.autoload())
}

impl Later {
    /// The programs that this interest needs and neither `first` nor a later object has, without
    /// those that are known to be refused.
    pub fn missing(
        &self,
        first: &Object,
        interest: &[u8; SYSCALLS],
        hook: Hook,
        left_out: &[Refusal],
    ) -> Vec<String> {
        let mut wanted = programs::of_calls(interest, hook);
        let is_missing = |name: &String| {
            let mut refused = left_out.iter().chain(&self.refused);
            // A call without an encoder of its own has no program.
            first.progs().any(|program| program.name() == name.as_str())
                && !is_loaded(first, name)
                && !self.objects.iter().any(|object| is_loaded(object, name))
                && !refused.any(|refusal| refusal.program == *name)
        };
        wanted.retain(is_missing);
        if hook == Hook::Fexit && !wanted.is_empty() {
            // A call that the kernel does not have, nobody can make.
            let wrappers = wrapper::wanted(interest);
            wanted.retain(|name| {
                let wrapper = wrappers.iter().find(|wrapper| wrapper.program == *name);
                wrapper.is_some_and(|wrapper| wrapper::is_in_kernel(&wrapper.function))
            });
        }
        wanted
    }

    /// Loads programs beside those of `first` and attaches those that are attached by themselves.
    /// What the kernel refuses is remembered, unless the call would not be seen at all then.
    ///
    /// # Errors
    /// The kernel refuses a program that may not be left out, or to attach it; nothing is changed.
    pub fn load(
        &mut self,
        first: &Object,
        choice: Choice<'_>,
        names: &[String],
    ) -> Result<(), ProbeError> {
        let (options, _, _, hook) = choice;
        let mut refused = Vec::new();
        let object = loop {
            let loaded = load_choice(choice, |open| {
                let is_named = |name: &str| names.iter().any(|wanted| wanted == name);
                for mut map in open.maps_mut() {
                    let name = map.name().to_owned();
                    let shared = first.maps().find(|shared| shared.name() == name);
                    let Some(shared) = shared else { continue };
                    map.reuse_fd(shared.as_fd()).map_err(|error| {
                        let step = format!("share the map {}", name.to_string_lossy());
                        ProbeError::kernel(step, root_cause(&error))
                    })?;
                }
                programs::choose(open, choice, &refused, is_named)
            })?;
            match loaded {
                Ok((object, chosen)) => {
                    refused.extend(chosen.missing);
                    break object;
                }
                Err(refusal) => refused.push(refusal),
            }
            // Each try verifies all of them once more.
            if refused.len() > names.len().min(programs::MOST_LEFT_OUT) {
                let last = refused.last().map_or("", |refusal| &refusal.reason);
                let reason = format!("it refuses {} of them: {last}", refused.len());
                return Err(ProbeError::kernel("load more programs", reason));
            }
        };
        let links = attach_programs(&object, hook, options.hook, &mut refused)?;
        self.links.extend(links.into_iter().map(Attached::from));
        self.objects.push(object);
        self.refused.extend(refused);
        Ok(())
    }
}
