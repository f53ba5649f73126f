//! Makes system calls under the probe and hands out their events.

use std::ffi::CString;
use std::sync::{Mutex, MutexGuard, OnceLock};

use peregrine_event::syscalls::X86_64;
use peregrine_event::{EventCode, HeaderFlags, Record};
use peregrine_probe::loader::{Class, DEDICATED, GENERIC, OFF, Options, SYSCALLS, with_class};
use peregrine_probe::{Hook, Probe, Ring};

/// The probe, loaded once; one test at a time uses it.
pub struct Tracer {
    probe: Probe,
    ring: Ring,
}

/// The shared tracer; `None` where the probe cannot be loaded.
pub fn tracer() -> Option<MutexGuard<'static, Tracer>> {
    static SHARED: OnceLock<Option<Mutex<Tracer>>> = OnceLock::new();
    let shared = SHARED.get_or_init(|| match Tracer::load() {
        Ok(tracer) => Some(Mutex::new(tracer)),
        Err(reason) => {
            eprintln!("skipped: {reason}");
            None
        }
    });
    // A test that failed inside leaves nothing behind that the next one could not use.
    shared.as_ref().map(|shared| shared.lock().unwrap_or_else(|poisoned| poisoned.into_inner()))
}

/// One event and what the call returned.
#[derive(Debug, Clone)]
pub struct Event {
    bytes: Vec<u8>,
    /// The result, a negated errno for a failure.
    pub ret: i64,
}

impl Tracer {
    fn load() -> Result<Self, String> {
        // SAFETY: no preconditions.
        if unsafe { libc::geteuid() } != 0 {
            return Err("loading the probe needs root".into());
        }
        if !std::path::Path::new("/sys/kernel/btf/vmlinux").exists() {
            return Err("this kernel has no BTF".into());
        }
        let hook = match std::env::var("PEREGRINE_TEST_HOOK").as_deref() {
            Ok("fexit") => Hook::Fexit,
            _ => Hook::SysExit,
        };
        let options =
            Options { exclude: None, hook: Some(hook), signals: false, ..Options::default() };
        // Anything else that fails here is a fault of the probe, not of the machine.
        let probe = Probe::load(options, &interest_at_load(hook)).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(probe.hook().0, hook, "{}", probe.hook().1);
        let ring = probe.ring(0).unwrap_or_else(|e| panic!("{e}"));
        probe.enable().unwrap_or_else(|e| panic!("{e}"));
        Ok(Self { probe, ring })
    }

    /// Loads the programs of all calls: without privileges none can be loaded any more.
    pub fn load_rest(&self) {
        self.probe.load_rest().expect("the rest is loaded");
    }

    /// Runs `action` while the given calls are reported; the events of this thread.
    pub fn trace<T>(
        &mut self,
        interest: &[(i64, u8)],
        action: impl FnOnce() -> T,
    ) -> (T, Vec<Event>) {
        let mut table = [OFF; SYSCALLS];
        for (number, kind) in interest {
            table[*number as usize] = with_class(*kind, Class::State);
        }
        // SAFETY: no preconditions.
        let tid = unsafe { libc::syscall(libc::SYS_gettid) } as u32;
        self.ring.drain(usize::MAX, |_| {});
        self.probe.set_interest(&table).expect("set the interest");
        let result = action();
        self.probe.set_interest(&[OFF; SYSCALLS]).expect("clear the interest");
        let mut events = Vec::new();
        self.ring.drain(usize::MAX, |bytes| {
            let record = Record::parse(bytes).expect("the probe writes valid records");
            if record.tid() == tid {
                events.push(Event { bytes: bytes.to_vec(), ret: 0 });
            }
        });
        (result, events)
    }

    /// Makes a system call; all its events.
    pub fn call_many(&mut self, number: i64, args: &[i64]) -> Vec<Event> {
        let mut a = [0i64; 6];
        a[..args.len()].copy_from_slice(args);
        let (ret, mut events) = self.trace(&[(number, DEDICATED)], || raw(number, a));
        let code = X86_64.iter().find(|s| i64::from(s.number) == number).map(|s| s.exit);
        for event in &mut events {
            event.ret = ret;
            assert_eq!(Some(event.record().code()), code, "event of system call {number}");
        }
        events
    }

    /// Makes a system call; its only event.
    pub fn call(&mut self, number: i64, args: &[i64]) -> Event {
        let mut events = self.call_many(number, args);
        assert_eq!(events.len(), 1, "events of system call {number}");
        events.remove(0)
    }

    /// As [`Self::call`], and the result must be the first parameter and, if it is negative, not
    /// below -4095.
    pub fn ok(&mut self, number: i64, args: &[i64]) -> Event {
        let event = self.call(number, args);
        assert!(event.ret >= 0, "system call {number} failed with {}", event.ret);
        event.with_result()
    }

    /// As [`Self::call`], of a call that fails with this errno.
    pub fn fails(&mut self, number: i64, args: &[i64], errno: i32) -> Event {
        let event = self.call(number, args);
        assert_eq!(event.ret, -i64::from(errno), "result of system call {number}");
        event.with_result()
    }

    /// The generic event of a system call.
    pub fn generic(&mut self, number: i64, args: &[i64]) -> Event {
        let mut a = [0i64; 6];
        a[..args.len()].copy_from_slice(args);
        let (ret, mut events) = self.trace(&[(number, GENERIC)], || raw(number, a));
        assert_eq!(events.len(), 1, "events of system call {number}");
        events[0].ret = ret;
        events.remove(0)
    }
}

/// Calls that have no function with BTF, or whose kernel function is absent here.
const SYS_EXIT_ONLY: [i64; 8] = [
    libc::SYS_fork,
    libc::SYS_vfork,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_munlockall,
    libc::SYS_inotify_init,
];

/// The fexit rung attaches to the calls that are wanted at load: all it can.
fn interest_at_load(hook: Hook) -> [u8; SYSCALLS] {
    let mut table = [OFF; SYSCALLS];
    if hook == Hook::Fexit {
        for syscall in X86_64.iter().filter(|s| s.exit != peregrine_event::code::GENERIC_X) {
            if !SYS_EXIT_ONLY.contains(&i64::from(syscall.number)) {
                table[usize::from(syscall.number)] = with_class(DEDICATED, Class::State);
            }
        }
    }
    table
}

fn raw(number: i64, a: [i64; 6]) -> i64 {
    // SAFETY: each test passes arguments that the kernel either refuses or uses within memory that
    // the test owns.
    let ret = unsafe { libc::syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]) };
    if ret == -1 {
        -i64::from(std::io::Error::last_os_error().raw_os_error().unwrap_or(0))
    } else {
        ret
    }
}

impl Event {
    /// The decoded view.
    pub fn record(&self) -> Record<'_> {
        Record::parse(&self.bytes).expect("parsed before")
    }

    /// The event type.
    pub fn code(&self) -> EventCode {
        self.record().code()
    }

    /// Whether the call came through the 32-bit entry.
    pub fn is_compat(&self) -> bool {
        self.record().header().flags.has(HeaderFlags::COMPAT32)
    }

    fn index(&self, param: &str) -> usize {
        let def = self.record().def();
        def.param_index(param).unwrap_or_else(|| panic!("{} has no {param}", def.name))
    }

    fn with_result(self) -> Self {
        let record = self.record();
        let first = record.def().params[0].name;
        if matches!(first, "res" | "fd") {
            assert_eq!(record.int(0), Some(self.ret), "{first} of {}", record.def().name);
        }
        self
    }

    /// A number.
    #[track_caller]
    pub fn int(&self, param: &str) -> i64 {
        self.record().int(self.index(param)).unwrap_or_else(|| panic!("{param} has no value"))
    }

    /// The bytes of a parameter; empty if it has none.
    pub fn bytes(&self, param: &str) -> &[u8] {
        let index = self.index(param);
        self.record().bytes(index).unwrap_or(&[])
    }

    /// Checks numbers.
    #[track_caller]
    pub fn has(&self, expected: &[(&str, i64)]) -> &Self {
        let name = self.record().def().name;
        for (param, value) in expected {
            assert_eq!(self.int(param), *value, "{name}.{param}");
        }
        self
    }

    /// Checks text, which ends in NUL in the record.
    #[track_caller]
    pub fn text(&self, param: &str, expected: &str) -> &Self {
        let found = String::from_utf8_lossy(self.bytes(param)).into_owned();
        assert_eq!(found, format!("{expected}\0"), "{}.{param}", self.record().def().name);
        self
    }

    /// Checks bytes.
    #[track_caller]
    pub fn is(&self, param: &str, expected: &[u8]) -> &Self {
        assert_eq!(self.bytes(param), expected, "{}.{param}", self.record().def().name);
        self
    }
}

/// A directory for the files of one test, and the C strings of paths in it.
pub struct Dir(tempfile::TempDir);

impl Dir {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    /// The path of `name`.
    pub fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().expect("UTF-8").to_owned()
    }

    /// Makes a file.
    pub fn file(&self, name: &str, content: &[u8]) -> String {
        let path = self.path(name);
        std::fs::write(&path, content).expect("write");
        path
    }
}

/// A string as the kernel takes it.
pub fn c(text: &str) -> CString {
    CString::new(text).expect("no NUL")
}

/// Its address.
pub fn at(text: &CString) -> i64 {
    text.as_ptr() as i64
}

/// The address of a value that the kernel reads or writes.
pub fn addr<T: ?Sized>(value: &mut T) -> i64 {
    std::ptr::from_mut(value).cast::<u8>() as i64
}

/// Closes a descriptor that a test opened.
pub fn close(fd: i64) {
    // SAFETY: the descriptor is the test's own.
    unsafe { libc::close(fd as i32) };
}

/// A pointer that no program may read.
pub const BAD: i64 = 8;
