//! Fields of the event itself: `evt.*` and `syscall.type`.

use peregrine_event::event::Category;
use peregrine_event::syscalls::{SYSCALL_NAMES, X86_64};
use peregrine_event::table::{arg, code};
use peregrine_event::{EventCode, EventFlags, Format, ParamType, Record, Value};
use peregrine_filter::catalog::{FieldArg, FieldRef};

use crate::catalogue::{Field, NAMED_PARAM, ParamNames};
use crate::render::{ParamText, text_of};
use crate::time::{self, TimeForm};
use crate::view::{EventView, Use};

const NS_PER_S: u64 = 1_000_000_000;

/// Bits of the portable open flags.
const O_READ: i64 = 1;
const O_WRITE: i64 = 2;
const O_CREATE: i64 = 4;
const O_TMPFILE: i64 = 1 << 13;
const O_CREATED: i64 = 1 << 14;

/// Any permission to execute.
const EXECUTE_BITS: i64 = 0o111;

/// The kinds of file descriptors that error counts and buffer lengths tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject {
    File,
    Directory,
    Ip,
    Unix,
    Other,
    /// No file descriptor is known.
    Unknown,
}

/// The portable id of the call that a generic event reports; 0 if it is unknown.
#[inline]
pub fn generic_id(record: &Record<'_>) -> u16 {
    match record.uint(arg::generic_x::ID) {
        None | Some(0) => generic_id_of_number(record),
        // One that fits no id is none.
        Some(id) => u16::try_from(id).unwrap_or(0),
    }
}

/// A call that the recorder did not know may be known by its number today.
#[cold]
fn generic_id_of_number(record: &Record<'_>) -> u16 {
    let native = record.uint(arg::generic_x::nativeID);
    X86_64.iter().find(|call| Some(u64::from(call.number)) == native).map_or(0, |call| call.id)
}

impl EventView<'_> {
    pub(super) fn evt_value(&self, field: Field, arg: &FieldArg, how: Use) -> Option<Value<'_>> {
        use Field as F;
        let ts = self.time_ns();
        let def = self.record.def();
        Some(match field {
            F::EvtNum => Value::Uint(self.number),
            F::EvtDegraded => return self.degraded.map(|why| Value::bytes(why.as_bytes())),
            F::EvtTime | F::EvtOutputtime => time_text(ts, TimeForm::TimeOfDay),
            F::EvtTimeS => time_text(ts, TimeForm::TimeOfDaySeconds),
            F::EvtTimeIso8601 => time_text(ts, TimeForm::Iso8601),
            F::EvtDatetime => time_text(ts, TimeForm::DateTime),
            F::EvtDatetimeS => time_text(ts, TimeForm::DateTimeSeconds),
            F::EvtRawtime => Value::Uint(ts),
            F::EvtRawtimeS => Value::Uint(ts / NS_PER_S),
            F::EvtRawtimeNs => Value::Uint(ts % NS_PER_S),
            F::EvtReltime => Value::Uint(self.since_first()),
            F::EvtReltimeS => Value::Uint(self.since_first() / NS_PER_S),
            F::EvtReltimeNs => Value::Uint(self.since_first() % NS_PER_S),
            F::EvtDeltatime => Value::Uint(self.since_previous()),
            F::EvtDeltatimeS => Value::Uint(self.since_previous() / NS_PER_S),
            F::EvtDeltatimeNs => Value::Uint(self.since_previous() % NS_PER_S),
            F::EvtSource => Value::text(&self.session.source),
            F::EvtHostname => Value::text(self.session.hostname.as_deref()?),
            F::EvtIsAsync => Value::Bool(is_meta(def.category)),
            F::EvtAsynctype if !is_meta(def.category) => return None,
            F::EvtAsynctype if def.code == code::ASYNCEVENT_E => {
                self.param_text_or_na(arg::asyncevent_e::name)
            }
            F::EvtAsynctype => Value::text(def.name),
            // Plugins name and describe their own events; the engine fills these in for them.
            F::EvtPluginname | F::EvtPlugininfo => return None,
            F::EvtLatency
            | F::EvtLatencyS
            | F::EvtLatencyNs
            | F::EvtLatencyQuantized
            | F::EvtWaitLatency => Value::Uint(0),
            F::EvtLatencyHuman => Value::text("0ns"),
            F::EvtDir => Value::text(if def.code.is_enter() { ">" } else { "<" }),
            F::EvtType => self.type_name(),
            F::SyscallType if def.category.has(Category::SYSCALL) => self.type_name(),
            F::SyscallType => return None,
            F::EvtTypeIs => Value::Uint(u64::from(is_of_type(def.code, def.name, arg))),
            F::EvtCategory => Value::text(self.category_name()),
            F::EvtCpu => Value::Int(i64::from(self.record.header().cpu as i16)),
            F::EvtArgs | F::EvtInfo => return Some(Value::owned(self.args_text())),
            F::EvtArg => return self.arg_text(arg, how),
            F::EvtRawarg => return self.raw_arg(self.param_position(arg)?),
            F::EvtBuffer => return self.buffer(how),
            F::EvtBuflen if self.is_io_category() => return self.buflen(),
            F::EvtBuflenIn if self.subject() == Category::IO_READ => return self.buflen(),
            F::EvtBuflenOut if self.subject() == Category::IO_WRITE => return self.buflen(),
            F::EvtBuflenFile if self.is_io_category() => return self.buflen_of(&[Subject::File]),
            F::EvtBuflenFileIn if self.subject() == Category::IO_READ => {
                return self.buflen_of(&[Subject::File]);
            }
            F::EvtBuflenFileOut if self.subject() == Category::IO_WRITE => {
                return self.buflen_of(&[Subject::File]);
            }
            F::EvtBuflenNet if self.is_io_category() => return self.buflen_of(&[Subject::Ip]),
            F::EvtBuflenNetIn if self.subject() == Category::IO_READ => {
                return self.buflen_of(&[Subject::Ip]);
            }
            F::EvtBuflenNetOut if self.subject() == Category::IO_WRITE => {
                return self.buflen_of(&[Subject::Ip]);
            }
            F::EvtRes => return self.result_text(),
            F::EvtRawres => Value::Int(self.return_value()?),
            F::EvtFailed => Value::Bool(self.return_value()? < 0),
            F::EvtIsIo => self.has_flag(EventFlags::READS_FROM_FD | EventFlags::WRITES_TO_FD),
            F::EvtIsIoRead => self.has_flag(EventFlags::READS_FROM_FD),
            F::EvtIsIoWrite => self.has_flag(EventFlags::WRITES_TO_FD),
            F::EvtIoDir if def.flags.has(EventFlags::WRITES_TO_FD) => Value::text("write"),
            F::EvtIoDir if def.flags.has(EventFlags::READS_FROM_FD) => Value::text("read"),
            F::EvtIsWait => self.has_flag(EventFlags::WAITS),
            F::EvtIsSyslog => {
                let is_write = def.flags.has(EventFlags::WRITES_TO_FD);
                Value::Bool(is_write && self.fd_is_syslog())
            }
            F::EvtCount => Value::Uint(1),
            F::EvtCountError => return self.error_count(true),
            F::EvtCountErrorFile => return self.error_count(self.is_about_file()),
            F::EvtCountErrorNet => return self.error_count(self.is_about_network()),
            F::EvtCountErrorMemory => {
                return self.error_count(self.subject() == Category::MEMORY);
            }
            F::EvtCountErrorOther => return self.error_count(self.is_about_other()),
            F::EvtCountExit if !def.code.is_enter() => Value::Uint(1),
            F::EvtCountProcinfo => {
                let main = def.code == code::PROCINFO_E && self.is_main_thread();
                Value::Uint(u64::from(main))
            }
            F::EvtCountThreadinfo => Value::Uint(u64::from(def.code == code::PROCINFO_E)),
            F::EvtAround => match arg {
                FieldArg::Index(time) => Value::Uint(ts.abs_diff(*time)),
                _ => return None,
            },
            F::EvtAbspath => return self.abspath(arg),
            F::EvtIsOpenRead => self.open_flag(O_READ),
            F::EvtIsOpenWrite => self.open_flag(O_WRITE),
            F::EvtIsOpenExec => Value::Bool(self.creates_executable()),
            F::EvtIsOpenCreate => Value::Bool(self.creates_file()),
            F::EvtInfraDockerName => return self.docker("Event"),
            F::EvtInfraDockerContainerId => return self.docker("ID"),
            F::EvtInfraDockerContainerName => return self.docker("name"),
            F::EvtInfraDockerContainerImage => return self.docker("Image"),
            _ => return None,
        })
    }

    /// How the parameter an `evt.rawarg` means is printed.
    pub(crate) fn raw_format(&self, field: &FieldRef) -> Option<Format> {
        let index = self.param_position(&field.arg)?;
        Some(self.record.def().params[index].format)
    }

    /// What kind of file descriptor the event is about.
    fn fd_subject(&self) -> Subject {
        match self.event_fd() {
            None => Subject::Unknown,
            Some(fd) if fd.is_file() => Subject::File,
            Some(fd) if fd.is_directory() => Subject::Directory,
            Some(fd) => match fd.family() {
                Some("ip") => Subject::Ip,
                Some(_) => Subject::Unix,
                None => Subject::Other,
            },
        }
    }

    /// The subject of a call on a file descriptor depends on what is behind it.
    fn io_category_name(&self) -> &'static str {
        let Some(fd) = self.event_fd() else { return "unknown" };
        match self.fd_subject() {
            Subject::File | Subject::Directory => "file",
            Subject::Ip => "net",
            Subject::Unix => "ipc",
            Subject::Other | Subject::Unknown => match fd.word() {
                "pipe" | "event" | "signalfd" | "inotify" | "userfaultfd" => "ipc",
                _ => "unknown",
            },
        }
    }

    fn fd_is_syslog(&self) -> bool {
        self.event_fd().is_some_and(|fd| memchr::memmem::find(fd.name(), b"/dev/log").is_some())
    }

    fn since_first(&self) -> u64 {
        self.record.ts().wrapping_sub(self.first_ts)
    }

    fn since_previous(&self) -> u64 {
        self.record.ts().saturating_sub(self.previous_ts.unwrap_or(self.record.ts()))
    }

    fn subject(&self) -> u16 {
        self.record.def().category.subject()
    }

    fn is_io_category(&self) -> bool {
        matches!(self.subject(), Category::IO_READ | Category::IO_WRITE | Category::IO_OTHER)
    }

    fn has_flag(&self, flags: u16) -> Value<'_> {
        Value::Bool(self.record.def().flags.has(flags))
    }

    /// Text of a parameter, or what Falco shows when it has none.
    fn param_text_or_na(&self, index: usize) -> Value<'_> {
        Value::bytes(self.record.text(index).unwrap_or(b"<NA>"))
    }

    fn type_name(&self) -> Value<'_> {
        let def = self.record.def();
        match def.code {
            code::GENERIC_X => {
                let id = usize::from(generic_id(&self.record));
                Value::text(SYSCALL_NAMES.get(id).copied().unwrap_or("unknown"))
            }
            code::ASYNCEVENT_E => self.param_text_or_na(arg::asyncevent_e::name),
            _ => Value::text(def.name),
        }
    }

    fn category_name(&self) -> &'static str {
        let category = self.record.def().category;
        match category.subject() {
            Category::OTHER => "other",
            Category::FILE => "file",
            Category::NET => "net",
            Category::IPC => "IPC",
            Category::MEMORY => "memory",
            Category::PROCESS => "process",
            Category::SLEEP => "sleep",
            Category::SYSTEM => "system",
            Category::SIGNAL => "signal",
            Category::USER => "user",
            Category::TIME => "time",
            Category::PROCESSING => "processing",
            Category::IO_READ | Category::IO_WRITE | Category::IO_OTHER => self.io_category_name(),
            _ if category.has(Category::WAIT) => "wait",
            _ if category.has(Category::SCHEDULER) => "scheduler",
            _ if category.has(Category::INTERNAL) => "internal",
            _ => "unknown",
        }
    }

    fn args_text(&self) -> Vec<u8> {
        let def = self.record.def();
        let mut out = Vec::new();
        if def.code == code::GENERIC_X || !self.has_params() {
            return out;
        }
        let mut text = ParamText::default();
        for (index, param) in def.falco().iter().enumerate() {
            if index > 0 {
                out.push(b' ');
            }
            out.extend_from_slice(param.name.as_bytes());
            out.push(b'=');
            text.render(&self.record, index, self.session.buffer, self);
            out.extend_from_slice(&text.raw);
            if !text.resolved.is_empty() {
                out.push(b'(');
                out.extend_from_slice(&text.resolved);
                out.push(b')');
            }
        }
        out
    }

    /// Whether the event has any parameter. Old captures hold some system calls without.
    fn has_params(&self) -> bool {
        let def = self.record.def();
        !def.is_syscall_exit() || (0..def.falco_params).any(|index| self.record.has(index))
    }

    /// Position of the parameter an argument of `evt.arg` means, if this event has it.
    fn param_position(&self, arg: &FieldArg) -> Option<usize> {
        let FieldArg::Index(n) = arg else { return None };
        let def = self.record.def();
        if *n & NAMED_PARAM != 0 {
            ParamNames::get().position(def, *n as u16)
        } else {
            Some(*n as usize).filter(|n| *n < def.falco_params && self.has_params())
        }
    }

    fn arg_text(&self, arg: &FieldArg, how: Use) -> Option<Value<'_>> {
        let index = self.param_position(arg)?;
        // Plain text needs no rendering and no allocation.
        if self.record.def().params[index].ty == ParamType::CharBuf {
            return Some(self.param_text_or_na(index));
        }
        let mut text = ParamText::default();
        text.render(&self.record, index, self.buffer_format(how), self);
        Some(Value::owned(text.into_best()))
    }

    /// A parameter in its own type.
    fn raw_arg(&self, index: usize) -> Option<Value<'_>> {
        let param = &self.record.def().params[index];
        if let Some(v) = self.record.int(index) {
            return Some(match param.ty {
                ParamType::Bool => Value::Bool(v != 0),
                ParamType::Double => Value::Double(f64::from_bits(v as u64)),
                ty if ty.is_signed() => Value::Int(v),
                _ => Value::Uint(v as u64),
            });
        }
        let bytes = match self.record.bytes(index) {
            Some(bytes) if param.ty.is_text() => text_of(bytes),
            Some(bytes) => bytes,
            None if param.ty.is_text() => b"<NA>",
            None => return None,
        };
        Some(Value::bytes(bytes))
    }

    fn buffer(&self, how: Use) -> Option<Value<'_>> {
        let index = self.record.def().param_index("data")?;
        match how {
            Use::Compare => self.record.bytes(index).map(Value::bytes),
            Use::Output => {
                let mut text = ParamText::default();
                text.render(&self.record, index, self.session.buffer, self);
                Some(Value::owned(text.raw))
            }
        }
    }

    /// The result of the call. Its parameter is the first one, whatever its name.
    pub(crate) fn return_value(&self) -> Option<i64> {
        let def = self.record.def();
        if def.code == code::GENERIC_X || !def.is_syscall_exit() || !self.has_params() {
            return None;
        }
        Some(self.record.int(0).unwrap_or(0))
    }

    fn result_text(&self) -> Option<Value<'_>> {
        if self.return_value()? >= 0 {
            return Some(Value::text("SUCCESS"));
        }
        let mut text = ParamText::default();
        text.render(&self.record, 0, self.session.buffer, self);
        Some(Value::owned(text.into_best()))
    }

    fn buflen(&self) -> Option<Value<'_>> {
        if self.event_fd().is_none() || self.record.def().code.is_enter() {
            return None;
        }
        self.return_value().filter(|v| *v >= 0).map(|v| Value::Uint(v as u64))
    }

    fn buflen_of(&self, subjects: &[Subject]) -> Option<Value<'_>> {
        if subjects.contains(&self.fd_subject()) { self.buflen() } else { None }
    }

    fn error_count(&self, applies: bool) -> Option<Value<'_>> {
        let result = self.return_value().filter(|_| applies)?;
        Some(Value::Uint(u64::from(result < 0)))
    }

    fn is_about_file(&self) -> bool {
        match self.fd_subject() {
            Subject::File | Subject::Directory => true,
            Subject::Unknown => is_open(self.record.def().code),
            _ => false,
        }
    }

    fn is_about_network(&self) -> bool {
        match self.fd_subject() {
            Subject::Ip | Subject::Unix => true,
            Subject::Unknown => is_connection(self.record.def().code),
            _ => false,
        }
    }

    fn is_about_other(&self) -> bool {
        let code = self.record.def().code;
        match self.fd_subject() {
            Subject::Other => true,
            Subject::Unknown => {
                !is_open(code) && !is_connection(code) && self.subject() != Category::MEMORY
            }
            _ => false,
        }
    }

    /// Flags and mode of a call that opens by path or handle.
    fn open_arguments(&self) -> Option<(i64, Option<i64>)> {
        let (flags, mode) = match self.record.def().code {
            code::SYSCALL_OPEN_X => (arg::syscall_open_x::flags, Some(arg::syscall_open_x::mode)),
            code::SYSCALL_OPENAT_2_X => {
                (arg::syscall_openat_2_x::flags, Some(arg::syscall_openat_2_x::mode))
            }
            code::SYSCALL_OPENAT2_X => {
                (arg::syscall_openat2_x::flags, Some(arg::syscall_openat2_x::mode))
            }
            code::SYSCALL_OPEN_BY_HANDLE_AT_X => (arg::syscall_open_by_handle_at_x::flags, None),
            _ => return None,
        };
        let mode = mode.and_then(|index| self.record.int(index));
        Some((self.record.int(flags).unwrap_or(0), mode))
    }

    fn open_flag(&self, bit: i64) -> Value<'_> {
        Value::Bool(self.open_arguments().is_some_and(|(flags, _)| flags & bit != 0))
    }

    fn creates_file(&self) -> bool {
        self.open_arguments().is_some_and(|(flags, _)| {
            let temporary = flags & O_TMPFILE != 0 && self.return_value().is_some_and(|v| v >= 0);
            flags & O_CREATED != 0 || temporary
        })
    }

    fn creates_executable(&self) -> bool {
        let mode = match self.open_arguments() {
            Some((flags, mode)) if flags & (O_TMPFILE | O_CREATE) != 0 => mode,
            None if self.record.def().code == code::SYSCALL_CREAT_X => {
                self.record.int(arg::syscall_creat_x::mode)
            }
            _ => None,
        };
        mode.is_some_and(|mode| mode & EXECUTE_BITS != 0)
    }

    /// A part of the description of a Docker infrastructure event, which reads
    /// `Event:create; ID:…; name:…; Image:…`.
    fn docker(&self, key: &str) -> Option<Value<'_>> {
        if self.record.def().code != code::INFRASTRUCTURE_EVENT_E {
            return None;
        }
        let text = self.record.text(arg::infrastructure_event_e::description)?;
        let text = std::str::from_utf8(text).ok()?;
        let part = text.split(';').map(str::trim).find(|part| part.starts_with(key))?;
        let (_, value) = part.split_once(':')?;
        let value = match key {
            "ID" => value.trim().get(..12).unwrap_or(value.trim()),
            "Image" => value.split_once('@').map_or(value, |(image, _)| image).trim(),
            _ => value.split(':').next().unwrap_or_default().trim(),
        };
        Some(Value::text(value))
    }
}

fn time_text(ts: u64, form: TimeForm) -> Value<'static> {
    Value::owned(time::text(ts, form))
}

fn is_meta(category: Category) -> bool {
    category.has(Category::META)
}

fn is_of_type(code: EventCode, name: &str, arg: &FieldArg) -> bool {
    match arg {
        FieldArg::Index(n) => u64::from(code.0) == *n,
        FieldArg::Key(key) => **key == *name,
        FieldArg::None => false,
    }
}

pub(crate) fn is_open(code: EventCode) -> bool {
    matches!(
        code,
        code::SYSCALL_OPEN_X
            | code::SYSCALL_CREAT_X
            | code::SYSCALL_OPENAT_2_X
            | code::SYSCALL_OPENAT2_X
            | code::SYSCALL_OPEN_BY_HANDLE_AT_X
    )
}

fn is_connection(code: EventCode) -> bool {
    matches!(code, code::SOCKET_ACCEPT_5_X | code::SOCKET_ACCEPT4_6_X | code::SOCKET_CONNECT_X)
}
