//! Standard output, and files that grow.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::line::Line;
use crate::sink::{OutputError, Sink};

/// Writes batches of lines in one call each, and keeps lines whole: after a write that stopped in
/// the middle of a line the next one starts on a line of its own.
#[derive(Debug, Default)]
pub(crate) struct LineBuffer {
    bytes: Vec<u8>,
    torn: bool,
}

impl LineBuffer {
    pub(crate) fn write(&mut self, out: &mut impl Write, lines: &[Arc<Line>]) -> io::Result<()> {
        self.bytes.clear();
        if self.torn {
            self.bytes.push(b'\n');
        }
        for line in lines {
            self.bytes.extend_from_slice(line.text.as_bytes());
            self.bytes.push(b'\n');
        }
        let mut done = 0;
        let result = loop {
            if done == self.bytes.len() {
                break Ok(());
            }
            match out.write(&self.bytes[done..]) {
                Ok(0) => break Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => done += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // A terminal or pipe that somebody else made non-blocking.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err(error) => break Err(error),
            }
        };
        if done > 0 {
            self.torn = self.bytes[done - 1] != b'\n';
        }
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

    fn write(&mut self, lines: &[Arc<Line>]) -> io::Result<()> {
        self.buffer.write(&mut self.file, lines)
    }
}

/// A file that grows.
#[derive(Debug)]
pub struct FileSink {
    path: PathBuf,
    keep_open: bool,
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
        Ok(Self { path, keep_open, file, buffer: LineBuffer::default() })
    }
}

fn open(path: &Path) -> io::Result<File> {
    File::options().append(true).create(true).open(path)
}

impl Sink for FileSink {
    fn name(&self) -> &str {
        "file"
    }

    fn write(&mut self, lines: &[Arc<Line>]) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            closed => closed.insert(open(&self.path)?),
        };
        let result = self.buffer.write(file, lines);
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
        buffer.write(&mut out, &[line("first"), line("second")]).unwrap_err();
        assert_eq!(out.got, b"first\n");
        buffer.write(&mut out, &[line("third")]).unwrap();
        assert_eq!(out.got, b"first\nthird\n");

        out.fail_after = Some(15);
        buffer.write(&mut out, &[line("fourth")]).unwrap_err();
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
    fn a_file_that_cannot_be_opened_is_an_error_with_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let error = FileSink::new(dir.path().join("missing/alerts"), true).unwrap_err();
        assert!(error.to_string().contains("missing/alerts"), "{error}");
    }
}
