//! Standard output, and files that grow.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::line::Line;
use crate::sink::{Failure, OutputError, Sink};

/// Writes batches of lines in one call each, and keeps lines whole: after a write that stopped in
/// the middle of a line the next one starts on a line of its own.
#[derive(Debug, Default)]
pub(crate) struct LineBuffer {
    bytes: Vec<u8>,
    torn: bool,
}

impl LineBuffer {
    pub(crate) fn write(
        &mut self,
        out: &mut impl Write,
        lines: &[Arc<Line>],
    ) -> Result<(), Failure> {
        self.bytes.clear();
        if self.torn {
            self.bytes.push(b'\n');
        }
        let start = self.bytes.len();
        for line in lines {
            self.bytes.extend_from_slice(line.text.as_bytes());
            self.bytes.push(b'\n');
        }
        let mut done = 0;
        let error = loop {
            if done == self.bytes.len() {
                break None;
            }
            match out.write(&self.bytes[done..]) {
                Ok(0) => break Some(io::ErrorKind::WriteZero.into()),
                Ok(n) => done += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // A terminal or pipe that somebody else made non-blocking.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err(error) => break Some(error),
            }
        };
        if done > 0 {
            self.torn = self.bytes[done - 1] != b'\n';
        }
        let mut end = start;
        let is_out = |line: &&Arc<Line>| {
            end += line.text.len() + 1;
            end <= done
        };
        let result = match error {
            None => Ok(()),
            Some(error) => Err(Failure::after(lines.iter().take_while(is_out).count(), error)),
        };
        // One huge batch must not keep its memory.
        self.bytes.shrink_to(1 << 20);
        result
    }
}

/// Standard output.
#[derive(Debug)]
pub struct StdoutSink {
    file: File,
    buffer: LineBuffer,
}

impl StdoutSink {
    /// A sink on the process's standard output.
    ///
    /// # Errors
    /// The descriptor cannot be duplicated.
    pub fn new() -> Result<Self, OutputError> {
        // Own descriptor: the standard library's handle is line buffered and locked.
        let fd = io::stdout()
            .as_fd()
            .try_clone_to_owned()
            .map_err(|source| OutputError::Open { sink: "stdout".to_owned(), source })?;
        Ok(Self { file: File::from(fd), buffer: LineBuffer::default() })
    }
}

impl Sink for StdoutSink {
    fn name(&self) -> &str {
        "stdout"
    }

    fn write(&mut self, lines: &[Arc<Line>]) -> Result<(), Failure> {
        self.buffer.write(&mut self.file, lines).map_err(|mut failure| {
            // Nobody reads any more, and nobody will.
            if failure.error.kind() == io::ErrorKind::BrokenPipe {
                failure.rejected = lines.len() - failure.delivered;
            }
            failure
        })
    }
}

/// When a file is put aside for a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// Before it would get larger than this. A batch of lines is never split.
    pub max_bytes: u64,
    /// Old files that are kept, as `NAME.1` (the newest), `NAME.2` and so on.
    pub keep: u32,
}

/// A file that grows.
#[derive(Debug)]
pub struct FileSink {
    path: PathBuf,
    keep_open: bool,
    rotation: Option<Rotation>,
    file: Option<File>,
    buffer: LineBuffer,
}

impl FileSink {
    /// A sink that appends to a file, which is created if it is missing. With `keep_open` false it
    /// is opened for each batch, so that a rotated file is left alone without being told.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn new(path: impl Into<PathBuf>, keep_open: bool) -> Result<Self, OutputError> {
        let path = path.into();
        let file = open(&path)
            .map_err(|source| OutputError::Open { sink: path.display().to_string(), source })?;
        let file = keep_open.then_some(file);
        Ok(Self { path, keep_open, rotation: None, file, buffer: LineBuffer::default() })
    }

    /// Rotates the file itself, instead of leaving that to others.
    pub fn rotate(mut self, rotation: Rotation) -> Self {
        self.rotation = Some(rotation);
        self
    }

    /// Puts the file aside if the next bytes would make it too large.
    fn make_room(&mut self, next_bytes: u64, rotation: Rotation) -> io::Result<()> {
        let size = match std::fs::metadata(&self.path) {
            Ok(metadata) if metadata.is_file() => metadata.len(),
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(error),
        };
        if size == 0 || size + next_bytes <= rotation.max_bytes {
            return Ok(());
        }
        self.file = None;
        self.buffer.torn = false;
        if rotation.keep == 0 {
            return std::fs::remove_file(&self.path);
        }
        let numbered = |n: u32| {
            let mut name = self.path.clone().into_os_string();
            name.push(format!(".{n}"));
            PathBuf::from(name)
        };
        for n in (1..rotation.keep).rev() {
            match std::fs::rename(numbered(n), numbered(n + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        std::fs::rename(&self.path, numbered(1))
    }
}

fn open(path: &Path) -> io::Result<File> {
    File::options().append(true).create(true).open(path)
}

impl Sink for FileSink {
    fn name(&self) -> &str {
        "file"
    }

    fn write(&mut self, lines: &[Arc<Line>]) -> Result<(), Failure> {
        if let Some(rotation) = self.rotation {
            let bytes = lines.iter().map(|line| line.text.len() as u64 + 1).sum();
            self.make_room(bytes, rotation)?;
        }
        let file = match &mut self.file {
            Some(file) => file,
            closed => closed.insert(open(&self.path)?),
        };
        let size = file.metadata()?.len();
        let result = self.buffer.write(file, lines);
        if let Err(failure) = &result
            && self.buffer.torn
        {
            // The line that did not fit will come again as a whole. Who shares the file, or has
            // none that can be cut, sees a part of it on a line of its own instead.
            let whole = &lines[..failure.delivered];
            let bytes: u64 = whole.iter().map(|line| line.text.len() as u64 + 1).sum();
            self.buffer.torn = file.set_len(size + bytes).is_err();
        }
        if !self.keep_open || result.is_err() {
            self.file = None;
        }
        result
    }

    fn reopen(&mut self) -> io::Result<()> {
        self.file = None;
        self.buffer.torn = false;
        if self.keep_open {
            self.file = Some(open(&self.path)?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::tests::line;

    /// Takes a few bytes per call, then fails once.
    struct Narrow {
        got: Vec<u8>,
        fail_after: Option<usize>,
    }

    impl Write for Narrow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.fail_after.is_some_and(|limit| self.got.len() >= limit) {
                self.fail_after = None;
                return Err(io::ErrorKind::StorageFull.into());
            }
            let n = bytes.len().min(3);
            self.got.extend_from_slice(&bytes[..n]);
            Ok(n)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_torn_line_does_not_spoil_the_next() {
        let mut out = Narrow { got: Vec::new(), fail_after: Some(6) };
        let mut buffer = LineBuffer::default();
        let failure = buffer.write(&mut out, &[line("first"), line("second")]).unwrap_err();
        assert_eq!((out.got.as_slice(), failure.delivered), (b"first\n".as_slice(), 1));
        buffer.write(&mut out, &[line("third")]).unwrap();
        assert_eq!(out.got, b"first\nthird\n");

        out.fail_after = Some(15);
        let failure = buffer.write(&mut out, &[line("fourth")]).unwrap_err();
        assert_eq!(failure.delivered, 0);
        buffer.write(&mut out, &[line("fifth")]).unwrap();
        assert_eq!(out.got, b"first\nthird\nfou\nfifth\n");
    }

    #[test]
    fn a_file_is_appended_to_and_survives_rotation() {
        for keep_open in [true, false] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("alerts");
            std::fs::write(&path, "old\n").unwrap();
            let mut sink = FileSink::new(&path, keep_open).unwrap();
            sink.write(&[line("a"), line("b")]).unwrap();
            let rotated = dir.path().join("alerts.1");
            std::fs::rename(&path, &rotated).unwrap();
            sink.reopen().unwrap();
            sink.write(&[line("c")]).unwrap();
            assert_eq!(std::fs::read_to_string(&rotated).unwrap(), "old\na\nb\n");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), "c\n");
        }
    }

    #[test]
    fn a_file_is_rotated_by_size_and_old_ones_are_limited() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("alerts");
        let rotation = Rotation { max_bytes: 10, keep: 2 };
        let mut sink = FileSink::new(&path, true).unwrap().rotate(rotation);
        for text in ["one", "two", "three", "a line longer than a file", "five", "six", "seven"] {
            sink.write(&[line(text)]).unwrap();
        }
        let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
        assert_eq!(read("alerts"), "seven\n");
        assert_eq!(read("alerts.1"), "five\nsix\n");
        assert_eq!(read("alerts.2"), "a line longer than a file\n");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 3);
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_an_error_with_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let error = FileSink::new(dir.path().join("missing/alerts"), true).unwrap_err();
        assert!(error.to_string().contains("missing/alerts"), "{error}");
    }
}
