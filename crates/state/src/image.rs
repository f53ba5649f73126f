//! What a program is: immutable, shared by clones, replaced at exec.

use std::sync::{Arc, OnceLock};

use once_cell::race::OnceBox;

use crate::flags::exe;
use crate::memo::Memo;

/// A list of byte strings, shared when copied.
#[derive(Clone, PartialEq, Eq)]
pub struct Strings(Arc<[u8]>);

impl Strings {
    /// From strings that each end in NUL, as events and captures have them. The last NUL may be
    /// missing. One empty string alone is no string, as in Falco.
    pub fn from_wire(bytes: &[u8]) -> Self {
        Self(bytes.strip_suffix(b"\0").unwrap_or(bytes).into())
    }

    /// From separate strings.
    pub fn from_parts<I: AsRef<[u8]>>(parts: &[I]) -> Self {
        Self(parts.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(&0).into())
    }

    /// Whether [`Self::from_wire`] of these bytes would give an equal list.
    pub fn equals_wire(&self, bytes: &[u8]) -> bool {
        *self.0 == *bytes.strip_suffix(b"\0").unwrap_or(bytes)
    }

    /// The strings in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let some = !self.0.is_empty();
        self.0.split(|b| *b == 0).filter(move |_| some)
    }

    /// Number of strings.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The strings with `separator` between them.
    pub fn joined(&self, separator: u8) -> Vec<u8> {
        self.0.iter().map(|b| if *b == 0 { separator } else { *b }).collect()
    }

    /// The strings with NUL between them.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Default for Strings {
    fn default() -> Self {
        Self(empty())
    }
}

impl std::fmt::Debug for Strings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter().map(String::from_utf8_lossy)).finish()
    }
}

/// The empty text, without an allocation per use.
pub(crate) fn empty() -> Arc<[u8]> {
    static EMPTY: OnceLock<Arc<[u8]>> = OnceLock::new();
    EMPTY.get_or_init(|| Arc::from(&b""[..])).clone()
}

/// Subsystem and path.
type Entry = (Box<[u8]>, Box<[u8]>);

/// Control groups of a process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cgroups {
    wire: Strings,
    entries: Arc<[Entry]>,
}

impl Cgroups {
    /// From `subsystem=path` strings that each end in NUL. Names are brought to their long forms
    /// as in Falco; a string without `=` makes the whole list empty.
    pub fn from_wire(bytes: &[u8]) -> Self {
        let wire = Strings::from_wire(bytes);
        let mut entries = Vec::new();
        for text in wire.iter() {
            let Some(eq) = memchr::memchr(b'=', text) else {
                entries.clear();
                break;
            };
            let mut name = text[..eq].to_vec();
            if let Some(at) = memchr::memmem::find(&name, b"_cgroup") {
                name.drain(at..at + b"_cgroup".len());
            }
            let name: &[u8] = match &name[..] {
                b"perf" => b"perf_event",
                b"mem" => b"memory",
                b"io" => b"blkio",
                other => other,
            };
            entries.push((name.into(), text[eq + 1..].into()));
        }
        Self { wire, entries: entries.into() }
    }

    /// Whether [`Self::from_wire`] of these bytes would give an equal list.
    pub fn equals_wire(&self, bytes: &[u8]) -> bool {
        self.wire.equals_wire(bytes)
    }

    /// Subsystem and path, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.entries.iter().map(|(name, path)| (&**name, &**path))
    }

    /// The path in a subsystem.
    pub fn get(&self, subsystem: &[u8]) -> Option<&[u8]> {
        self.iter().find(|(name, _)| *name == subsystem).map(|(_, path)| path)
    }
}

/// What a process runs. Immutable: an exec makes a new one, a fork shares it.
#[derive(Debug, Clone, Default)]
pub struct Image {
    /// Command name.
    pub comm: Arc<[u8]>,
    /// First argument as given (`argv[0]`), or the whole path.
    pub exe: Arc<[u8]>,
    /// Path of the executable.
    pub exepath: Arc<[u8]>,
    /// Arguments after the first.
    pub args: Strings,
    /// Environment.
    pub env: Strings,
    /// Control groups.
    pub cgroups: Cgroups,
    /// Bits of [`crate::flags::exe`].
    pub exe_flags: u32,
    /// Inode of the executable.
    pub exe_ino: u64,
    /// Its last change of status, nanoseconds since the epoch.
    pub exe_ino_ctime: u64,
    /// Its last change of content, nanoseconds since the epoch.
    pub exe_ino_mtime: u64,
    /// Verdicts of predicates that depend on the image only.
    pub memo: Memo,
    /// Workers share images; two that come first at once both derive, and one result stays.
    pub(crate) derived: OnceBox<Derived>,
}

#[derive(Debug, Clone)]
pub(crate) struct Derived {
    cmdline: Box<[u8]>,
    exeline: Box<[u8]>,
    args: Box<[u8]>,
}

impl Image {
    /// A copy that a change of fields may follow: what was derived or remembered is not copied.
    pub fn to_changed(&self) -> Self {
        Self { memo: Memo::default(), derived: OnceBox::new(), ..self.clone() }
    }

    fn derived(&self) -> &Derived {
        self.derived.get_or_init(|| {
            let args = self.args.joined(b' ');
            let line = |first: &[u8], blank: bool| {
                let mut line = first.to_vec();
                if blank {
                    line.push(b' ');
                }
                line.extend_from_slice(&args);
                line.into()
            };
            // Falco separates the first argument from the others even if there are none.
            Box::new(Derived {
                cmdline: line(&self.comm, !self.args.is_empty()),
                exeline: line(&self.exe, true),
                args: args.clone().into(),
            })
        })
    }

    /// Command name and arguments, with blanks between.
    pub fn cmdline(&self) -> &[u8] {
        &self.derived().cmdline
    }

    /// First argument and the others, with blanks between; ends in a blank if there are no others.
    pub fn exeline(&self) -> &[u8] {
        &self.derived().exeline
    }

    /// The arguments with blanks between.
    pub fn args_line(&self) -> &[u8] {
        &self.derived().args
    }

    /// The user may write the executable.
    pub fn is_exe_writable(&self) -> bool {
        self.exe_flags & exe::WRITABLE != 0
    }

    /// The executable lies on the upper layer of an overlay.
    pub fn is_exe_upper_layer(&self) -> bool {
        self.exe_flags & exe::UPPER_LAYER != 0
    }

    /// The executable lies on a lower layer of an overlay.
    pub fn is_exe_lower_layer(&self) -> bool {
        self.exe_flags & exe::LOWER_LAYER != 0
    }

    /// The executable is a memory file.
    pub fn is_exe_from_memfd(&self) -> bool {
        self.exe_flags & exe::FROM_MEMFD != 0
    }

    /// Sets the path of the executable, without the kernel's mark of a deleted file.
    pub fn set_exepath(&mut self, path: &[u8]) {
        const DELETED: &[u8] = b" (deleted)";
        let path = if path.len() > DELETED.len() {
            path.strip_suffix(DELETED).unwrap_or(path)
        } else {
            path
        };
        if *self.exepath != *path {
            self.exepath = path.into();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wire_lists_split_as_in_falco() {
        let list =
            |bytes: &[u8]| Strings::from_wire(bytes).iter().map(<[u8]>::to_vec).collect::<Vec<_>>();
        assert_eq!(list(b""), Vec::<Vec<u8>>::new());
        assert_eq!(list(b"\0"), Vec::<Vec<u8>>::new());
        assert_eq!(list(b"a\0b\0"), [b"a", b"b"]);
        assert_eq!(list(b"a\0\0b"), [&b"a"[..], b"", b"b"]);
    }

    #[test]
    fn cgroups_get_their_long_names() {
        let c = Cgroups::from_wire(b"cpu_cgroup=/a\0mem=/b\0io=/\0");
        assert_eq!(c.get(b"cpu"), Some(&b"/a"[..]));
        assert_eq!(c.get(b"memory"), Some(&b"/b"[..]));
        assert_eq!(c.get(b"blkio"), Some(&b"/"[..]));
        assert!(c.get(b"io").is_none());
    }

    #[test]
    fn lines_are_built_once() {
        let image = Image {
            comm: b"sh"[..].into(),
            args: Strings::from_wire(b"-c\0x\0"),
            ..Image::default()
        };
        assert_eq!(image.cmdline(), b"sh -c x");
        assert!(std::ptr::eq(image.cmdline(), image.cmdline()));
        assert_eq!(image.to_changed().args_line(), b"-c x");
    }
}
