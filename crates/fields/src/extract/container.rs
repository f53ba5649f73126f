//! Fields of the container: `container.*` and `k8s.*`.
//!
//! What the control groups tell is answered here: the container's id, and that a process runs on
//! the host. Names, images, labels and pods come from a container engine, which nothing here asks;
//! these fields have no value.

use peregrine_event::Value;

use crate::catalogue::Field;
use crate::view::EventView;

impl EventView<'_> {
    pub(super) fn container_value(&self, field: Field) -> Option<Value<'_>> {
        use Field as F;
        self.process().filter(|_| self.session.containers)?;
        match (self.container_id(), field) {
            (Some(id), F::ContainerId) => Some(Value::bytes(id)),
            (Some(_), F::ContainerStartTs) => self.container_start().map(Value::Uint),
            (Some(_), F::ContainerDuration) => {
                let start = self.container_start()?;
                self.record.ts().checked_sub(start).map(Value::Uint)
            }
            (None, F::ContainerId | F::ContainerFullId | F::ContainerType | F::ContainerName) => {
                Some(Value::text("host"))
            }
            (
                None,
                F::ContainerImage
                | F::ContainerImageId
                | F::ContainerImageRepository
                | F::ContainerImageTag
                | F::ContainerImageDigest,
            ) => Some(Value::text("")),
            (
                None,
                F::ContainerPrivileged
                | F::ContainerHostPid
                | F::ContainerHostNetwork
                | F::ContainerHostIpc,
            ) => Some(Value::Bool(false)),
            _ => None,
        }
    }
}
