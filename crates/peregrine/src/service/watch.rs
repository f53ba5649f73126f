//! Files that changed.
//!
//! Directories are watched, not files: editors and Kubernetes replace files instead of writing to
//! them. What counts is the content: after a burst of changes has been over for a moment, the files
//! are read again and compared.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hasher};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};

use crate::service::running::Happening;

/// How long nothing must change before the files are looked at.
const QUIET: Duration = Duration::from_millis(100);

/// Files, and directories whose files count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Watched {
    /// Files.
    pub files: Vec<PathBuf>,
    /// Directories.
    pub directories: Vec<PathBuf>,
}

impl Watched {
    /// The directories that must be watched: those of the files, and of what links lead to.
    fn places(&self) -> BTreeSet<PathBuf> {
        let mut places: BTreeSet<PathBuf> = self.directories.iter().cloned().collect();
        for file in &self.files {
            let parent = |path: &Path| match path.parent() {
                Some(parent) if parent.as_os_str().is_empty() => PathBuf::from("."),
                Some(parent) => parent.to_path_buf(),
                None => PathBuf::from("/"),
            };
            places.insert(parent(file));
            if let Ok(real) = file.canonicalize() {
                places.insert(parent(&real));
            }
        }
        places
    }

    /// What the files hold, in one number.
    pub fn fingerprint(&self) -> u64 {
        let mut files: BTreeSet<PathBuf> = self.files.iter().cloned().collect();
        for directory in &self.directories {
            let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
            files.extend(entries.map(|entry| entry.path()).filter(|path| path.is_file()));
        }
        let mut hasher = DefaultHasher::new();
        for file in files {
            hasher.write(file.as_os_str().as_encoded_bytes());
            match std::fs::read(&file) {
                Ok(content) => hasher.write(&content),
                Err(_) => hasher.write_u8(0),
            }
        }
        hasher.finish()
    }
}

/// Watches until it is dropped.
pub struct FileWatcher {
    _watcher: RecommendedWatcher,
}

impl FileWatcher {
    /// Tells `happenings` of changes. A directory that cannot be watched is left out and named in
    /// the second value.
    ///
    /// # Errors
    /// The kernel offers no more watches.
    pub fn start(
        watched: &Watched,
        happenings: Sender<Happening>,
    ) -> notify::Result<(Self, Vec<String>)> {
        let (changes, changed) = channel();
        let mut watcher =
            notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
                // That a file was read is no change.
                if event.is_ok_and(|event| !event.kind.is_access()) {
                    let _ = changes.send(());
                }
            })?;
        let mut refused = Vec::new();
        for place in watched.places() {
            if let Err(error) = watcher.watch(&place, RecursiveMode::NonRecursive) {
                refused.push(format!("{}: {error}", place.display()));
            }
        }
        std::thread::Builder::new()
            .name("watch-files".into())
            .spawn(move || {
                while changed.recv().is_ok() {
                    loop {
                        match changed.recv_timeout(QUIET) {
                            Ok(()) => {}
                            Err(RecvTimeoutError::Timeout) => break,
                            Err(RecvTimeoutError::Disconnected) => return,
                        }
                    }
                    if happenings.send(Happening::FilesChanged).is_err() {
                        return;
                    }
                }
            })
            .map_err(notify::Error::io)?;
        Ok((Self { _watcher: watcher }, refused))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_replaced_is_noticed_and_one_that_stays_the_same_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("falco.yaml");
        std::fs::write(&file, "a").unwrap();
        let rules = folder.path().join("rules.d");
        std::fs::create_dir(&rules).unwrap();
        let watched = Watched { files: vec![file.clone()], directories: vec![rules.clone()] };
        let first = watched.fingerprint();
        let (happenings, happened) = channel();
        let (_watcher, refused) = FileWatcher::start(&watched, happenings).unwrap();
        assert_eq!(refused, Vec::<String>::new());
        let patience = Duration::from_secs(30);
        // As editors do.
        let other = folder.path().join("falco.yaml.new");
        std::fs::write(&other, "b").unwrap();
        std::fs::rename(&other, &file).unwrap();
        happened.recv_timeout(patience).unwrap();
        let second = watched.fingerprint();
        assert_ne!(first, second);
        std::fs::write(&file, "b").unwrap();
        happened.recv_timeout(patience).unwrap();
        assert_eq!(watched.fingerprint(), second, "the same content is no change");
        std::fs::write(rules.join("x.yaml"), "[]").unwrap();
        happened.recv_timeout(patience).unwrap();
        assert_ne!(watched.fingerprint(), second);
    }
}
