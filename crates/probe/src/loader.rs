//! Loads the probe into the kernel and attaches it.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use libbpf_rs::{MapCore, MapFlags, MapHandle, Object, OpenObject};
use peregrine_event::code;
use peregrine_event::syscalls::{SYSCALL_NAMES, X86_64};

use crate::capabilities::Capabilities;
use crate::clock::RecordClock;
use crate::drops::{self, CAUSES, CLASSES, Drops};
use crate::error::ProbeError;
use crate::globals;
use crate::inner::create_rings;
use crate::later::Later;
use crate::links::{self, Attached};
use crate::measure::{ProgramCost, ProgramSize, enable_stats, program_cost, program_size};
use crate::object::{attach_programs, load_choice};
use crate::programs;
use crate::refusal::Refusal;
use crate::ring::{Ring, RingGauge};
use crate::sleeping::SleepFlags;
use crate::spread::{Spread, Spreader};
use crate::{shares, wrapper};

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
    /// Share of a ring that each class may fill, in percent, most valuable class first; in small
    /// rings less (see [`shares`]).
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
    /// Which records leave the ring of their thread group.
    pub spread: Spread,
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
            spread: Spread::Off,
            measure: false,
        }
    }
}

/// The probe, loaded and attached. Dropping it detaches everything; so does the end of the
/// process, however it ends, since nothing is pinned.
pub struct Probe {
    // Links first: they are dropped before the programs.
    pub(crate) links: Vec<Attached>,
    later: Mutex<Later>,
    object: Object,
    capabilities: Capabilities,
    rings: Vec<MapHandle>,
    /// Which of them have been handed out.
    consumed: Box<[AtomicBool]>,
    options: Options,
    hook: Hook,
    hook_reason: String,
    left_out: Vec<Refusal>,
    measuring: Option<std::os::fd::OwnedFd>,
    clock: RecordClock,
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
                let obstacle = wrapper::denied(&capabilities)
                    .or_else(|| wrapper::obstacle(interest))
                    .or_else(|| wrapper::trial(interest));
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
            let loaded = load_choice(chosen, |open| {
                set_globals(open, options)?;
                size_maps(open, capabilities)?;
                programs::choose(open, chosen, &left_out, |_| true)
            })?;
            match loaded {
                Ok(loaded) => break loaded,
                Err(refusal) => left_out.push(refusal),
            }
            programs::check_left_out(&left_out, interest, hook)?;
        };
        left_out.extend(chosen.missing);
        let mut probe = Self {
            links: Vec::new(),
            later: Mutex::new(Later::default()),
            object,
            capabilities: capabilities.clone(),
            rings: Vec::new(),
            consumed: (0..options.rings).map(|_| AtomicBool::new(false)).collect(),
            options: options.clone(),
            hook,
            hook_reason: if reason.is_empty() { BEST.into() } else { reason.into() },
            left_out,
            measuring: None,
            clock: RecordClock::new(),
        };
        if options.measure {
            probe.measuring = Some(enable_stats()?);
        }
        // Beside the rest, since putting a ring into place waits for all CPUs.
        let outer = MapHandle::try_from(&probe.map("rings")?)
            .map_err(|error| ProbeError::kernel("share the map rings", error))?;
        probe.rings = std::thread::scope(|scope| {
            let create = || create_rings(options.rings, options.ring_bytes, &outer);
            let rings = std::thread::Builder::new().name("rings".into());
            let rings = rings
                .spawn_scoped(scope, create)
                .map_err(|error| ProbeError::kernel("start a thread", error))?;
            probe.fill_tables(interest)?;
            let asked_for = probe.options.hook;
            let links = attach_programs(&probe.object, hook, asked_for, &mut probe.left_out)?;
            probe.links = links.into_iter().map(Attached::from).collect();
            rings.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })?;
        programs::check_left_out(&probe.left_out, interest, hook)?;
        for refusal in &probe.left_out {
            let Refusal { program, reason } = refusal;
            probe.hook_reason.push_str(&format!("; without {program}: {reason}"));
        }
        Ok(probe)
    }

    /// Programs that were wanted and are not in use, and why. On the sys-exit rung such a call is
    /// reported with the generic event, on the fexit rung not at all.
    pub fn left_out(&self) -> Vec<Refusal> {
        self.left_out.iter().chain(&self.later().refused).cloned().collect()
    }

    /// Why programs of the probe do not run any more; `None`: all are attached.
    pub fn detached(&self) -> Option<String> {
        let later = self.later();
        let all = self.links.len() + later.links.len();
        let lost = self.links.iter().chain(&later.links).filter(|link| link.is_lost()).count();
        if lost > 0 {
            return Some(format!("{lost} of the probe's {all} programs are detached"));
        }
        links::suspended(self.hook).map(str::to_owned)
    }

    /// The rung in use, why not a better one, and what was left out.
    pub fn hook(&self) -> (Hook, &str) {
        (self.hook, &self.hook_reason)
    }

    /// Maps ring `index` for its one consumer. Who only wants to know how full it is takes a
    /// [`Probe::gauge`].
    ///
    /// # Errors
    /// No such ring, it was handed out before, or the kernel refuses the mapping.
    pub fn ring(&self, index: u32) -> Result<Ring, ProbeError> {
        let fd = self.ring_fd(index)?;
        if self.consumed[index as usize].swap(true, Ordering::Relaxed) {
            return Err(ProbeError::Option(format!("ring {index} has a consumer already")));
        }
        Ring::map(fd, u64::from(self.options.ring_bytes))
            .map_err(|error| ProbeError::kernel(format!("map ring {index}"), error))
    }

    /// Bytes of each ring.
    pub fn ring_bytes(&self) -> u32 {
        self.options.ring_bytes
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
        self.set_control("epoch_offset_ns", &self.clock.offset_ns().to_ne_bytes())?;
        self.set_control("enabled", &1u32.to_ne_bytes())
    }

    /// Stops reporting; what is in the rings stays.
    ///
    /// # Errors
    /// The kernel refuses the update.
    pub fn disable(&self) -> Result<(), ProbeError> {
        self.set_control("enabled", &0u32.to_ne_bytes())
    }

    /// Reads and writes maps, changing nothing: who may not do that now cannot do it later.
    ///
    /// # Errors
    /// The kernel refuses it.
    pub fn touch_maps(&self) -> Result<(), ProbeError> {
        self.set_control("epoch_offset_ns", &self.clock.offset_ns().to_ne_bytes())?;
        self.drops().map(drop)
    }

    /// What names hot thread groups to the kernel, if it was loaded to spread them.
    ///
    /// # Errors
    /// A map cannot be shared.
    pub fn spreader(&self) -> Result<Option<Spreader>, ProbeError> {
        if self.options.spread != Spread::Hot {
            return Ok(None);
        }
        let share = |name: &str| {
            let map = self.object.maps().find(|map| map.name().to_string_lossy().ends_with(name));
            let map = map.ok_or_else(|| ProbeError::Option(format!("the probe has no {name}")))?;
            MapHandle::try_from(&map)
                .map_err(|error| ProbeError::kernel(format!("share the map {name}"), error))
        };
        Spreader::new(share("hot_groups")?, share(".data.spread")?).map(Some)
    }

    /// The clock of the records.
    pub fn clock(&self) -> RecordClock {
        self.clock.clone()
    }

    /// Looks at the positions of ring `index`, whoever consumes it.
    ///
    /// # Errors
    /// No such ring, or the kernel refuses the mapping.
    pub fn gauge(&self, index: u32) -> Result<RingGauge, ProbeError> {
        RingGauge::map(self.ring_fd(index)?).map_err(|error| {
            ProbeError::kernel(format!("map the positions of ring {index}"), error)
        })
    }

    /// Replaces the interest table. Programs of calls that nobody wanted so far are loaded, which
    /// takes about a millisecond each and the privileges of the start (see [`Probe::load_rest`]).
    ///
    /// # Errors
    /// A call cannot be reported on this rung or its program not be loaded (nothing was changed
    /// then), or the kernel refuses the update.
    pub fn set_interest(&self, interest: &[u8; SYSCALLS]) -> Result<(), ProbeError> {
        self.load_missing(interest)?;
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

    /// Loads the programs of all calls that nobody wants yet, so that [`Probe::set_interest`] needs
    /// no privilege any more. Does nothing on the fexit rung, where every program that is loaded is
    /// attached and costs; a call that is switched on there needs the privileges of the start.
    ///
    /// # Errors
    /// The kernel refuses to load more.
    pub fn load_rest(&self) -> Result<(), ProbeError> {
        match self.hook {
            Hook::SysExit => self.load_missing(&[DEDICATED; SYSCALLS]),
            Hook::Fexit => Ok(()),
        }
    }

    fn later(&self) -> MutexGuard<'_, Later> {
        self.later.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Loads the programs that this interest needs and that are not loaded.
    fn load_missing(&self, interest: &[u8; SYSCALLS]) -> Result<(), ProbeError> {
        let is_fexit = self.hook == Hook::Fexit;
        if let Some(obstacle) = wrapper::obstacle(interest).filter(|_| is_fexit) {
            return Err(ProbeError::Option(format!("{obstacle}; restart with --hook sys-exit")));
        }
        let mut later = self.later();
        let missing = later.missing(&self.object, interest, self.hook, &self.left_out);
        if missing.is_empty() {
            return Ok(());
        }
        let choice = (&self.options, interest, &self.capabilities, self.hook);
        let loaded = later.load(&self.object, choice, &missing);
        loaded.map_err(|error| match is_fexit {
            true => ProbeError::Option(format!("{error}; restart, or use --hook sys-exit")),
            false => error,
        })?;
        match later.objects.last() {
            Some(object) => self.fill_calls(object),
            None => Ok(()),
        }
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

    /// The programs that are loaded, and what the verifier had to do for each.
    ///
    /// # Errors
    /// The kernel refuses to tell.
    pub fn programs(&self) -> Result<Vec<ProgramSize>, ProbeError> {
        let later = self.later();
        let objects = [&self.object].into_iter().chain(&later.objects);
        let loaded = objects.flat_map(Object::progs).filter(|program| program.autoload());
        loaded.map(|program| program_size(&program)).collect()
    }

    /// What each program cost so far; empty unless [`Options::measure`] was set.
    pub fn costs(&self) -> Vec<ProgramCost> {
        if self.measuring.is_none() {
            return Vec::new();
        }
        let later = self.later();
        let objects = [&self.object].into_iter().chain(&later.objects);
        let mut costs: Vec<_> =
            objects.flat_map(Object::progs).filter_map(|p| program_cost(&p)).collect();
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
        self.fill_calls(&self.object)
    }

    /// Makes the dispatcher jump to the encoders of an object.
    fn fill_calls(&self, object: &Object) -> Result<(), ProbeError> {
        if self.hook != Hook::SysExit {
            return Ok(());
        }
        let targets = self.map("calls")?;
        let programs: BTreeMap<String, i32> = object
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
        let mut links = Links(std::mem::take(&mut self.links));
        links.0.append(&mut self.later().links);
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
struct Links(#[allow(dead_code)] Vec<Attached>);

// SAFETY: a link is a descriptor and memory of libbpf that belong to it alone: bpf_link__destroy()
// may be called by any thread, once. The programs' descriptors, which it does not touch, may be
// closed before.
unsafe impl Send for Links {}

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

pub(crate) fn set_globals(open: &mut OpenObject, options: &Options) -> Result<(), ProbeError> {
    let limits = shares::limits(options.ring_bytes, options.class_share_percent);
    let limits = limits.iter().flat_map(|limit| limit.to_ne_bytes()).collect();
    let values: [(&str, Vec<u8>); 8] = [
        ("spread", (options.spread as u32).to_ne_bytes().into()),
        ("ring_count", options.rings.to_ne_bytes().into()),
        ("wake_bytes", (options.ring_bytes / 8).to_ne_bytes().into()),
        ("class_limit", limits),
        ("snaplen", options.snaplen.to_ne_bytes().into()),
        ("args_max", options.args_max.to_ne_bytes().into()),
        ("own_tgid", options.exclude.unwrap_or(0).to_ne_bytes().into()),
        ("self_exclude", vec![u8::from(options.exclude.is_some())]),
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

pub(crate) fn size_maps(
    open: &mut OpenObject,
    capabilities: &Capabilities,
) -> Result<(), ProbeError> {
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

pub(crate) fn update(map: &impl MapCore, key: &[u8], value: &[u8]) -> Result<(), ProbeError> {
    map.update(key, value, MapFlags::ANY).map_err(|error| {
        ProbeError::kernel(format!("update map {}", map.name().to_string_lossy()), error)
    })
}
