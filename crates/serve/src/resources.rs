//! What the process and the host use, from `/proc`, under the names of Falco's resource metrics.

use std::fs;

use serde::{Deserialize, Serialize};

/// Use of CPU and memory. What cannot be read is zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Resources {
    /// CPU of this process, in percent of one CPU, over its life.
    pub cpu_usage_percent: f64,
    /// Resident memory of this process.
    pub rss_kib: u64,
    /// Bytes that this process has allocated and not freed, as whoever knows its allocator filled
    /// them in.
    pub heap_used_bytes: u64,
    /// Bytes that its allocator holds for later.
    pub heap_free_bytes: u64,
    /// Address space of this process.
    pub vsz_kib: u64,
    /// Memory of this process with what it shares counted in part.
    pub pss_kib: u64,
    /// Memory of the control group, in bytes.
    pub container_bytes: u64,
    /// CPU of the host, in percent of all CPUs, since boot.
    pub host_cpu_usage_percent: f64,
    /// Memory of the host in use.
    pub host_memory_kib: u64,
    /// Tasks that run at this moment.
    pub host_procs_running: u64,
    /// Open files of the host.
    pub host_open_fds: u64,
}

impl Resources {
    /// Reads them.
    pub fn read() -> Self {
        let OwnStat { cpu_s, age_s, vsz_kib, rss_kib } = OwnStat::read();
        let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let meminfo = text("/proc/meminfo");
        let memory = |key: &str| value(&meminfo, key);
        let stat = text("/proc/stat");
        let cpu: Vec<u64> = numbers(stat.lines().next().unwrap_or_default()).collect();
        let (all, idle) = (cpu.iter().sum::<u64>().max(1), cpu.iter().skip(3).take(2).sum::<u64>());
        Self {
            cpu_usage_percent: 100.0 * cpu_s / age_s,
            rss_kib,
            heap_used_bytes: 0,
            heap_free_bytes: 0,
            vsz_kib,
            pss_kib: value(&text("/proc/self/smaps_rollup"), "Pss:"),
            container_bytes: container_bytes(),
            host_cpu_usage_percent: 100.0 * (all - idle.min(all)) as f64 / all as f64,
            host_memory_kib: memory("MemTotal:").saturating_sub(memory("MemAvailable:")),
            host_procs_running: value(&stat, "procs_running"),
            host_open_fds: numbers(&text("/proc/sys/fs/file-nr")).next().unwrap_or(0),
        }
    }
}

/// What `/proc/self/stat` says.
struct OwnStat {
    /// Seconds in user mode and in the kernel.
    cpu_s: f64,
    /// Seconds since the process was started, loading the probe included.
    age_s: f64,
    vsz_kib: u64,
    rss_kib: u64,
}

impl OwnStat {
    fn read() -> Self {
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        // The name of the program, in parentheses, may hold anything.
        let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let number =
            |index: usize| fields.get(index).and_then(|f| f.parse::<u64>().ok()).unwrap_or(0);
        let ticks = rustix::param::clock_ticks_per_second().max(1) as f64;
        let seconds = |index| number(index) as f64 / ticks;
        let boot = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let since_boot_s = boot.tv_sec as f64 + boot.tv_nsec as f64 / 1e9;
        Self {
            cpu_s: seconds(11) + seconds(12),
            // Both are rounded to ticks.
            age_s: (since_boot_s - seconds(19)).max(1.0 / ticks),
            vsz_kib: number(20) / 1024,
            rss_kib: number(21) * rustix::param::page_size() as u64 / 1024,
        }
    }
}

fn container_bytes() -> u64 {
    let path = std::env::var("FALCO_CGROUP_MEM_PATH").ok();
    let read = |path: &str| fs::read_to_string(path).ok()?.trim().parse().ok();
    path.as_deref()
        .and_then(read)
        .or_else(|| read("/sys/fs/cgroup/memory.current"))
        .or_else(|| read("/sys/fs/cgroup/memory/memory.usage_in_bytes"))
        .unwrap_or(0)
}

/// The number behind a key at the start of a line.
fn value(text: &str, key: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    line.and_then(|rest| numbers(rest).next()).unwrap_or(0)
}

fn numbers(text: &str) -> impl Iterator<Item = u64> {
    text.split_whitespace().filter_map(|word| word.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_something() {
        let resources = Resources::read();
        assert!(resources.rss_kib > 0 && resources.vsz_kib > resources.rss_kib, "{resources:?}");
        assert!(resources.host_memory_kib > 0 && resources.host_open_fds > 0, "{resources:?}");
        assert!((0.0..=100.0).contains(&resources.host_cpu_usage_percent), "{resources:?}");
        // Ticks are coarse for a process that is so young.
        let cpus = std::thread::available_parallelism().map_or(1, usize::from) as f64;
        assert!(resources.cpu_usage_percent <= 200.0 * cpus, "{resources:?}");
    }

    #[test]
    fn keys_are_found_at_the_start_of_a_line() {
        let text = "XPss: 1\nPss:   34 kB\nprocs_running 3\n";
        assert_eq!(
            (value(text, "Pss:"), value(text, "procs_running"), value(text, "no")),
            (34, 3, 0)
        );
    }
}
