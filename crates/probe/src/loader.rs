//! Loads the probe into the kernel and attaches it.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::Duration;

use libbpf_rs::{
    Link, MapCore, MapFlags, MapHandle, MapType, Object, ObjectBuilder, OpenObject, libbpf_sys,
};
use peregrine_event::code;
use peregrine_event::syscalls::{SYSCALL_NAMES, X86_64};

use crate::capabilities::Capabilities;
use crate::drops::{self, CAUSES, CLASSES, Drops};
use crate::error::ProbeError;
use crate::globals;
use crate::programs;
use crate::refusal::{Listener, Refusal};
use crate::ring::Ring;
use crate::sleeping::SleepFlags;
use crate::wrapper;

static OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/peregrine.bpf.o"));

/// Most rings, as in `bpf/lib/maps.bpf.h`.
pub const MAX_RINGS: u32 = 256;
/// Entries of tables that are indexed by system call number, as in `bpf/lib/maps.bpf.h`.
pub const SYSCALLS: usize = 512;
/// Scratch slots per CPU, as in `bpf/lib/maps.bpf.h`.
const SCRATCH_SLOTS: u32 = 3;

/// How long the end of a [`Probe`] waits for the kernel to let go of fexit programs.
const DETACH_WAIT: Duration = Duration::from_secs(2);

/// Said of the fexit rung when it works. A wrapper of the 32-bit entry is another function of the
/// kernel, to which no program of this rung is attached.
const BEST: &str = "the best rung; calls through the 32-bit entry are seen by sys-exit only";

/// Value of the interest table: not reported.
pub const OFF: u8 = 0;
/// Value of the interest table: reported with its own event. The class of its records is added
/// with [`with_class`].
pub const DEDICATED: u8 = 1;
/// Value of the interest table: reported with the generic event.
pub const GENERIC: u8 = 2;

/// An entry of the interest table: a kind and the class of the records.
pub const fn with_class(kind: u8, class: Class) -> u8 {
    kind | (class as u8) << 2
}

/// Classes of records, most valuable first (design D3). A full ring sheds the least valuable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Class {
    /// Births, execs, exits.
    Lifecycle,
    /// Changes of file descriptors, credentials and the like.
    State,
    /// Named by a rule.
    Rule,
    /// Everything else.
    Other,
}

/// How the kernel side is attached (design D2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hook {
    /// The functions of the wanted system calls; all others cost nothing.
    Fexit,
    /// The exit of every system call, with a look-up first.
    SysExit,
}

impl Hook {
    /// Name, as on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Hook::Fexit => "fexit",
            Hook::SysExit => "sys-exit",
        }
    }
}

/// How to load the probe.
#[derive(Debug, Clone)]
pub struct Options {
    /// Number of ring buffers, 1 to [`MAX_RINGS`].
    pub rings: u32,
    /// Bytes of each ring, a power of two of at least a page.
    pub ring_bytes: u32,
    /// Share of a ring that each class may fill, in percent, most valuable class first.
    pub class_share_percent: [u32; CLASSES],
    /// Bytes of data kept of each transfer.
    pub snaplen: u32,
    /// Bytes kept of the arguments and of the environment of a program.
    pub args_max: u32,
    /// Do not report this process, by its thread group.
    pub exclude: Option<u32>,
    /// The rung; `None` picks the best that works.
    pub hook: Option<Hook>,
    /// Report `switch`.
    pub switches: bool,
    /// Report `page_fault`.
    pub page_faults: bool,
    /// Report `signaldeliver`.
    pub signals: bool,
    /// Keep what the pointers of open, openat, openat2, creat and connect point to from the entry
    /// of the call, so that its caller cannot change what is reported. With [`Hook::SysExit`]
    /// every system call of the host passes a program on entry for it.
    pub capture_entry: bool,
    /// Measure what the programs cost.
    pub measure: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            rings: 1,
            ring_bytes: 8 << 20,
            class_share_percent: [100, 75, 50, 35],
            snaplen: 80,
            args_max: 16 << 10,
            exclude: Some(std::process::id()),
            hook: None,
            switches: false,
            page_faults: false,
            signals: true,
            capture_entry: true,
            measure: false,
        }
    }
}

/// Cost of one kernel program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramCost {
    /// Name of the program.
    pub name: String,
    /// Times it ran.
    pub runs: u64,
    /// Nanoseconds it took, summed.
    pub ns: u64,
}

/// The probe, loaded and attached. Dropping it detaches everything; so does the end of the
/// process, however it ends, since nothing is pinned.
pub struct Probe {
    // Links first: they are dropped before the programs.
    links: Vec<Link>,
    object: Object,
    rings: Vec<MapHandle>,
    options: Options,
    hook: Hook,
    hook_reason: String,
    left_out: Vec<Refusal>,
    measuring: Option<std::os::fd::OwnedFd>,
}

impl Probe {
    /// Loads and attaches the probe; nothing is reported before [`Probe::enable`].
    ///
    /// # Errors
    /// [`ProbeError`], each with the way out.
    pub fn load(options: Options, interest: &[u8; SYSCALLS]) -> Result<Self, ProbeError> {
        let capabilities = Capabilities::detect();
        capabilities.check()?;
        check_options(&options)?;
        let no_fexit = match options.hook {
            Some(Hook::SysExit) => "asked for".to_owned(),
            wanted => {
                let obstacle =
                    wrapper::denied(&capabilities).or_else(|| wrapper::obstacle(interest));
                let loaded = match obstacle {
                    Some(obstacle) => Err(obstacle),
                    None => Self::load_with(&options, interest, &capabilities, Hook::Fexit, "")
                        .map_err(|error| match error {
                            ProbeError::Hook { reason, .. } => reason,
                            other => other.to_string(),
                        }),
                };
                match loaded {
                    Ok(probe) => return Ok(probe),
                    Err(reason) if wanted.is_some() => {
                        return Err(ProbeError::Hook { hook: Hook::Fexit.name(), reason });
                    }
                    Err(reason) => format!("no fexit: {reason}"),
                }
            }
        };
        Self::load_with(&options, interest, &capabilities, Hook::SysExit, &no_fexit)
    }

    /// Loads what the kernel takes of one rung. A program that it refuses is left out and the rest
    /// loaded again, unless nothing works without it.
    fn load_with(
        options: &Options,
        interest: &[u8; SYSCALLS],
        capabilities: &Capabilities,
        hook: Hook,
        reason: &str,
    ) -> Result<Self, ProbeError> {
        let mut left_out = Vec::new();
        let (object, chosen) = loop {
            let chosen = (options, interest, capabilities, hook);
            match load_object(chosen, &left_out)? {
                Ok(loaded) => break loaded,
                Err(refusal) => left_out.push(refusal),
            }
            programs::check_left_out(&left_out, interest, hook)?;
        };
        left_out.extend(chosen.missing);
        let mut probe = Self {
            links: Vec::new(),
            object,
            rings: Vec::new(),
            options: options.clone(),
            hook,
            hook_reason: if reason.is_empty() { BEST.into() } else { reason.into() },
            left_out,
            measuring: None,
        };
        probe.create_rings()?;
        probe.fill_tables(interest)?;
        if options.measure {
            probe.measuring = Some(enable_stats()?);
        }
        probe.attach()?;
        programs::check_left_out(&probe.left_out, interest, hook)?;
        for refusal in &probe.left_out {
            let Refusal { program, reason } = refusal;
            probe.hook_reason.push_str(&format!("; without {program}: {reason}"));
        }
        Ok(probe)
    }

    /// Programs that were wanted and are not in use, and why. On the sys-exit rung such a call is
    /// reported with the generic event, on the fexit rung not at all.
    pub fn left_out(&self) -> &[Refusal] {
        &self.left_out
    }

    /// The rung in use, why not a better one, and what was left out.
    pub fn hook(&self) -> (Hook, &str) {
        (self.hook, &self.hook_reason)
    }

    /// Maps ring `index`. Each ring may have one consumer: map each once.
    ///
    /// # Errors
    /// No such ring, or the kernel refuses the mapping.
    pub fn ring(&self, index: u32) -> Result<Ring, ProbeError> {
        let fd = self.ring_fd(index)?;
        Ring::map(fd, u64::from(self.options.ring_bytes))
            .map_err(|error| ProbeError::kernel(format!("map ring {index}"), error))
    }

    /// The file descriptor of ring `index`, to wait on.
    ///
    /// # Errors
    /// No such ring.
    pub fn ring_fd(&self, index: u32) -> Result<BorrowedFd<'_>, ProbeError> {
        let ring = self.rings.get(index as usize);
        ring.map(AsFd::as_fd).ok_or_else(|| ProbeError::Option(format!("there is no ring {index}")))
    }

    /// Number of rings.
    pub fn ring_count(&self) -> u32 {
        self.options.rings
    }

    /// The flags by which workers say that they sleep.
    ///
    /// # Errors
    /// The kernel refuses the mapping.
    pub fn sleep_flags(&self) -> Result<SleepFlags, ProbeError> {
        let map = self.map("sleeping")?;
        SleepFlags::map(map.as_fd(), MAX_RINGS as usize)
            .map_err(|error| ProbeError::kernel("map the sleep flags", error))
    }

    /// Starts reporting.
    ///
    /// # Errors
    /// The kernel refuses the update.
    pub fn enable(&self) -> Result<(), ProbeError> {
        self.set_control("epoch_offset_ns", &epoch_offset_ns().to_ne_bytes())?;
        self.set_control("enabled", &1u32.to_ne_bytes())
    }

    /// Stops reporting; what is in the rings stays.
    ///
    /// # Errors
    /// The kernel refuses the update.
    pub fn disable(&self) -> Result<(), ProbeError> {
        self.set_control("enabled", &0u32.to_ne_bytes())
    }

    /// Adjusts time stamps after the clock was set.
    ///
    /// # Errors
    /// The kernel refuses the update.
    pub fn refresh_clock(&self) -> Result<(), ProbeError> {
        self.set_control("epoch_offset_ns", &epoch_offset_ns().to_ne_bytes())
    }

    /// Replaces the interest table. With the fexit rung only calls that were wanted at load can be
    /// switched on.
    ///
    /// # Errors
    /// A call has no program on this rung (nothing was changed then), or the kernel refuses the
    /// update.
    pub fn set_interest(&self, interest: &[u8; SYSCALLS]) -> Result<(), ProbeError> {
        if self.hook == Hook::Fexit {
            self.check_loaded(interest)?;
        }
        let map = self.map("interest")?;
        let mut table = *interest;
        // The last entry is no call's: it stands for ia32 calls that x86_64 does not have.
        table[SYSCALLS - 1] = match table.iter().any(|entry| entry & 3 == GENERIC) {
            true => with_class(GENERIC, Class::Rule),
            false => OFF,
        };
        for (number, entry) in table.iter().enumerate() {
            update(&map, &(number as u32).to_ne_bytes(), &[*entry])?;
        }
        Ok(())
    }

    /// Fails if a call that is to be reported needs a program that was not loaded. What had to be
    /// left out at load stays left out, as [`Probe::left_out`] says.
    fn check_loaded(&self, interest: &[u8; SYSCALLS]) -> Result<(), ProbeError> {
        if let Some(obstacle) = wrapper::obstacle(interest) {
            return Err(ProbeError::Option(format!("{obstacle}; restart with --hook sys-exit")));
        }
        let has_program = |name: &str| {
            self.left_out.iter().any(|refusal| refusal.program == name)
                || self.object.progs().any(|p| p.name() == name && p.autoload())
        };
        let missing: Vec<_> = wrapper::wanted(interest)
            .into_iter()
            .filter(|w| !has_program(&w.program) && wrapper::is_in_kernel(&w.function))
            .map(|w| w.program.trim_start_matches("fexit_").to_owned())
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let calls = missing.join(", ");
        Err(ProbeError::Option(format!(
            "no program was loaded for {calls}: on the fexit rung a call that no rule named at \
             the start cannot be switched on; restart, or use --hook sys-exit"
        )))
    }

    /// Records that were not written, per ring, class and cause.
    ///
    /// # Errors
    /// The kernel refuses the look-up.
    pub fn drops(&self) -> Result<Drops, ProbeError> {
        let map = self.map("drops")?;
        let mut drops = Drops::default();
        for ring in 0..self.options.rings {
            for class in 0..CLASSES as u32 {
                for cause in 0..CAUSES as u32 {
                    let key = drops::key(ring, class, cause);
                    let values = map
                        .lookup_percpu(&key.to_ne_bytes(), MapFlags::ANY)
                        .map_err(|error| ProbeError::kernel("read the drop counters", error))?;
                    let count = values.iter().flatten().filter_map(|v| v.first_chunk::<8>());
                    let count: u64 = count.map(|bytes| u64::from_ne_bytes(*bytes)).sum();
                    if count > 0 {
                        drops.add(ring, class, cause, count);
                    }
                }
            }
        }
        Ok(drops)
    }

    /// What each program cost so far; empty unless [`Options::measure`] was set.
    pub fn costs(&self) -> Vec<ProgramCost> {
        if self.measuring.is_none() {
            return Vec::new();
        }
        let mut costs = Vec::new();
        for program in self.object.progs() {
            let path = format!("/proc/self/fdinfo/{}", program.as_fd().as_raw_fd());
            let text = std::fs::read_to_string(path).unwrap_or_default();
            let number = |key: &str| -> u64 {
                let line = text.lines().find_map(|line| line.strip_prefix(key));
                line.and_then(|rest| rest.trim().parse().ok()).unwrap_or(0)
            };
            let (runs, ns) = (number("run_cnt:"), number("run_time_ns:"));
            if runs > 0 {
                let name = program.name().to_string_lossy().into_owned();
                costs.push(ProgramCost { name, runs, ns });
            }
        }
        costs.sort_by_key(|cost| std::cmp::Reverse(cost.ns));
        costs
    }

    /// The loaded object, for the iterators.
    pub(crate) fn object(&self) -> &Object {
        &self.object
    }

    fn map(&self, name: &str) -> Result<libbpf_rs::Map<'_>, ProbeError> {
        self.object
            .maps()
            .find(|map| map.name() == name)
            .ok_or_else(|| ProbeError::Option(format!("the probe has no map {name}")))
    }

    fn create_rings(&mut self) -> Result<(), ProbeError> {
        let options = libbpf_sys::bpf_map_create_opts {
            sz: size_of::<libbpf_sys::bpf_map_create_opts>() as libbpf_sys::size_t,
            ..Default::default()
        };
        for index in 0..self.options.rings {
            let step = || format!("create ring {index} of {} bytes", self.options.ring_bytes);
            let bytes = self.options.ring_bytes;
            let ring = MapHandle::create(MapType::RingBuf, Some("ring"), 0, 0, bytes, &options)
                .map_err(|error| ProbeError::kernel(step(), error))?;
            let outer = self.map("rings")?;
            update(&outer, &index.to_ne_bytes(), &ring.as_fd().as_raw_fd().to_ne_bytes())?;
            self.rings.push(ring);
        }
        Ok(())
    }

    fn fill_tables(&self, interest: &[u8; SYSCALLS]) -> Result<(), ProbeError> {
        self.set_interest(interest)?;
        let ids = self.map("syscall_ids")?;
        for syscall in &X86_64 {
            let key = u32::from(syscall.number).to_ne_bytes();
            update(&ids, &key, &syscall.id.to_ne_bytes())?;
        }
        let ia32 = self.map("ia32_numbers")?;
        for (number, native) in wrapper::ia32_numbers().iter().enumerate() {
            update(&ia32, &(number as u32).to_ne_bytes(), &native.to_ne_bytes())?;
        }
        if self.hook == Hook::SysExit {
            let targets = self.map("calls")?;
            let programs: BTreeMap<String, i32> = self
                .object
                .progs_mut()
                .filter(|program| program.autoload())
                .map(|p| (p.name().to_string_lossy().into_owned(), p.as_fd().as_raw_fd()))
                .collect();
            let dedicated = X86_64
                .iter()
                .filter(|syscall| syscall.exit != code::GENERIC_X)
                .map(|syscall| (u32::from(syscall.number), programs::exit_program(syscall.exit)));
            let generic = (SYSCALLS as u32, programs::exit_program(code::GENERIC_X));
            for (slot, program) in dedicated.chain([generic]) {
                // A call without an encoder of its own is reported with the generic one.
                if let Some(fd) = programs.get(&program) {
                    update(&targets, &slot.to_ne_bytes(), &fd.to_ne_bytes())?;
                }
            }
        }
        Ok(())
    }

    fn attach(&mut self) -> Result<(), ProbeError> {
        for program in self.object.progs_mut() {
            let name = program.name().to_string_lossy().into_owned();
            let section = program.section().to_string_lossy().into_owned();
            let is_target = name.starts_with("exit_") || section.contains("iter");
            if !program.autoload() || is_target {
                continue;
            }
            match program.attach() {
                Ok(link) => self.links.push(link),
                Err(error) if programs::may_be_left_out(&name, self.hook, self.options.hook) => {
                    let reason = format!("not attached: {}", root_cause(&error));
                    self.left_out.push(Refusal { program: name, reason });
                }
                Err(error) => {
                    return Err(ProbeError::kernel(format!("attach {name}"), root_cause(&error)));
                }
            }
        }
        Ok(())
    }

    fn set_control(&self, name: &str, value: &[u8]) -> Result<(), ProbeError> {
        let global = globals::find(name)?;
        let map = self
            .object
            .maps()
            .find(|map| map.name().to_string_lossy().ends_with(global.section))
            .ok_or_else(|| ProbeError::Option(format!("the probe has no {}", global.section)))?;
        let zero = 0u32.to_ne_bytes();
        let read = map.lookup(&zero, MapFlags::ANY);
        let current = read.map_err(|error| ProbeError::kernel(format!("read {name}"), error))?;
        let mut bytes = current.unwrap_or_default();
        globals::write(&mut bytes, global, value)?;
        update(&map, &zero, &bytes)
    }
}

impl Drop for Probe {
    /// Detaching an fexit program waits until no task can be inside its trampoline, which may take
    /// seconds on a busy host: reporting stops at once, and after [`DETACH_WAIT`] the rest is left
    /// to a thread, or to the kernel when the process ends.
    fn drop(&mut self) {
        let _ = self.disable();
        let links = Links(std::mem::take(&mut self.links));
        if self.hook == Hook::SysExit || links.0.is_empty() {
            return;
        }
        let (done, wait) = std::sync::mpsc::channel();
        let detach = std::thread::Builder::new().name("detach".into());
        // If no thread can be had, the links are dropped with the closure, here.
        let started = detach.spawn(move || {
            drop(links);
            let _ = done.send(());
        });
        if started.is_ok() {
            let _ = wait.recv_timeout(DETACH_WAIT);
        }
    }
}

/// Links on their way to another thread.
struct Links(#[allow(dead_code)] Vec<Link>);

// SAFETY: a link is a descriptor and memory of libbpf that belong to it alone: bpf_link__destroy()
// may be called by any thread, once. The programs' descriptors, which it does not touch, may be
// closed before.
unsafe impl Send for Links {}

/// What decides which programs are loaded.
pub(crate) type Choice<'a> = (&'a Options, &'a [u8; SYSCALLS], &'a Capabilities, Hook);

/// Loads the object without some programs. The inner error names one more to leave out.
#[allow(clippy::type_complexity)]
fn load_object(
    choice: Choice<'_>,
    left_out: &[Refusal],
) -> Result<Result<(Object, programs::Chosen), Refusal>, ProbeError> {
    let (options, _, capabilities, hook) = choice;
    let listener = Listener::start();
    let mut open = open_object()?;
    set_globals(&mut open, options)?;
    size_maps(&mut open, capabilities)?;
    let chosen = programs::choose(&mut open, choice, left_out)?;
    match open.load() {
        Ok(object) => Ok(Ok((object, chosen))),
        Err(error) => match listener.refusal() {
            Some(refusal) if programs::may_be_left_out(&refusal.program, hook, options.hook) => {
                Ok(Err(refusal))
            }
            Some(refusal) => {
                let step = format!("load the program {}", refusal.program);
                Err(ProbeError::kernel(step, refusal.reason))
            }
            None => Err(ProbeError::kernel("load the probe", root_cause(&error))),
        },
    }
}

pub(crate) fn open_object() -> Result<OpenObject, ProbeError> {
    ObjectBuilder::default()
        .name("peregrine")
        .and_then(|builder| builder.open_memory(OBJECT))
        .map_err(|error| ProbeError::kernel("open the probe", error))
}

/// Loads one program alone; what the kernel says if it refuses.
pub(crate) fn try_program(name: &str, capabilities: &Capabilities) -> Result<(), String> {
    let listener = Listener::start();
    let mut open = open_object().map_err(|error| error.to_string())?;
    set_globals(&mut open, &Options::default()).map_err(|error| error.to_string())?;
    size_maps(&mut open, capabilities).map_err(|error| error.to_string())?;
    programs::choose_one(&mut open, name)?;
    match open.load() {
        Ok(_) => Ok(()),
        Err(error) => {
            Err(listener.refusal().map_or_else(|| root_cause(&error), |refusal| refusal.reason))
        }
    }
}

fn check_options(options: &Options) -> Result<(), ProbeError> {
    if options.rings == 0 || options.rings > MAX_RINGS {
        let text = format!("{} rings: there may be 1 to {MAX_RINGS}", options.rings);
        return Err(ProbeError::Option(text));
    }
    if !options.ring_bytes.is_power_of_two() || options.ring_bytes < 4096 {
        let text = format!("ring of {} bytes: not a power of two from 4096", options.ring_bytes);
        return Err(ProbeError::Option(text));
    }
    Ok(())
}

fn set_globals(open: &mut OpenObject, options: &Options) -> Result<(), ProbeError> {
    let ring = u64::from(options.ring_bytes);
    let mut limits = Vec::new();
    for percent in options.class_share_percent {
        limits.extend_from_slice(&((ring * u64::from(percent) / 100) as u32).to_ne_bytes());
    }
    let values: [(&str, Vec<u8>); 9] = [
        ("ring_count", options.rings.to_ne_bytes().into()),
        ("ring_bytes", options.ring_bytes.to_ne_bytes().into()),
        ("wake_bytes", (options.ring_bytes / 8).to_ne_bytes().into()),
        ("class_limit", limits),
        ("snaplen", options.snaplen.to_ne_bytes().into()),
        ("args_max", options.args_max.to_ne_bytes().into()),
        ("own_tgid", options.exclude.unwrap_or(0).to_ne_bytes().into()),
        ("self_exclude", vec![u8::from(options.exclude.is_some())]),
        ("epoch_offset_ns", epoch_offset_ns().to_ne_bytes().into()),
    ];
    for (name, value) in &values {
        let global = globals::find(name)?;
        let mut maps = open.maps_mut();
        let map = maps.find(|map| map.name().to_string_lossy().ends_with(global.section));
        let mut map =
            map.ok_or_else(|| ProbeError::Option(format!("no section for the global {name}")))?;
        let bytes = map.initial_value_mut();
        let bytes = bytes.ok_or_else(|| ProbeError::Option(format!("{name} has no value")))?;
        globals::write(bytes, global, value)?;
    }
    Ok(())
}

fn size_maps(open: &mut OpenObject, capabilities: &Capabilities) -> Result<(), ProbeError> {
    for mut map in open.maps_mut() {
        if map.name() == "scratches" {
            map.set_max_entries(capabilities.cpus * SCRATCH_SLOTS)
                .map_err(|error| ProbeError::kernel("size the scratch", error))?;
        }
    }
    Ok(())
}

/// Name of a native system call.
pub fn syscall_name(number: u16) -> Option<&'static str> {
    let syscall = X86_64.iter().find(|s| s.number == number)?;
    SYSCALL_NAMES.get(syscall.id as usize).copied()
}

/// Nanoseconds from the boot clock's zero to the epoch.
fn epoch_offset_ns() -> u64 {
    let now = |clock| {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: a valid place for the result; both clocks always exist.
        unsafe { libc::clock_gettime(clock, &mut time) };
        time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
    };
    now(libc::CLOCK_REALTIME).wrapping_sub(now(libc::CLOCK_BOOTTIME))
}

fn update(map: &impl MapCore, key: &[u8], value: &[u8]) -> Result<(), ProbeError> {
    map.update(key, value, MapFlags::ANY).map_err(|error| {
        ProbeError::kernel(format!("update map {}", map.name().to_string_lossy()), error)
    })
}

/// Statistics are on for as long as the returned descriptor is open.
fn enable_stats() -> Result<std::os::fd::OwnedFd, ProbeError> {
    use std::os::fd::FromRawFd;
    // SAFETY: a plain system call wrapper without pointers.
    let fd = unsafe { libbpf_sys::bpf_enable_stats(libbpf_sys::BPF_STATS_RUN_TIME) };
    if fd < 0 {
        let error = std::io::Error::from_raw_os_error(-fd);
        return Err(ProbeError::kernel("measure the probe's cost (--stats)", error));
    }
    // SAFETY: a descriptor that was just opened for us and that nobody else owns.
    Ok(unsafe { std::os::fd::OwnedFd::from_raw_fd(fd) })
}

fn root_cause(error: &libbpf_rs::Error) -> String {
    let text = format!("{error:#}");
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    let root = cause.to_string();
    if text.contains(&root) { text } else { format!("{text}: {root}") }
}
