//! Fields of the user and the group: `user.*` and `group.*`.

use peregrine_event::Value;

use crate::catalogue::Field;
use crate::render::NOT_AVAILABLE;
use crate::view::EventView;

/// The user and group that are `root` even where no list of users names them.
const ROOT: u32 = 0;

/// The login uid of a process that no login led to.
const UNSET: u32 = u32::MAX;

impl EventView<'_> {
    pub(super) fn user_value(&self, field: Field) -> Option<Value<'_>> {
        let process = self.process()?;
        let (uid, gid, loginuid) = (process.uid(), process.gid(), process.loginuid());
        let fallback = |id: u32, root: &'static str| {
            if id == ROOT { Value::text(root) } else { Value::bytes(NOT_AVAILABLE) }
        };
        Some(match field {
            Field::UserUid => Value::Uint(u64::from(uid)),
            Field::UserName => {
                self.user(uid).map_or(fallback(uid, "root"), |user| Value::bytes(&user.name))
            }
            Field::UserHomedir => {
                self.user(uid).map_or(fallback(uid, "/root"), |user| Value::bytes(&user.home))
            }
            Field::UserShell => {
                self.user(uid).map_or(Value::bytes(NOT_AVAILABLE), |user| Value::bytes(&user.shell))
            }
            Field::UserLoginuid if loginuid == UNSET => Value::Int(-1),
            Field::UserLoginuid => Value::Int(i64::from(loginuid)),
            Field::UserLoginname => self
                .user(loginuid)
                .map_or(fallback(loginuid, "root"), |user| Value::bytes(&user.name)),
            Field::GroupGid => Value::Uint(u64::from(gid)),
            Field::GroupName => self.group(gid).map_or(fallback(gid, "root"), Value::bytes),
            _ => return None,
        })
    }
}
