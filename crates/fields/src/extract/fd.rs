//! Fields of the file descriptor: `fd.*`.

use std::borrow::Cow;

use peregrine_event::table::{arg, code};
use peregrine_event::{EventFlags, Value};
use peregrine_filter::catalog::{FieldArg, Values};

use super::push;
use crate::catalogue::Field;
use crate::render::{ParamText, text_of};
use peregrine_state::path;

use crate::process::{End, FdView};
use crate::view::{EventView, Use};

/// Flags of events that `fd.*` has values for.
pub(crate) const ABOUT_FD: u16 =
    EventFlags::CREATES_FD | EventFlags::USES_FD | EventFlags::DESTROYS_FD;

impl EventView<'_> {
    /// The file descriptor `fd.*` is about: `None` if the event is not about one at all,
    /// `Some(None)` if nothing is known of it.
    fn subject_fd(&self) -> Option<Option<FdView<'_>>> {
        if !self.record.def().flags.has(ABOUT_FD) || !self.has_thread() {
            return None;
        }
        Some(self.event_fd().or_else(|| self.open_fd(self.last_fd()?)))
    }

    pub(super) fn extract_fd<'s>(
        &'s self,
        field: Field,
        arg: &FieldArg,
        how: Use,
        out: &mut Values<'s>,
    ) -> bool {
        use Field as F;
        let Some(mut fd) = self.subject_fd() else { return false };
        match field {
            // Either end is something to compare with, but nothing to show.
            F::FdIp | F::FdNet | F::FdPort | F::FdProto if how == Use::Output => false,
            F::FdIp | F::FdNet => {
                let Some(fd) = fd else { return false };
                out.extend(fd.addresses().map(|(ip, _)| Value::Ip(ip)));
                !out.is_empty()
            }
            F::FdPort | F::FdProto => {
                let Some(fd) = fd else { return false };
                out.extend(fd.addresses().map(|(_, port)| Value::Uint(u64::from(port))));
                !out.is_empty()
            }
            F::FdTypes => match arg {
                FieldArg::Index(n) => {
                    fd = i64::try_from(*n).ok().and_then(|n| self.open_fd(n));
                    push(out, fd.map(|fd| Value::text(fd.word())))
                }
                _ => {
                    // Falco's order is that of a hash table, mostly newest first.
                    for fd in self.each_fd() {
                        let word = Value::text(fd.word());
                        if !out.contains(&word) {
                            out.push(word);
                        }
                    }
                    out.reverse();
                    true
                }
            },
            _ => push(out, self.fd_value(field, fd)),
        }
    }

    fn fd_value<'s>(&'s self, field: Field, fd: Option<FdView<'s>>) -> Option<Value<'s>> {
        use Field as F;
        Some(match field {
            F::FdNum => Value::Int(self.last_fd().unwrap_or(-1)),
            F::FdName => return self.name_of(fd),
            F::FdContainername => self.with_container(&self.name_of(fd)?),
            F::FdDirectory => return self.directory(fd),
            F::FdContainerdirectory => self.with_container(&self.directory(fd)?),
            F::FdTypechar => match fd {
                Some(fd) => Value::bytes(fd.letter_text()),
                None => Value::text(self.expected_letter()),
            },
            F::FdUid => {
                let number = self.last_fd().unwrap_or(-1);
                Value::owned(format!("{}{number}", self.record.tid()))
            }
            F::FdNameraw => {
                let name = match fd {
                    Some(fd) => Value::bytes(fd.name_raw()),
                    None => self.name_from_event(true)?,
                };
                without_double_slashes(name)
            }
            // The rest exists only for a known file descriptor.
            F::FdType => Value::text(fd?.word()),
            F::FdFilename => return filename(fd?),
            F::FdCip | F::FdCnet => Value::Ip(fd?.client()?.0),
            F::FdCport => port(fd?.client()?),
            F::FdCproto => {
                let fd = fd?;
                fd.has_role().then_some(())?;
                fd.ends().map_or(Value::text(""), |(client, _)| port_text(client))
            }
            F::FdSip | F::FdSnet => Value::Ip(fd?.server()?.0),
            F::FdSport => {
                let fd = fd?;
                port(fd.listener().or_else(|| fd.server())?)
            }
            F::FdSproto => {
                let fd = fd?;
                match fd.listener() {
                    Some(_) => Value::text(""),
                    None => port_text(fd.server()?),
                }
            }
            F::FdLip | F::FdLnet => Value::Ip(self.local_and_remote(fd?)?.0.0),
            F::FdRip | F::FdRnet => Value::Ip(self.local_and_remote(fd?)?.1.0),
            F::FdLport => port(self.local_and_remote(fd?)?.0),
            F::FdRport => port(self.local_and_remote(fd?)?.1),
            F::FdLproto => port_text(self.local_and_remote(fd?)?.0),
            F::FdRproto => port_text(self.local_and_remote(fd?)?.1),
            F::FdL4proto => Value::text(fd?.protocol().unwrap_or("<NA>")),
            F::FdSockfamily => Value::text(fd?.family()?),
            F::FdIsServer => {
                let fd = fd?;
                let serves = fd.ends().is_some_and(|(_, server)| self.is_local(server.0));
                Value::Bool(fd.listener().is_some() || serves)
            }
            F::FdConnected => Value::Bool(fd?.is_connected()),
            F::FdNameChanged => {
                fd?;
                Value::Bool(self.fd_name_changed())
            }
            F::FdDev => Value::Int(i64::from(fd?.dev() as i32)),
            F::FdDevMajor => Value::Int(i64::from((fd?.dev() & 0xf_ff00) >> 8)),
            F::FdDevMinor => {
                let dev = fd?.dev();
                Value::Int(i64::from((dev & 0xff) | ((dev >> 12) & 0xf_ff00)))
            }
            F::FdIno => Value::Int(fd?.ino() as i64),
            F::FdIsUpperLayer => Value::Bool(fd?.is_upper_layer()),
            F::FdIsLowerLayer => Value::Bool(fd?.is_lower_layer()),
            // Host names need a resolver; none is asked for the sake of a rule.
            _ => return None,
        })
    }

    /// The name of the event's file descriptor, as `fd.name` shows it.
    pub(super) fn fd_name(&self) -> Option<Value<'_>> {
        self.name_of(self.subject_fd()?)
    }

    fn name_of<'s>(&'s self, fd: Option<FdView<'s>>) -> Option<Value<'s>> {
        match fd {
            Some(fd) => Some(Value::bytes(fd.name())),
            None => self.name_from_event(false),
        }
    }

    /// The name a file descriptor would have, from the event's arguments.
    fn name_from_event(&self, raw: bool) -> Option<Value<'_>> {
        let event = self.record.def().code;
        if event.is_enter() {
            return None;
        }
        let (dirfd, name) = match event {
            code::SYSCALL_OPEN_X
            | code::SOCKET_ACCEPT_5_X
            | code::SOCKET_ACCEPT4_6_X
            | code::SYSCALL_CREAT_X
            | code::SOCKET_CONNECT_X => {
                let mut text = ParamText::default();
                text.render(&self.record, 1, self.session.buffer, self);
                return Some(Value::owned(text.into_best()));
            }
            code::SYSCALL_OPENAT_2_X => {
                (arg::syscall_openat_2_x::dirfd, arg::syscall_openat_2_x::name)
            }
            code::SYSCALL_OPENAT2_X => {
                (arg::syscall_openat2_x::dirfd, arg::syscall_openat2_x::name)
            }
            code::SYSCALL_OPEN_BY_HANDLE_AT_X => {
                let path = self.record.bytes(arg::syscall_open_by_handle_at_x::path);
                return Some(Value::bytes(path.map_or(&b"<NA>"[..], text_of)));
            }
            _ => return Some(Value::text("")),
        };
        let name = self.record.text(name)?;
        if raw {
            return Some(Value::bytes(name));
        }
        let dirfd = self.record.int(dirfd)?;
        let base = if name.first() == Some(&b'/') {
            Cow::Borrowed(&b"."[..])
        } else {
            self.directory_of(dirfd)
        };
        Some(Value::owned(path::join(&base, name)))
    }

    /// Letter for a file descriptor that is not known, from what the event would create.
    fn expected_letter(&self) -> &'static str {
        match self.record.def().code {
            code::SYSCALL_OPENAT_2_X | code::SYSCALL_OPENAT2_X | code::SYSCALL_CREAT_X => "f",
            code::SOCKET_SOCKET_X | code::SOCKET_ACCEPT_5_X | code::SOCKET_ACCEPT4_6_X => "4",
            code::SYSCALL_PIPE_X | code::SYSCALL_PIPE2_X => "p",
            code::SYSCALL_EVENTFD_X | code::SYSCALL_EVENTFD2_X => "e",
            code::SYSCALL_SIGNALFD_X | code::SYSCALL_SIGNALFD4_X => "s",
            code::SYSCALL_TIMERFD_CREATE_X => "t",
            code::SYSCALL_INOTIFY_INIT_X | code::SYSCALL_INOTIFY_INIT1_X => "i",
            _ => "o",
        }
    }

    fn directory<'s>(&'s self, fd: Option<FdView<'s>>) -> Option<Value<'s>> {
        match fd {
            Some(fd) if fd.is_file() => Some(cut_directory(Value::bytes(fd.name()))),
            Some(fd) if fd.is_directory() => Some(Value::bytes(fd.name())),
            Some(_) => None,
            None => self.name_from_event(false).map(cut_directory),
        }
    }

    fn with_container(&self, text: &Value<'_>) -> Value<'static> {
        let mut out = self.container_id().unwrap_or_default().to_vec();
        out.push(b':');
        out.extend_from_slice(text.as_bytes().unwrap_or_default());
        Value::owned(out)
    }

    /// The ends of a connection, the local one first.
    fn local_and_remote(&self, fd: FdView<'_>) -> Option<(End, End)> {
        let (client, server) = fd.ends().filter(|_| fd.has_role())?;
        Some(if self.is_local(client.0) { (client, server) } else { (server, client) })
    }
}

fn port(end: End) -> Value<'static> {
    Value::Uint(u64::from(end.1))
}

fn port_text(end: End) -> Value<'static> {
    Value::owned(end.1.to_string())
}

/// Applies a cut to text without copying borrowed text.
fn cut(value: Value<'_>, range: impl FnOnce(&[u8]) -> std::ops::Range<usize>) -> Value<'_> {
    match value {
        Value::Bytes(Cow::Borrowed(text)) => Value::bytes(&text[range(text)]),
        Value::Bytes(Cow::Owned(text)) => {
            let range = range(&text);
            Value::owned(&text[range])
        }
        other => other,
    }
}

/// The directory of a path, without a slash at its end; `/` if there is none.
fn cut_directory(path: Value<'_>) -> Value<'_> {
    let slash = path.as_bytes().and_then(|text| memchr::memrchr(b'/', text));
    match slash {
        None | Some(0) => Value::text("/"),
        Some(slash) => cut(path, |text| 0..if slash + 1 < text.len() { slash } else { text.len() }),
    }
}

fn filename(fd: FdView<'_>) -> Option<Value<'_>> {
    if !fd.is_file() {
        return None;
    }
    let name = fd.name();
    Some(match memchr::memrchr(b'/', name) {
        None => Value::text("/"),
        Some(slash) if slash + 1 < name.len() => Value::bytes(&name[slash + 1..]),
        Some(_) => Value::bytes(name),
    })
}

fn without_double_slashes(path: Value<'_>) -> Value<'_> {
    let Some(text) = path.as_bytes() else { return path };
    if memchr::memmem::find(text, b"//").is_none() {
        return path;
    }
    let mut out: Vec<u8> = Vec::with_capacity(text.len());
    for byte in text {
        if *byte != b'/' || out.last() != Some(&b'/') {
            out.push(*byte);
        }
    }
    Value::owned(out)
}
