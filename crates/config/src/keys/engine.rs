//! The source of events, and captures.

use crate::declare::sections;
use crate::types::{CaptureMode, DropAction, EngineKind};

const NO_MODULE: &str = "Peregrine has no kernel module; it always uses eBPF";
const STATE: &str =
    "the state is bounded by what lives on the host, and ended processes are removed at once";

sections! {
    /// Where events come from.
    Engine {
        /// `modern_ebpf` watches this machine, `replay` reads a capture, `nodriver` does neither.
        /// `kmod` is taken as `modern_ebpf`.
        kind: EngineKind = EngineKind::Kmod, |key| key.shipped("modern_ebpf").required().restart();
        /// The kernel module.
        kmod: Kmod = Kmod::default();
        /// The eBPF probe.
        modern_ebpf: ModernEbpf = ModernEbpf::default(), |key| key.empty();
        /// A capture.
        replay: Replay = Replay::default();
    }
    /// Options of the kernel module.
    Kmod {
        /// Size of its buffers.
        buf_size_preset: i16 = 4, |key| key.inert(NO_MODULE);
        /// Leave out system calls that failed.
        drop_failed_exit: bool = false, |key| key.inert(NO_MODULE);
    }
    /// Options of the eBPF probe.
    ModernEbpf {
        /// CPUs for each ring, so that there are as many rings as Falco would have buffers; 0: one
        /// ring. Rings belong to processes, not to CPUs. Absent: one ring per CPU.
        /// `peregrine.rings` overrides it.
        cpus_for_each_buffer: u16 = 2, |key| key.restart();
        /// Size of each ring: 1 to 10 for 1, 2, 4, 8 … 512 MB. `peregrine.ring_size` overrides it.
        buf_size_preset: i16 = 4, |key| key.restart();
        /// Leave out system calls that failed.
        drop_failed_exit: bool = false, |key| key.inert("calls that fail are reported as well");
        /// Read the initial state from /proc instead of BPF iterators.
        disable_iterators: bool = false,
            |key| key.inert("iterators are used where the kernel has them, /proc elsewhere");
    }
    /// Options of replay.
    Replay {
        /// The capture.
        capture_file: String = String::new(), |key| key.required().restart();
    }
    /// Captures that alerts start.
    Capture {
        /// Whether there are any.
        enabled: bool = false, |key| key.restart();
        /// How their names begin; time and number of the event follow.
        path_prefix: String = String::from("/tmp/falco"), |key| key.restart();
        /// `rules`: alerts of rules with `capture: true`; `all_rules`: all alerts.
        mode: CaptureMode = CaptureMode::Rules, |key| key.restart();
        /// How long a capture goes on after the last alert that asked for it, in milliseconds.
        default_duration: u32 = 5000, |key| key.restart();
        /// A capture ends at this size in MB; 0: at none.
        max_file_size_mb: u64 = 0, |key| key.restart();
    }
    /// Which system calls are looked at.
    BaseSyscalls {
        /// System calls to look at beyond those that rules name; `!NAME` leaves one out even if rules
        /// name it, unless the state of processes needs it.
        custom_set: Vec<String> = Vec::new(), |key| key.restart();
        /// Look at no more than rules and the state of processes need.
        repair: bool = false, |key| key.inert("no more than rules and state need is looked at anyway");
        /// Look at all system calls.
        all: bool = false;
    }
    /// Bounds of the state.
    FalcoLibs {
        /// Threads that the state may hold.
        thread_table_size: u32 = 262_144, |key| key.inert(STATE);
        /// How often threads without a sign of life are removed.
        thread_table_auto_purging_interval_s: u32 = 300, |key| key.inert(STATE);
        /// After how long a thread counts as such.
        thread_table_auto_purging_thread_timeout_s: u32 = 300, |key| key.inert(STATE);
        /// Bytes of data kept of each read, write, send and receive; 0 means 80.
        snaplen: u64 = 0, |key| key.shipped("80").restart();
    }
    /// What is done when events are lost.
    DropHandling {
        /// Share of events lost in a second from which something is done.
        threshold: f64 = 0.1, |key| key.shipped(".1");
        /// `ignore`, `log`, `alert`, `exit`, in the order given. None means `ignore`.
        actions: Vec<DropAction> = Vec::new(), |key| key.shipped("[log, alert]");
        /// How often it may be done, per second.
        rate: f64 = 0.03333, |key| key.shipped(".03333");
        /// How often it may be done in a row.
        max_burst: f64 = 1.0, |key| key.shipped("1");
        /// Pretend that events are lost, to test the reaction.
        simulate_drops: bool = false;
    }
    /// Silence of the kernel side.
    Timeouts {
        /// After how many silent polls Falco says so.
        max_consecutives: u32 = 1000,
            |key| key.inert("silence is no failure here; that the probe is attached is checked directly");
    }
}
