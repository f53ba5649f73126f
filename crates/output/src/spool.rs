//! Lines on disk: a queue in files that survives the process.
//!
//! ```text
//! directory/
//!   lock                      held while a process uses the spool
//!   position                  u64 segment, u64 offset, u32 crc: the first record not delivered
//!   0000000000000001.spool    records, one after another; deleted when all are delivered
//!   0000000000000002.spool    …
//!
//! record: u32 length of what follows the crc, u32 crc, u64 time_ns, u8 priority, text
//! ```
//! Numbers are little endian. A record is delivered at least once: a process that dies between the
//! delivery and the update of `position` delivers some again. Files are synced when they are full
//! and when the spool is closed, so a power failure can cost the newest lines; a crash of the
//! process costs none.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use peregrine_event::Priority;
use rustix::fs::{FlockOperation, flock};

use crate::line::Line;
use crate::sink::SpoolOptions;

/// Bytes of a record before its text.
const HEADER: usize = 4 + 4 + 8 + 1;
/// A longer record is taken for damage.
const LONGEST: u32 = 64 << 20;

/// Files of lines, first in, first out.
#[derive(Debug)]
pub struct Spool {
    directory: PathBuf,
    max_bytes: u64,
    segment_bytes: u64,
    segments: VecDeque<Segment>,
    position: File,
    /// Where the first record not delivered begins, in the first segment.
    read_from: u64,
    lines: u64,
    /// Open for appending: the last segment.
    writer: Option<File>,
    /// Records from `read_from` on that have been read already, with their lengths.
    front: VecDeque<(Arc<Line>, u64)>,
    reader: Option<Reader>,
    damaged: u64,
    lost: u64,
    unreadable: Option<io::Error>,
    _lock: File,
}

#[derive(Debug)]
struct Segment {
    id: u64,
    /// Bytes of whole records.
    bytes: u64,
    lines: u64,
}

#[derive(Debug)]
struct Reader {
    segment: u64,
    offset: u64,
    file: BufReader<File>,
}

impl Spool {
    /// Opens a spool, with what an earlier process left in it.
    ///
    /// # Errors
    /// The directory cannot be used, or another process uses it.
    pub fn open(options: &SpoolOptions) -> io::Result<Self> {
        fs::create_dir_all(&options.directory)?;
        let directory = options.directory.clone();
        let open = |name: &str| {
            let path = directory.join(name);
            File::options().read(true).write(true).create(true).truncate(false).open(path)
        };
        let lock = open("lock")?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|_| {
            let text = format!("{} is in use by another sink or process", directory.display());
            io::Error::new(io::ErrorKind::ResourceBusy, text)
        })?;
        let position = open("position")?;
        let mut spool = Self {
            max_bytes: options.max_bytes,
            segment_bytes: (options.max_bytes / 16).clamp(64 << 10, 8 << 20),
            segments: VecDeque::new(),
            position,
            read_from: 0,
            lines: 0,
            writer: None,
            front: VecDeque::new(),
            reader: None,
            damaged: 0,
            lost: 0,
            unreadable: None,
            directory,
            _lock: lock,
        };
        spool.recover()?;
        Ok(spool)
    }

    /// Lines not delivered.
    pub fn len(&self) -> u64 {
        self.lines
    }

    /// Whether all is delivered.
    pub fn is_empty(&self) -> bool {
        self.lines == 0
    }

    /// Bytes on disk, delivered records of the oldest file included.
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// Places where records were damaged; what lay behind them in the same file is lost.
    pub fn damaged(&self) -> u64 {
        self.damaged
    }

    /// Appends lines, as many as there is room for: returns their number, and what went wrong if
    /// that is not all.
    pub fn append<'l>(
        &mut self,
        lines: impl IntoIterator<Item = &'l Arc<Line>>,
    ) -> (usize, Option<io::Error>) {
        let mut appended = 0;
        let mut buffer = Vec::new();
        let mut in_buffer = 0;
        let mut used = self.bytes();
        let mut full = None;
        for line in lines {
            let bytes = (HEADER + line.text.len()) as u64;
            if used + bytes > self.max_bytes {
                let text = format!("the spool is full ({} bytes)", self.max_bytes);
                full = Some(io::Error::new(io::ErrorKind::StorageFull, text));
                break;
            }
            used += bytes;
            encode(&mut buffer, line);
            in_buffer += 1;
            if buffer.len() >= 256 << 10 {
                if let Err(error) = self.write(&buffer, in_buffer) {
                    return (appended, Some(error));
                }
                appended += in_buffer;
                in_buffer = 0;
                buffer.clear();
            }
        }
        if in_buffer > 0 {
            if let Err(error) = self.write(&buffer, in_buffer) {
                return (appended, Some(error));
            }
            appended += in_buffer;
        }
        (appended, full)
    }

    /// The first lines, at most `limit`; they stay.
    pub fn peek(&mut self, limit: usize) -> Vec<Arc<Line>> {
        self.fill_front(limit);
        self.front.iter().take(limit).map(|(line, _)| Arc::clone(line)).collect()
    }

    /// Removes the first `count` lines.
    ///
    /// # Errors
    /// The position cannot be written: after a restart these lines would come again.
    pub fn remove(&mut self, count: usize) -> io::Result<()> {
        self.fill_front(count);
        for _ in 0..count {
            let Some((_, bytes)) = self.front.pop_front() else { break };
            self.lines -= 1;
            self.read_from += bytes;
            self.drop_delivered();
        }
        self.save_position()
    }

    /// Makes what was appended safe from a power failure.
    ///
    /// # Errors
    /// The disk cannot be written.
    pub fn sync(&mut self) -> io::Result<()> {
        self.position.sync_data()?;
        self.writer.as_ref().map_or(Ok(()), File::sync_data)
    }

    fn path(&self, segment: u64) -> PathBuf {
        self.directory.join(format!("{segment:016x}.spool"))
    }

    /// Writes whole records; a part of one that got to the disk is taken back.
    fn write(&mut self, bytes: &[u8], lines: usize) -> io::Result<()> {
        let is_full = self.segments.back().is_none_or(|last| last.bytes >= self.segment_bytes);
        if is_full || self.writer.is_none() {
            if let Some(writer) = self.writer.take() {
                writer.sync_data()?;
            }
            let id = match self.segments.back() {
                Some(last) if !is_full => last.id,
                Some(last) => last.id + 1,
                None => self.next_id(),
            };
            let file = File::options().append(true).create(true).open(self.path(id))?;
            self.writer = Some(file);
            if is_full {
                self.segments.push_back(Segment { id, bytes: 0, lines: 0 });
            }
        }
        let (Some(writer), Some(last)) = (&mut self.writer, self.segments.back_mut()) else {
            return Ok(());
        };
        if let Err(error) = writer.write_all(bytes) {
            if writer.set_len(last.bytes).is_err() {
                // Whatever is there now is behind the last whole record: start another file.
                self.writer = None;
                let id = last.id + 1;
                self.segments.push_back(Segment { id, bytes: 0, lines: 0 });
            }
            return Err(error);
        }
        last.bytes += bytes.len() as u64;
        last.lines += lines as u64;
        self.lines += lines as u64;
        Ok(())
    }

    /// Numbers never come again, not even when all files are gone: `position` may name an old one.
    fn next_id(&self) -> u64 {
        read_position(&self.position).map_or(1, |(segment, _)| segment + 1)
    }

    /// Reads records until `limit` of them are at hand, or there are no more.
    fn fill_front(&mut self, limit: usize) {
        while self.front.len() < limit && (self.front.len() as u64) < self.lines {
            match self.read_next() {
                Ok(Some(record)) => self.front.push_back(record),
                Ok(None) => break,
                Err(error) => match error.kind() {
                    io::ErrorKind::InvalidData
                    | io::ErrorKind::UnexpectedEof
                    | io::ErrorKind::NotFound => self.skip_damage(),
                    // No damage, such as no descriptors left: tried again at the next look.
                    _ => {
                        self.reader = None;
                        self.unreadable = Some(error);
                        break;
                    }
                },
            }
        }
    }

    /// Why the last look at the first lines found none although there are some.
    pub fn take_error(&mut self) -> Option<io::Error> {
        self.unreadable.take()
    }

    /// Lines that were lost to damage since the spool was opened.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    fn read_next(&mut self) -> io::Result<Option<(Arc<Line>, u64)>> {
        let read: u64 = self.front.iter().map(|(_, bytes)| bytes).sum();
        // The record behind what is at hand: in the first segment, or in one behind it.
        let mut offset = self.read_from + read;
        for segment in &self.segments {
            if offset >= segment.bytes {
                offset -= segment.bytes;
                continue;
            }
            let id = segment.id;
            let path = self.path(id);
            let reader = match &mut self.reader {
                Some(reader) if reader.segment == id && reader.offset == offset => reader,
                reader => {
                    let mut file = BufReader::with_capacity(128 << 10, File::open(path)?);
                    file.seek(SeekFrom::Start(offset))?;
                    reader.insert(Reader { segment: id, offset, file })
                }
            };
            let record = decode(&mut reader.file)?.ok_or(io::ErrorKind::UnexpectedEof)?;
            reader.offset += record.1;
            return Ok(Some(record));
        }
        Ok(None)
    }

    /// Gives up what cannot be read any more: the rest of one file.
    fn skip_damage(&mut self) {
        self.reader = None;
        self.damaged += 1;
        let read: u64 = self.front.iter().map(|(_, bytes)| bytes).sum();
        let mut offset = self.read_from + read;
        let mut before = self.front.len() as u64;
        for segment in &mut self.segments {
            if offset >= segment.bytes {
                offset -= segment.bytes;
                before = before.saturating_sub(segment.lines);
                continue;
            }
            let lost = segment.lines.saturating_sub(before);
            self.lines = self.lines.saturating_sub(lost);
            self.lost += lost;
            segment.lines = before;
            segment.bytes = offset;
            break;
        }
        // An append must not land behind the damage.
        self.writer = None;
        if let Some(last) = self.segments.back() {
            let id = last.id + 1;
            self.segments.push_back(Segment { id, bytes: 0, lines: 0 });
        }
        self.drop_delivered();
    }

    /// Deletes files that are delivered as a whole.
    fn drop_delivered(&mut self) {
        while let Some(first) = self.segments.front() {
            if self.read_from < first.bytes || (self.segments.len() == 1 && first.bytes == 0) {
                break;
            }
            let (id, bytes) = (first.id, first.bytes);
            if self.segments.len() == 1 {
                self.writer = None;
            }
            self.read_from -= bytes;
            self.segments.pop_front();
            // A file that cannot be deleted is skipped by the position.
            let _ = fs::remove_file(self.path(id));
            let _ = self.save_position_at(id + 1, 0);
        }
    }

    fn save_position(&self) -> io::Result<()> {
        match self.segments.front() {
            Some(first) => self.save_position_at(first.id, self.read_from),
            None => Ok(()),
        }
    }

    fn save_position_at(&self, segment: u64, offset: u64) -> io::Result<()> {
        let mut bytes = [0; 20];
        bytes[..8].copy_from_slice(&segment.to_le_bytes());
        bytes[8..16].copy_from_slice(&offset.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..16]);
        bytes[16..].copy_from_slice(&crc.to_le_bytes());
        self.position.write_all_at(&bytes, 0)
    }

    fn recover(&mut self) -> io::Result<()> {
        let (segment, offset) = read_position(&self.position).unwrap_or((0, 0));
        let mut ids = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            ids.extend(segment_id(&entry?.path()));
        }
        ids.sort_unstable();
        for id in ids {
            if id < segment {
                fs::remove_file(self.path(id))?;
                continue;
            }
            let start = if id == segment { offset } else { 0 };
            let (bytes, lines, is_damaged) = scan(&self.path(id), start)?;
            if is_damaged {
                self.damaged += 1;
                File::options().write(true).open(self.path(id))?.set_len(bytes)?;
            }
            if bytes <= start {
                fs::remove_file(self.path(id))?;
                continue;
            }
            if self.segments.is_empty() {
                self.read_from = start;
            }
            self.lines += lines;
            self.segments.push_back(Segment { id, bytes, lines });
        }
        Ok(())
    }
}

fn segment_id(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?.strip_suffix(".spool")?;
    u64::from_str_radix(name, 16).ok()
}

fn read_position(file: &File) -> Option<(u64, u64)> {
    let mut bytes = [0; 20];
    file.read_exact_at(&mut bytes, 0).ok()?;
    let number = |at: usize| bytes[at..].first_chunk::<8>().map(|b| u64::from_le_bytes(*b));
    let crc = u32::from_le_bytes(*bytes[16..].first_chunk()?);
    (crc == crc32fast::hash(&bytes[..16])).then_some((number(0)?, number(8)?))
}

fn encode(out: &mut Vec<u8>, line: &Line) {
    let start = out.len();
    out.extend_from_slice(&((9 + line.text.len()) as u32).to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&line.time_ns.to_le_bytes());
    out.push(line.priority.syslog_level());
    out.extend_from_slice(line.text.as_bytes());
    let crc = crc32fast::hash(&out[start + 8..]);
    out[start + 4..start + 8].copy_from_slice(&crc.to_le_bytes());
}

/// The next record and its length; none at the end.
fn decode(from: &mut impl Read) -> io::Result<Option<(Arc<Line>, u64)>> {
    let bad = || io::Error::new(io::ErrorKind::InvalidData, "a damaged record in the spool");
    let mut head = [0; 8];
    let mut got = 0;
    while got < head.len() {
        match from.read(&mut head[got..])? {
            0 if got == 0 => return Ok(None),
            0 => return Err(bad()),
            n => got += n,
        }
    }
    let [a, b, c, d, crc @ ..] = head;
    let length = u32::from_le_bytes([a, b, c, d]);
    if !(9..=LONGEST).contains(&length) {
        return Err(bad());
    }
    let mut body = Vec::new();
    from.take(u64::from(length)).read_to_end(&mut body)?;
    if body.len() != length as usize || crc32fast::hash(&body) != u32::from_le_bytes(crc) {
        return Err(bad());
    }
    let text = String::from_utf8(body.split_off(9)).map_err(|_| bad())?;
    let time_ns = body.first_chunk::<8>().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    let level = body[8];
    let priority = Priority::ALL.into_iter().find(|p| p.syslog_level() == level).ok_or_else(bad)?;
    Ok(Some((Arc::new(Line { text, priority, time_ns, alert: None }), 8 + u64::from(length))))
}

/// Bytes of whole records, records from `start` on, whether there is more that is none.
fn scan(path: &Path, start: u64) -> io::Result<(u64, u64, bool)> {
    let mut file = BufReader::with_capacity(128 << 10, File::open(path)?);
    file.seek(SeekFrom::Start(start))?;
    let (mut bytes, mut lines) = (start, 0);
    loop {
        match decode(&mut file) {
            Ok(Some((_, length))) => {
                bytes += length;
                lines += 1;
            }
            Ok(None) => return Ok((bytes, lines, false)),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Ok((bytes, lines, true));
            }
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::tests::line;

    fn options(directory: &Path, max_bytes: u64) -> SpoolOptions {
        SpoolOptions { directory: directory.to_owned(), max_bytes }
    }

    fn texts(lines: &[Arc<Line>]) -> Vec<&str> {
        lines.iter().map(|line| line.text.as_str()).collect()
    }

    #[test]
    fn lines_come_out_in_order_across_files_and_restarts() {
        let dir = tempfile::tempdir().unwrap();
        let options = options(dir.path(), 64 << 20);
        let long = "x".repeat(1000);
        let mut expected = 0;
        let mut written = 0;
        for round in 0..5 {
            let mut spool = Spool::open(&options).unwrap();
            assert_eq!(spool.len(), written - expected);
            let lines: Vec<_> =
                (written..written + 9000).map(|n| line(&format!("{n} {long}"))).collect();
            assert_eq!(spool.append(&lines).0, 9000);
            written += 9000;
            let mut peeked = 0;
            while peeked < 5000 + round {
                let batch = spool.peek(100);
                assert_eq!(texts(&spool.peek(100)), texts(&batch), "a look changes nothing");
                for line in &batch {
                    assert!(line.text.starts_with(&format!("{expected} ")), "{expected}");
                    expected += 1;
                }
                spool.remove(batch.len()).unwrap();
                peeked += batch.len();
            }
            assert_eq!(spool.len(), written - expected);
            assert!(Spool::open(&options).is_err(), "one process at a time");
        }
        let mut spool = Spool::open(&options).unwrap();
        while !spool.is_empty() {
            let batch = spool.peek(1000);
            expected += batch.len() as u64;
            spool.remove(batch.len()).unwrap();
        }
        assert_eq!((expected, spool.bytes(), spool.damaged()), (written, 0, 0));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2, "no segment is left");
        drop(spool);
        // Numbers go on: an old position must not hide new files.
        let mut spool = Spool::open(&options).unwrap();
        spool.append(&[line("again")]);
        drop(spool);
        assert_eq!(texts(&Spool::open(&options).unwrap().peek(9)), ["again"]);
    }

    #[test]
    fn a_full_spool_takes_what_fits() {
        let dir = tempfile::tempdir().unwrap();
        let mut spool = Spool::open(&options(dir.path(), 100)).unwrap();
        let lines: Vec<_> = (0..9).map(|n| line(&format!("line {n} of 20 bytes"))).collect();
        let (appended, error) = spool.append(&lines);
        assert_eq!(appended, 2);
        assert_eq!(error.unwrap().kind(), io::ErrorKind::StorageFull);
        assert_eq!(texts(&spool.peek(9)), ["line 0 of 20 bytes", "line 1 of 20 bytes"]);
        spool.remove(2).unwrap();
        assert_eq!(spool.append(&lines[2..4]).0, 2);
    }

    #[test]
    fn a_torn_record_costs_only_itself() {
        let dir = tempfile::tempdir().unwrap();
        let options = options(dir.path(), 1 << 20);
        let mut spool = Spool::open(&options).unwrap();
        spool.append(&[line("first"), line("second"), line("third")]);
        drop(spool);
        let file = dir.path().join(format!("{:016x}.spool", 1));
        let length = file.metadata().unwrap().len();
        File::options().write(true).open(&file).unwrap().set_len(length - 2).unwrap();
        let mut spool = Spool::open(&options).unwrap();
        assert_eq!((spool.len(), spool.damaged()), (2, 1));
        spool.append(&[line("fourth")]);
        assert_eq!(texts(&spool.peek(9)), ["first", "second", "fourth"]);
    }

    #[test]
    fn damage_while_running_loses_the_rest_of_its_file_and_no_more() {
        let dir = tempfile::tempdir().unwrap();
        let mut spool = Spool::open(&options(dir.path(), 1 << 20)).unwrap();
        spool.append(&[line("first"), line("second"), line("third")]);
        let file = dir.path().join(format!("{:016x}.spool", 1));
        let mut bytes = std::fs::read(&file).unwrap();
        let at = bytes.windows(6).position(|w| w == b"second").unwrap();
        bytes[at] = b'S';
        std::fs::write(&file, bytes).unwrap();
        assert_eq!(texts(&spool.peek(9)), ["first"]);
        assert_eq!((spool.len(), spool.damaged(), spool.lost()), (1, 1, 2));
        spool.append(&[line("fourth")]);
        assert_eq!(texts(&spool.peek(9)), ["first", "fourth"]);
        spool.remove(2).unwrap();
        assert!(spool.is_empty());
    }

    #[test]
    fn what_cannot_be_read_now_is_no_damage() {
        let dir = tempfile::tempdir().unwrap();
        let mut spool = Spool::open(&options(dir.path(), 1 << 20)).unwrap();
        spool.append(&[line("first"), line("second")]);
        let file = dir.path().join(format!("{:016x}.spool", 1));
        let elsewhere = dir.path().join("elsewhere");
        std::fs::rename(&file, &elsewhere).unwrap();
        // Reading a directory fails, as any device may for a while.
        std::fs::create_dir(&file).unwrap();
        assert!(spool.peek(9).is_empty());
        assert!(spool.take_error().is_some());
        assert_eq!((spool.len(), spool.damaged(), spool.lost()), (2, 0, 0));
        std::fs::remove_dir(&file).unwrap();
        std::fs::rename(&elsewhere, &file).unwrap();
        assert_eq!(texts(&spool.peek(9)), ["first", "second"]);
    }

    #[test]
    fn a_damaged_position_repeats_lines_but_loses_none() {
        let dir = tempfile::tempdir().unwrap();
        let options = options(dir.path(), 1 << 20);
        let mut spool = Spool::open(&options).unwrap();
        spool.append(&[line("first"), line("second")]);
        spool.remove(1).unwrap();
        drop(spool);
        std::fs::write(dir.path().join("position"), [7; 20]).unwrap();
        assert_eq!(texts(&Spool::open(&options).unwrap().peek(9)), ["first", "second"]);
    }
}
