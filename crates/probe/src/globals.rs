//! Global variables of the probe: where they lie, as noted by the build script.

use crate::error::ProbeError;

/// A global variable of the probe.
#[derive(Debug)]
pub(crate) struct Global {
    pub name: &'static str,
    /// Section, which is also the end of its map's name.
    pub section: &'static str,
    pub offset: usize,
    pub size: usize,
}

mod table {
    use super::Global;
    include!(concat!(env!("OUT_DIR"), "/globals.rs"));
}

pub(crate) fn find(name: &str) -> Result<&'static Global, ProbeError> {
    let found = table::GLOBALS.iter().find(|global| global.name == name);
    found.ok_or_else(|| ProbeError::Option(format!("the probe has no global {name}")))
}

pub(crate) fn write(section: &mut [u8], global: &Global, value: &[u8]) -> Result<(), ProbeError> {
    let place = section.get_mut(global.offset..global.offset + global.size);
    let place = place.filter(|place| place.len() == value.len()).ok_or_else(|| {
        let text =
            format!("the global {} has {} bytes, not {}", global.name, global.size, value.len());
        ProbeError::Option(text)
    })?;
    place.copy_from_slice(value);
    Ok(())
}
