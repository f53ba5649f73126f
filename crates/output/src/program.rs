//! Programs that get alerts on their standard input.

use std::io;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;

use crate::file::LineBuffer;
use crate::line::Line;
use crate::sink::{Failure, Sink};

/// Gives each line to a command of the shell: to one that keeps running, or to a new one each time,
/// which must have ended before the next is started.
#[derive(Debug)]
pub struct ProgramSink {
    command: String,
    keep_running: bool,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    child: Child,
    stdin: ChildStdin,
    buffer: LineBuffer,
}

impl ProgramSink {
    /// A sink on a command line for `sh`. It starts with the first alert.
    pub fn new(command: impl Into<String>, keep_running: bool) -> Self {
        Self { command: command.into(), keep_running, running: None }
    }

    fn start(&self) -> io::Result<Running> {
        let mut child =
            Command::new("/bin/sh").arg("-c").arg(&self.command).stdin(Stdio::piped()).spawn()?;
        let stdin = child.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(Running { child, stdin, buffer: LineBuffer::default() })
    }

    /// Lets the program see the end of its input, and waits until it has ended.
    fn finish(&mut self) -> io::Result<()> {
        let Some(Running { mut child, stdin, .. }) = self.running.take() else { return Ok(()) };
        drop(stdin);
        match child.wait()? {
            status if status.success() => Ok(()),
            status => Err(io::Error::other(format!("'{}' ended with {status}", self.command))),
        }
    }
}

impl Sink for ProgramSink {
    fn name(&self) -> &str {
        "program"
    }

    fn batch_limit(&self) -> usize {
        if self.keep_running { 256 } else { 1 }
    }

    fn write(&mut self, lines: &[Arc<Line>]) -> Result<(), Failure> {
        let mut running = match self.running.take() {
            Some(running) => running,
            None => self.start()?,
        };
        let result = running.buffer.write(&mut running.stdin, lines);
        self.running = Some(running);
        if self.keep_running {
            // The next line starts it again. How it ended says more than the broken pipe.
            return result.map_err(|failure| match self.finish() {
                Ok(()) => failure,
                Err(error) => Failure { error, ..failure },
            });
        }
        // It ran: what it did with its line is its affair, and running it again would do it twice.
        let reject = |error| Failure { delivered: 0, rejected: lines.len(), wait: None, error };
        let ended = self.finish();
        result.map_err(|failure| reject(failure.error)).and(ended.map_err(reject))
    }

    fn reopen(&mut self) -> io::Result<()> {
        self.finish()
    }
}

impl Drop for ProgramSink {
    fn drop(&mut self) {
        // The sink's thread ends with it; there is nobody left to tell.
        let _ = self.finish();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::tests::line;

    fn command(script: &str) -> (tempfile::TempDir, String, std::path::PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("out");
        let command = script.replace("OUT", &out.display().to_string());
        (dir, command, out)
    }

    #[test]
    fn one_program_gets_all_lines() {
        let (_dir, command, out) = command("echo start >>OUT; cat >>OUT; echo end >>OUT");
        let mut sink = ProgramSink::new(command, true);
        sink.write(&[line("a"), line("b")]).unwrap();
        sink.write(&[line("c")]).unwrap();
        drop(sink);
        assert_eq!(std::fs::read_to_string(out).unwrap(), "start\na\nb\nc\nend\n");
    }

    #[test]
    fn a_program_per_line_has_ended_before_the_next() {
        let (_dir, command, out) = command("cat >>OUT; echo end >>OUT");
        let mut sink = ProgramSink::new(command, false);
        sink.write(&[line("a")]).unwrap();
        sink.write(&[line("b")]).unwrap();
        assert_eq!(std::fs::read_to_string(out).unwrap(), "a\nend\nb\nend\n");
    }

    #[test]
    fn a_program_that_fails_is_an_error_with_its_status() {
        let mut sink = ProgramSink::new("cat >/dev/null; exit 3", false);
        let failure = sink.write(&[line("a")]).unwrap_err();
        assert_eq!(failure.rejected, 1);
        assert!(failure.error.to_string().contains("exit status: 3"), "{}", failure.error);
    }

    #[test]
    fn a_program_that_dies_is_started_again() {
        let (_dir, command, out) = command("head -n 1 >>OUT");
        let mut sink = ProgramSink::new(command, true);
        sink.write(&[line("a")]).unwrap();
        // The pipe breaks as soon as the program has ended, which nobody else sees.
        while sink.write(&[line("lost")]).is_ok() {}
        sink.write(&[line("b")]).unwrap();
        drop(sink);
        assert_eq!(std::fs::read_to_string(out).unwrap(), "a\nb\n");
    }
}
