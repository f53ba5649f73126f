//! How the live engine is set up.

use std::time::Duration;

use peregrine_config::Settings;
use peregrine_config::types::{Hook, Spread};
use peregrine_engine::LiveOptions;
use peregrine_engine::interest::Wanted;
use peregrine_engine::parking::Bounds;
use peregrine_engine::recording::{AlertCaptureOptions, RecordOptions, WhenFull};
use peregrine_event::code;
use peregrine_event::syscalls::{SYSCALL_NAMES, X86_64};
use peregrine_output::OrderOptions;
use peregrine_probe::loader::MAX_RINGS;
use peregrine_probe::{Hook as ProbeHook, Spread as ProbeSpread};

use crate::service::rules;

/// What the configuration says of workers, rings and the kernel side. `cpus_per_ring`: Falco's
/// `cpus_for_each_buffer`, if it was written down; it gives as many rings as Falco would have
/// buffers, one for 0. `measure`: say what the kernel programs cost.
pub fn live_options(settings: &Settings, cpus_per_ring: Option<u16>, measure: bool) -> LiveOptions {
    let own = &settings.peregrine;
    let mut options = LiveOptions::default();
    if own.workers > 0 {
        options.workers = own.workers.into();
        options.probe.rings = options.probe.rings.max(options.workers);
    }
    if own.rings > 0 {
        options.probe.rings = own.rings.into();
        options.workers = options.workers.min(options.probe.rings);
    } else if let Some(cpus_per_ring) = cpus_per_ring {
        let rings = match cpus_per_ring {
            0 => 1,
            shared => cpus().div_ceil(shared.into()),
        };
        options.probe.rings = rings.clamp(1, MAX_RINGS).max(own.workers.into());
        options.workers = options.workers.min(options.probe.rings);
    }
    options.pin = own.pin;
    options.all_syscalls = settings.base_syscalls.all;
    options.bounds = Bounds {
        time: Duration::from_millis(own.parking.max_wait_ms),
        bytes: own.parking.max_bytes.0 as usize,
    };
    let ordered = &own.ordered_output;
    let window = Duration::from_millis(ordered.window_ms);
    options.ordered = ordered.enabled.then(|| OrderOptions::new(window));
    let preset = settings.engine.modern_ebpf.buf_size_preset.clamp(1, 10);
    options.probe.ring_bytes = match own.ring_size {
        Some(size) => size.0 as u32,
        None => 1 << (19 + preset),
    };
    for (share, percent) in options.probe.class_share_percent.iter_mut().zip(&own.ring_shares) {
        *share = *percent;
    }
    if settings.falco_libs.snaplen > 0 {
        options.probe.snaplen = settings.falco_libs.snaplen.min(MAX_SNAPLEN) as u32;
    }
    options.also_wanted = also_wanted(&settings.base_syscalls.custom_set);
    if settings.capture.enabled {
        options.recording = Some(RecordOptions {
            file: None,
            alerts: Some(AlertCaptureOptions {
                mode: rules::capture_mode(settings),
                path_prefix: settings.capture.path_prefix.clone().into(),
                default_duration: Duration::from_millis(settings.capture.default_duration.into()),
                max_file_bytes: Some(settings.capture.max_file_size_mb << 20)
                    .filter(|bytes| *bytes > 0),
                ..AlertCaptureOptions::default()
            }),
            when_full: WhenFull::default(),
        });
    }
    options.probe.args_max = own.args_max;
    options.probe.measure = measure;
    options.probe.spread = match own.spread {
        Spread::Off => ProbeSpread::Off,
        Spread::Auto => ProbeSpread::Hot,
        Spread::Tid => ProbeSpread::Tid,
        Spread::Cpu => ProbeSpread::Cpu,
    };
    options.probe.hook = match own.hook {
        Hook::Auto => None,
        Hook::Fexit => Some(ProbeHook::Fexit),
        Hook::SysExit => Some(ProbeHook::SysExit),
    };
    options
}

fn cpus() -> u32 {
    std::thread::available_parallelism().map_or(1, |n| n.get() as u32)
}

/// System calls by name; those with a `!` in front are left out.
fn also_wanted(names: &[String]) -> Wanted {
    let mut wanted = Wanted::default();
    for name in names {
        let (name, is_excluded) = match name.strip_prefix('!') {
            Some(name) => (name, true),
            None => (name.as_str(), false),
        };
        for syscall in
            X86_64.iter().filter(|syscall| SYSCALL_NAMES[usize::from(syscall.id)] == name)
        {
            if is_excluded {
                wanted.excluded_ids.push(syscall.id);
            } else if syscall.exit == code::GENERIC_X {
                wanted.generic_ids.push(syscall.id);
            } else {
                wanted.codes.push(syscall.exit);
            }
        }
    }
    wanted
}

/// Most bytes of data kept of a transfer.
pub const MAX_SNAPLEN: u64 = 16_384;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_megabytes() {
        let mut settings = Settings::default();
        assert_eq!(live_options(&settings, None, false).probe.ring_bytes, 8 << 20);
        settings.engine.modern_ebpf.buf_size_preset = 1;
        assert_eq!(live_options(&settings, None, false).probe.ring_bytes, 1 << 20);
        settings.engine.modern_ebpf.buf_size_preset = 10;
        assert_eq!(live_options(&settings, None, false).probe.ring_bytes, 512 << 20);
        settings.peregrine.ring_size = Some(peregrine_config::types::ByteSize(64 << 10));
        assert_eq!(live_options(&settings, None, false).probe.ring_bytes, 64 << 10);
    }

    #[test]
    fn workers_have_rings() {
        let mut settings = Settings::default();
        settings.peregrine.workers = 200;
        let options = live_options(&settings, None, false);
        assert!(options.probe.rings >= 200);
        let shared = live_options(&settings, Some(1), false);
        assert!(shared.probe.rings >= 200, "workers count more than CPUs per buffer");
    }

    #[test]
    fn falcos_buffers_are_rings_unless_rings_are_set() {
        let mut settings = Settings::default();
        let rings = |settings: &Settings, per_ring| {
            let options = live_options(settings, Some(per_ring), false);
            assert!(options.workers <= options.probe.rings);
            options.probe.rings
        };
        assert_eq!(rings(&settings, 0), 1);
        assert_eq!(rings(&settings, 1), cpus().min(MAX_RINGS));
        assert_eq!(rings(&settings, u16::MAX), 1);
        settings.peregrine.rings = 3;
        assert_eq!(rings(&settings, 0), 3);
    }

    #[test]
    fn a_name_with_a_mark_is_left_out() {
        let wanted = also_wanted(&["!mprotect".into(), "getppid".into(), "!nonsense".into()]);
        assert_eq!(wanted.excluded_ids.len(), 1);
        assert_eq!(SYSCALL_NAMES[usize::from(wanted.excluded_ids[0])], "mprotect");
        assert_eq!((wanted.generic_ids.len(), wanted.codes.len()), (1, 0));
    }
}
