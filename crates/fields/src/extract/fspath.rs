//! Paths of file system calls: `fs.path.*` and `evt.abspath`.

use peregrine_event::table::{arg, code};
use peregrine_event::{EventCode, Value};
use peregrine_filter::catalog::FieldArg;

use peregrine_state::path;

use crate::catalogue::Field;
use crate::render::{AT_FDCWD, text_of};
use crate::view::EventView;

/// Which parameters of an event hold its paths.
#[derive(Debug, Clone, Copy)]
enum Paths {
    /// One path.
    One(usize),
    /// A source and a target.
    Two(usize, usize),
    /// The path is that of the file descriptor.
    Fd,
    /// A path that is opened: there is a file descriptor if it succeeded.
    Opened(usize),
}

/// The paths of an event that `fs.path.*` knows.
fn paths(event: EventCode) -> Option<Paths> {
    use Paths::{Fd, One, Opened, Two};
    Some(match event {
        code::SYSCALL_MKDIR_2_X => One(arg::syscall_mkdir_2_x::path),
        code::SYSCALL_MKDIRAT_X => One(arg::syscall_mkdirat_x::path),
        code::SYSCALL_RMDIR_2_X => One(arg::syscall_rmdir_2_x::path),
        code::SYSCALL_UNLINK_2_X => One(arg::syscall_unlink_2_x::path),
        code::SYSCALL_UNLINKAT_2_X => One(arg::syscall_unlinkat_2_x::name),
        code::SYSCALL_OPEN_X => Opened(arg::syscall_open_x::name),
        code::SYSCALL_OPENAT_2_X => Opened(arg::syscall_openat_2_x::name),
        code::SYSCALL_OPENAT2_X => Opened(arg::syscall_openat2_x::name),
        code::SYSCALL_FCHMODAT_X => One(arg::syscall_fchmodat_x::filename),
        code::SYSCALL_CHMOD_X => One(arg::syscall_chmod_x::filename),
        code::SYSCALL_FCHMOD_X | code::SYSCALL_FCHOWN_X => Fd,
        code::SYSCALL_CHOWN_X => One(arg::syscall_chown_x::path),
        code::SYSCALL_LCHOWN_X => One(arg::syscall_lchown_x::path),
        code::SYSCALL_FCHOWNAT_X => One(arg::syscall_fchownat_x::pathname),
        code::SYSCALL_QUOTACTL_X => One(arg::syscall_quotactl_x::special),
        code::SYSCALL_RENAME_X => {
            Two(arg::syscall_rename_x::oldpath, arg::syscall_rename_x::newpath)
        }
        code::SYSCALL_RENAMEAT_X => {
            Two(arg::syscall_renameat_x::oldpath, arg::syscall_renameat_x::newpath)
        }
        code::SYSCALL_RENAMEAT2_X => {
            Two(arg::syscall_renameat2_x::oldpath, arg::syscall_renameat2_x::newpath)
        }
        // What a link is made from is its target: the new name is the source of the link.
        code::SYSCALL_LINK_2_X => {
            Two(arg::syscall_link_2_x::newpath, arg::syscall_link_2_x::oldpath)
        }
        code::SYSCALL_LINKAT_2_X => {
            Two(arg::syscall_linkat_2_x::newpath, arg::syscall_linkat_2_x::oldpath)
        }
        code::SYSCALL_SYMLINK_X => {
            Two(arg::syscall_symlink_x::linkpath, arg::syscall_symlink_x::target)
        }
        code::SYSCALL_SYMLINKAT_X => {
            Two(arg::syscall_symlinkat_x::linkpath, arg::syscall_symlinkat_x::target)
        }
        code::SYSCALL_MOUNT_X => Two(arg::syscall_mount_x::dev, arg::syscall_mount_x::dir),
        code::SYSCALL_UMOUNT_1_X => One(arg::syscall_umount_1_x::name),
        code::SYSCALL_UMOUNT2_X => One(arg::syscall_umount2_x::name),
        _ => return None,
    })
}

/// Whether events of a type may have one of the `fs.path.*`.
pub(crate) fn has_path(field: Field, event: EventCode) -> bool {
    let wants_one = matches!(field, Field::FsPathName | Field::FsPathNameraw);
    paths(event).is_some_and(|paths| wants_one != matches!(paths, Paths::Two(..)))
}

/// Which parameters `evt.abspath` joins: a directory, if there is one, and a path.
pub(crate) fn abspath_parameters(
    event: EventCode,
    which: &FieldArg,
) -> Option<(Option<usize>, usize)> {
    let second = *which == FieldArg::Index(2);
    let (dirfd, path) = match event {
        code::SYSCALL_RENAMEAT_X if second => {
            (arg::syscall_renameat_x::newdirfd, arg::syscall_renameat_x::newpath)
        }
        code::SYSCALL_RENAMEAT_X => {
            (arg::syscall_renameat_x::olddirfd, arg::syscall_renameat_x::oldpath)
        }
        code::SYSCALL_RENAMEAT2_X if second => {
            (arg::syscall_renameat2_x::newdirfd, arg::syscall_renameat2_x::newpath)
        }
        code::SYSCALL_RENAMEAT2_X => {
            (arg::syscall_renameat2_x::olddirfd, arg::syscall_renameat2_x::oldpath)
        }
        code::SYSCALL_SYMLINKAT_X => {
            (arg::syscall_symlinkat_x::linkdirfd, arg::syscall_symlinkat_x::linkpath)
        }
        code::SYSCALL_OPENAT_2_X => (arg::syscall_openat_2_x::dirfd, arg::syscall_openat_2_x::name),
        code::SYSCALL_OPENAT2_X => (arg::syscall_openat2_x::dirfd, arg::syscall_openat2_x::name),
        code::SYSCALL_OPEN_BY_HANDLE_AT_X => {
            return Some((None, arg::syscall_open_by_handle_at_x::path));
        }
        code::SYSCALL_LINKAT_2_X if second => {
            (arg::syscall_linkat_2_x::newdir, arg::syscall_linkat_2_x::newpath)
        }
        code::SYSCALL_LINKAT_2_X => {
            (arg::syscall_linkat_2_x::olddir, arg::syscall_linkat_2_x::oldpath)
        }
        code::SYSCALL_UNLINKAT_2_X => {
            (arg::syscall_unlinkat_2_x::dirfd, arg::syscall_unlinkat_2_x::name)
        }
        code::SYSCALL_MKDIRAT_X => (arg::syscall_mkdirat_x::dirfd, arg::syscall_mkdirat_x::path),
        code::SYSCALL_FCHMODAT_X => {
            (arg::syscall_fchmodat_x::dirfd, arg::syscall_fchmodat_x::filename)
        }
        code::SYSCALL_FCHOWNAT_X => {
            (arg::syscall_fchownat_x::dirfd, arg::syscall_fchownat_x::pathname)
        }
        _ => return None,
    };
    Some((Some(dirfd), path))
}

const UNKNOWN: &[u8] = b"<UNKNOWN>";

impl EventView<'_> {
    pub(super) fn fspath_value(&self, field: Field) -> Option<Value<'_>> {
        use Field as F;
        let event = self.record.def().code;
        let paths = paths(event)?;
        let succeeded = match paths {
            // An open that failed for want of a permission shows its path, as in Falco.
            Paths::Opened(_) => self.record.int(0).is_some_and(|fd| fd != -1),
            _ => self.record.int(0) == Some(0),
        };
        if !succeeded {
            return None;
        }
        let is_source = matches!(field, F::FsPathSource | F::FsPathSourceraw);
        let raw = matches!(field, F::FsPathNameraw | F::FsPathSourceraw | F::FsPathTargetraw);
        let wants_one = matches!(field, F::FsPathName | F::FsPathNameraw);
        let index = match paths {
            Paths::Fd if wants_one => {
                let name = self.fd_name()?;
                return Some(if raw { name } else { self.normalized(name.as_bytes()?) });
            }
            Paths::One(index) | Paths::Opened(index) if wants_one => index,
            Paths::Two(source, target) if !wants_one => {
                if is_source {
                    source
                } else {
                    target
                }
            }
            _ => return None,
        };
        let given = self.record.bytes(index).map_or(&b"<NA>"[..], text_of);
        if raw {
            return Some(Value::bytes(given));
        }
        if !self.has_thread() {
            return None;
        }
        if given.first() == Some(&b'/') {
            return Some(self.normalized(given));
        }
        let base: std::borrow::Cow<'_, [u8]> = match event {
            code::SYSCALL_OPENAT_2_X | code::SYSCALL_OPENAT2_X => {
                return Some(self.normalized(self.event_fd().map_or(UNKNOWN, |fd| fd.name())));
            }
            code::SYSCALL_FCHOWNAT_X
            | code::SYSCALL_FCHMODAT_X
            | code::SYSCALL_MKDIRAT_X
            | code::SYSCALL_UNLINKAT_2_X => self.event_directory(),
            code::SYSCALL_SYMLINKAT_X if is_source => self.event_directory(),
            code::SYSCALL_SYMLINKAT_X => UNKNOWN.into(),
            code::SYSCALL_RENAMEAT2_X => {
                let dirfd = if is_source {
                    arg::syscall_renameat2_x::olddirfd
                } else {
                    arg::syscall_renameat2_x::newdirfd
                };
                self.directory_of(self.record.int(dirfd).unwrap_or(AT_FDCWD))
            }
            _ => self.cwd().into(),
        };
        Some(Value::owned(path::join(&base, given)))
    }

    pub(super) fn abspath(&self, which: &FieldArg) -> Option<Value<'_>> {
        if !self.has_thread() {
            return None;
        }
        let (dirfd, path) = abspath_parameters(self.record.def().code, which)?;
        let Some(dirfd) = dirfd else {
            self.return_value().filter(|fd| *fd > 0)?;
            return Some(self.normalized(self.record.text(path).unwrap_or(b"<NA>")));
        };
        let dirfd = self.record.int(dirfd)?;
        let given = self.record.text(path)?;
        if given.first() == Some(&b'/') {
            return Some(self.normalized(given));
        }
        let mut base = self.directory_of(dirfd);
        if &*base == UNKNOWN {
            base.to_mut().push(b'/');
        }
        Some(Value::owned(path::join(&base, given)))
    }

    fn normalized(&self, given: &[u8]) -> Value<'static> {
        Value::owned(path::join(b"", given))
    }
}
