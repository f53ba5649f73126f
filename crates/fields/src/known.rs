//! What can be said of a field from the type of an event alone.
//!
//! The same facts as in `extract`, which stays the authority: a test compares both.

use peregrine_event::event::{Category, FALCO_CODES};
use peregrine_event::table::code;
use peregrine_event::{EventCode, EventDef, EventFlags, Value};
use peregrine_filter::catalog::{FieldArg, FieldRef, Known};

use crate::catalogue::{Class, Field, NAMED_PARAM, ParamNames};
use crate::extract::{evt, fd, fspath};

/// What is known of a field for all events of a type.
pub(crate) fn known(field: &FieldRef, event: EventCode) -> Known {
    let (Some(name), Some(def)) = (Field::from_id(field.id), event.def()) else {
        return Known::Unknown;
    };
    if event.0 >= FALCO_CODES {
        return Known::Unknown;
    }
    let may_exist = match name.def().class {
        Class::Syscall | Class::Generic => return of_event(name, &field.arg, def),
        Class::Static => {
            let FieldArg::Key(text) = &field.arg else { return Known::Missing };
            return Known::Value(Value::owned(text.as_bytes()));
        }
        Class::Fd => def.flags.has(fd::ABOUT_FD),
        Class::FsPath => fspath::has_path(name, event),
        Class::FdList => matches!(event, code::SYSCALL_POLL_X | code::SYSCALL_PPOLL_X),
        _ => true,
    };
    if may_exist { Known::Unknown } else { Known::Missing }
}

fn of_event(field: Field, arg: &FieldArg, def: &EventDef) -> Known {
    use Field as F;
    let flag = |bits: u16| Known::Value(Value::Bool(def.flags.has(bits)));
    let never = |applies: bool| match applies {
        true => Known::Unknown,
        false => Known::Value(Value::Bool(false)),
    };
    let exists = |applies: bool| if applies { Known::Unknown } else { Known::Missing };
    let is_generic = matches!(def.code, code::GENERIC_E | code::GENERIC_X);
    let is_meta = def.category.has(Category::META);
    let subject = def.category.subject();
    let is_io = matches!(subject, Category::IO_READ | Category::IO_WRITE | Category::IO_OTHER);
    match field {
        F::EvtIsAsync => Known::Value(Value::Bool(is_meta)),
        F::EvtAsynctype => exists(is_meta),
        F::EvtDir => Known::Value(Value::text(if def.code.is_enter() { ">" } else { "<" })),
        F::EvtType if is_generic || def.code == code::ASYNCEVENT_E => Known::Unknown,
        F::EvtType => Known::Value(Value::text(def.name)),
        F::SyscallType if !def.category.has(Category::SYSCALL) => Known::Missing,
        F::SyscallType if is_generic => Known::Unknown,
        F::SyscallType => Known::Value(Value::text(def.name)),
        F::EvtArg | F::EvtRawarg => exists(has_param(arg, def)),
        F::EvtBuffer => exists(def.param_index("data").is_some()),
        F::EvtBuflen | F::EvtBuflenFile | F::EvtBuflenNet => exists(is_io),
        F::EvtBuflenIn | F::EvtBuflenFileIn | F::EvtBuflenNetIn => {
            exists(subject == Category::IO_READ)
        }
        F::EvtBuflenOut | F::EvtBuflenFileOut | F::EvtBuflenNetOut => {
            exists(subject == Category::IO_WRITE)
        }
        F::EvtRes
        | F::EvtRawres
        | F::EvtFailed
        | F::EvtCountError
        | F::EvtCountErrorFile
        | F::EvtCountErrorNet
        | F::EvtCountErrorMemory
        | F::EvtCountErrorOther => exists(def.is_syscall_exit() && !is_generic),
        F::EvtIsIo => flag(EventFlags::READS_FROM_FD | EventFlags::WRITES_TO_FD),
        F::EvtIsIoRead => flag(EventFlags::READS_FROM_FD),
        F::EvtIsIoWrite => flag(EventFlags::WRITES_TO_FD),
        F::EvtIsWait => flag(EventFlags::WAITS),
        F::EvtIsSyslog => never(def.flags.has(EventFlags::WRITES_TO_FD)),
        F::EvtIoDir => exists(def.flags.has(EventFlags::READS_FROM_FD | EventFlags::WRITES_TO_FD)),
        F::EvtIsOpenRead | F::EvtIsOpenWrite | F::EvtIsOpenCreate => {
            never(evt::is_open(def.code) && def.code != code::SYSCALL_CREAT_X)
        }
        F::EvtIsOpenExec => never(evt::is_open(def.code)),
        F::EvtAbspath => exists(fspath::abspath_parameters(def.code, arg).is_some()),
        F::EvtInfraDockerName
        | F::EvtInfraDockerContainerId
        | F::EvtInfraDockerContainerName
        | F::EvtInfraDockerContainerImage => exists(def.code == code::INFRASTRUCTURE_EVENT_E),
        _ => Known::Unknown,
    }
}

fn has_param(arg: &FieldArg, def: &EventDef) -> bool {
    let FieldArg::Index(n) = arg else { return true };
    if *n & NAMED_PARAM != 0 {
        ParamNames::get().position(def, *n as u16).is_some()
    } else {
        usize::try_from(*n).is_ok_and(|n| n < def.falco_params)
    }
}

#[cfg(test)]
mod tests {
    use peregrine_filter::{OperandKind, parse_operand};

    use super::*;
    use crate::Fields;

    fn of(field: &str, event: EventCode) -> Known {
        use peregrine_filter::Catalog;
        let fields = Fields::syscall();
        let OperandKind::Field(written) = parse_operand(field).unwrap().0.kind else {
            panic!("{field}")
        };
        let info = fields.field(&written.name).unwrap();
        let rest = written.name.strip_prefix(info.name).and_then(|rest| rest.strip_prefix('.'));
        let arg = written.arg.as_ref().and_then(|arg| arg.as_str()).or(rest);
        fields.known(&fields.bind(&info, arg).unwrap(), event)
    }

    #[test]
    fn fields_are_missing_where_events_lack_what_they_show() {
        for (field, event) in [
            ("fd.name", code::SYSCALL_SETUID_X),
            ("fs.path.name", code::SYSCALL_RENAME_X),
            ("fs.path.source", code::SYSCALL_MKDIRAT_X),
            ("evt.arg.flags", code::SYSCALL_SETUID_X),
            ("evt.arg[9]", code::SYSCALL_SETUID_X),
            ("evt.rawarg.uid", code::SYSCALL_OPENAT_2_X),
            ("evt.buffer", code::SYSCALL_OPENAT_2_X),
            ("evt.rawres", code::GENERIC_X),
            ("fdlist.names", code::SYSCALL_OPENAT_2_X),
            ("evt.abspath", code::SYSCALL_SETUID_X),
        ] {
            assert_eq!(of(field, event), Known::Missing, "{field}");
        }
        for (field, event) in [
            ("fd.name", code::SYSCALL_OPENAT_2_X),
            ("fs.path.name", code::SYSCALL_OPENAT_2_X),
            ("fs.path.source", code::SYSCALL_RENAME_X),
            ("evt.arg.uid", code::SYSCALL_SETUID_X),
            ("evt.arg[1]", code::SYSCALL_SETUID_X),
            ("evt.type", code::GENERIC_X),
            ("evt.is_open_write", code::SYSCALL_OPENAT_2_X),
            ("evt.rawres", code::SYSCALL_SETUID_X),
            ("proc.name", code::SYSCALL_SETUID_X),
        ] {
            assert_eq!(of(field, event), Known::Unknown, "{field}");
        }
        let value = Known::Value(Value::Bool(false));
        assert_eq!(of("evt.is_open_write", code::SYSCALL_SETUID_X), value);
        assert_eq!(of("evt.dir", code::SYSCALL_SETUID_X), Known::Value(Value::text("<")));
    }
}
