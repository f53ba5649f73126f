//! Fields of polled file descriptors: `fdlist.*`.

use peregrine_event::Value;
use peregrine_event::table::{arg, code};

use crate::catalogue::Field;
use crate::process::FdView;
use crate::render::fd_list;
use crate::value::write_ip;
use crate::view::EventView;

impl EventView<'_> {
    pub(super) fn fdlist_value(&self, field: Field) -> Option<Value<'_>> {
        let list = match self.record.def().code {
            code::SYSCALL_POLL_X => arg::syscall_poll_x::fds,
            code::SYSCALL_PPOLL_X => arg::syscall_ppoll_x::fds,
            _ => return None,
        };
        if !self.has_thread() {
            return None;
        }
        let mut out = Vec::new();
        for (number, _) in fd_list(self.record.bytes(list)?) {
            let fd = self.open_fd(number);
            if field == Field::FdlistNums {
                separate(&mut out);
                out.extend_from_slice(number.to_string().as_bytes());
            } else if field == Field::FdlistNames {
                separate(&mut out);
                let name = fd.map(|fd| fd.name()).filter(|name| !name.is_empty());
                out.extend_from_slice(name.unwrap_or(b"<NA>"));
            } else if let Some(fd) = fd {
                append_socket(field, fd, &mut out);
            }
        }
        (!out.is_empty()).then(|| Value::owned(out))
    }
}

fn append_socket(field: Field, fd: FdView<'_>, out: &mut Vec<u8>) {
    let end = match field {
        Field::FdlistCips | Field::FdlistCports => fd.ends().map(|(client, _)| client),
        Field::FdlistSips => fd.listener().or_else(|| fd.ends().map(|(_, server)| server)),
        _ => fd.ends().map(|(_, server)| server),
    };
    let Some((ip, port)) = end else { return };
    separate(out);
    if matches!(field, Field::FdlistCips | Field::FdlistSips) {
        write_ip(ip, out);
    } else {
        out.extend_from_slice(port.to_string().as_bytes());
    }
}

fn separate(out: &mut Vec<u8>) {
    if !out.is_empty() {
        out.push(b',');
    }
}
