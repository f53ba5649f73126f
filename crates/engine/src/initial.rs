//! The state of the system when watching begins.

use peregrine_event::Record;
use peregrine_probe::initial::InitialState;
use peregrine_probe::{Probe, ProbeError};
use peregrine_state::{EventContext, Shard};

use crate::homes::Homes;

/// Reads all processes and their files and hands each to the shard that owns its ring.
///
/// # Errors
/// Neither the kernel's iterators nor `/proc` can be read.
pub(crate) fn fill(
    probe: &Probe,
    homes: Homes,
    shards: &mut [Shard],
) -> Result<InitialState, ProbeError> {
    let found = probe.initial_state(|bytes| {
        let Ok(record) = Record::parse(bytes) else { return };
        if let Some(shard) = shards.get_mut(homes.of(record.header().tgid)) {
            shard.apply(&EventContext { record, num: record.ts() });
        }
    })?;
    Shard::relate_shards(shards);
    Ok(found)
}
