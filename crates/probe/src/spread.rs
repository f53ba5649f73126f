//! Spreading of the records of hot thread groups over all rings.

use libbpf_rs::{MapCore, MapFlags, MapHandle};

use crate::error::ProbeError;
use crate::globals::{self, Global};

/// Which of the records that change no state leave the ring of their thread group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u32)]
pub enum Spread {
    /// None: every record is in the ring of its thread group.
    #[default]
    Off,
    /// Those of thread groups that [`Spreader::add`] names, by thread.
    Hot,
    /// All, by thread.
    Tid,
    /// All, by the CPU they are written on.
    Cpu,
}

/// Most thread groups that are spread at once, as in `bpf/lib/maps.bpf.h`.
pub const MOST_HOT: usize = 1024;

/// Names hot thread groups to the kernel side.
#[derive(Debug)]
pub struct Spreader {
    groups: MapHandle,
    /// The section of the number of groups.
    section: MapHandle,
    count: &'static Global,
    named: Vec<u32>,
}

impl Spreader {
    pub(crate) fn new(groups: MapHandle, section: MapHandle) -> Result<Self, ProbeError> {
        Ok(Self { groups, section, count: globals::find("hot_group_count")?, named: Vec::new() })
    }

    /// Spreads the stateless records of a thread group from now on. Says whether it is spread: at
    /// most [`MOST_HOT`] are.
    ///
    /// # Errors
    /// The kernel refuses the update.
    pub fn add(&mut self, tgid: u32) -> Result<bool, ProbeError> {
        if self.named.contains(&tgid) {
            return Ok(true);
        }
        if self.named.len() == MOST_HOT {
            return Ok(false);
        }
        self.groups
            .update(&tgid.to_ne_bytes(), &1u32.to_ne_bytes(), MapFlags::ANY)
            .map_err(|error| ProbeError::kernel("name a hot thread group", error))?;
        self.named.push(tgid);
        if let Err(error) = self.publish_count() {
            // Named and not counted it would be spread as soon as another one is.
            self.named.pop();
            let _ = self.groups.delete(&tgid.to_ne_bytes());
            return Err(error);
        }
        Ok(true)
    }

    /// Keeps the records of a thread group at home again.
    ///
    /// # Errors
    /// The kernel refuses the update; the group may still be spread then.
    pub fn remove(&mut self, tgid: u32) -> Result<(), ProbeError> {
        let Some(at) = self.named.iter().position(|named| *named == tgid) else { return Ok(()) };
        self.groups
            .delete(&tgid.to_ne_bytes())
            .map_err(|error| ProbeError::kernel("forget a hot thread group", error))?;
        self.named.swap_remove(at);
        self.publish_count()
    }

    fn publish_count(&self) -> Result<(), ProbeError> {
        let fail = |error| ProbeError::kernel("count the hot thread groups", error);
        let zero = 0u32.to_ne_bytes();
        let mut bytes =
            self.section.lookup(&zero, MapFlags::ANY).map_err(fail)?.unwrap_or_default();
        globals::write(&mut bytes, self.count, &(self.named.len() as u32).to_ne_bytes())?;
        self.section.update(&zero, &bytes, MapFlags::ANY).map_err(fail)
    }
}
