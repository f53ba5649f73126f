//! One hot process: what the engine takes of it with each way to spread its records.
//!
//! `spread [SECONDS [ROUNDS]]` (default 5 and 3; `make bench-spread`, as root) runs the engine with
//! all system calls reported beside `load mixed`: eight threads of one process that read, write,
//! open and close.
//!
//! 1. As fast as the load goes: events taken per second, what is lost, who takes it, what waits.
//!    Modes take turns and medians are printed, for other programs use the machine too.
//! 2. At a pace: by halving the interval, the highest rate at which nothing is lost.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;

/// Threads of the hot process.
const THREADS: &str = "8";
/// Modes and numbers of workers that are compared. One worker has nobody to share with.
const SETUPS: [(&str, u32); 9] = [
    ("off", 1),
    ("off", 2),
    ("auto", 2),
    ("tid", 2),
    ("cpu", 2),
    ("off", 4),
    ("auto", 4),
    ("tid", 4),
    ("cpu", 4),
];
/// What the search for the highest rate begins with, calls per second, and how often it halves.
const RATES: (u32, u32) = (25_000, 825_000);
const HALVINGS: u32 = 6;
/// Time for a load to get going before it is measured.
const SETTLE: Duration = Duration::from_secs(1);

fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let seconds = args.next().map_or(Ok(5), |text| text.parse())?;
    let rounds = args.next().map_or(Ok(3), |text| text.parse())?;
    let length = Duration::from_secs(seconds);
    let here = std::env::current_exe()?;
    let binaries = here.parent().and_then(Path::parent).map(PathBuf::from).unwrap_or_default();

    println!("As fast as {THREADS} threads go, {rounds} runs of {seconds} s each, medians:\n");
    println!("{}", Run::HEAD);
    let mut runs: Vec<Vec<Run>> = SETUPS.iter().map(|_| Vec::new()).collect();
    for _ in 0..rounds {
        for (of_setup, setup) in runs.iter_mut().zip(SETUPS) {
            of_setup.push(full_speed(&binaries, setup, length)?);
        }
    }
    for (of_setup, (mode, workers)) in runs.iter().zip(SETUPS) {
        println!("{}", Run::median(of_setup).row(mode, workers));
    }

    println!("\nHighest pace without a lost record, 2 workers, {rounds} searches each, calls/s:\n");
    let mut found: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
    for _ in 0..rounds {
        for mode in ["off", "auto"] {
            found.entry(mode).or_default().push(highest_rate(&binaries, mode, length)?);
        }
    }
    for (mode, mut rates) in found {
        println!("{mode:<5} median {:>7}, all {rates:?}", median(&mut rates));
    }
    Ok(())
}

fn median<T: PartialOrd + Copy>(values: &mut [T]) -> T {
    values.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    values[values.len() / 2]
}

/// The rate at which nothing was lost, and above which something was.
fn highest_rate(binaries: &Path, mode: &str, length: Duration) -> anyhow::Result<u32> {
    let (mut without, mut with) = RATES;
    for _ in 0..HALVINGS {
        let rate = without.midpoint(with);
        let (made, lost) = paced(binaries, mode, rate, length)?;
        if lost > 0 {
            with = rate;
        } else if made < f64::from(rate) * 0.9 {
            // The load itself comes no further on this machine.
            return Ok(made as u32);
        } else {
            without = rate;
        }
    }
    Ok(without)
}

/// Calls per second that were made, and records that were lost.
fn paced(binaries: &Path, mode: &str, rate: u32, length: Duration) -> anyhow::Result<(f64, u64)> {
    let engine = Engine::start(binaries, mode, 2)?;
    let before = engine.sample()?;
    let began = Instant::now();
    let made = Load::start(binaries, length, Some(rate))?.made()?;
    let took = began.elapsed().as_secs_f64();
    let after = engine.sample()?;
    engine.stop()?;
    Ok((made as f64 / took, after.drops - before.drops))
}

/// What one run at full speed gave.
#[derive(Clone, Default)]
struct Run {
    events_per_s: f64,
    lost_percent: f64,
    cpu_us_per_event: f64,
    /// Events of each worker, largest first, in percent.
    shares: Vec<f64>,
    /// Counters of all workers.
    counters: BTreeMap<String, u64>,
}

fn full_speed(
    binaries: &Path,
    (mode, workers): (&str, u32),
    length: Duration,
) -> anyhow::Result<Run> {
    let engine = Engine::start(binaries, mode, workers)?;
    let load = Load::start(binaries, length + 2 * SETTLE, None)?;
    std::thread::sleep(SETTLE);
    let before = engine.sample()?;
    std::thread::sleep(length);
    let after = engine.sample()?;
    load.made()?;
    let report = engine.stop()?;
    let (events, drops) = (after.events - before.events, after.drops - before.drops);
    let mut run = Run {
        events_per_s: events as f64 / (after.at - before.at).as_secs_f64(),
        lost_percent: 100.0 * drops as f64 / (events + drops).max(1) as f64,
        cpu_us_per_event: (after.cpu_s - before.cpu_s) * 1e6 / events.max(1) as f64,
        ..Run::default()
    };
    for line in report.lines() {
        if let Some(shares) = line.trim().strip_prefix("workers ") {
            let numbers = shares.split(',').filter_map(|s| s.trim().strip_suffix(" %"));
            run.shares = numbers.filter_map(|number| number.parse().ok()).collect();
            run.shares.sort_by(|a, b| b.total_cmp(a));
        } else if let Some(counters) = line.trim().strip_prefix("worker ") {
            let pairs = counters.split_once(' ').map_or("", |(_, rest)| rest).split(',');
            for (name, value) in pairs.filter_map(|pair| pair.trim().split_once(' ')) {
                let value: u64 = value.parse().unwrap_or(0);
                *run.counters.entry(name.to_owned()).or_default() += value;
            }
        }
    }
    Ok(run)
}

impl Run {
    const HEAD: &str = "mode workers  events/s   lost  CPU us/event  parked    \
                        waits <1 / <10 / <100 / more ms  timeouts  shares";

    fn median(runs: &[Self]) -> Self {
        let of =
            |value: &dyn Fn(&Self) -> f64| median(&mut runs.iter().map(value).collect::<Vec<_>>());
        let workers = runs.iter().map(|run| run.shares.len()).max().unwrap_or(0);
        let share = |worker: usize| of(&|run| run.shares.get(worker).copied().unwrap_or(0.0));
        let names: Vec<&String> = runs.iter().flat_map(|run| run.counters.keys()).collect();
        let counter = |name: &str| of(&|run| run.count(name) as f64) as u64;
        Self {
            events_per_s: of(&|run| run.events_per_s),
            lost_percent: of(&|run| run.lost_percent),
            cpu_us_per_event: of(&|run| run.cpu_us_per_event),
            shares: (0..workers).map(share).collect(),
            counters: names.into_iter().map(|name| (name.clone(), counter(name))).collect(),
        }
    }

    fn count(&self, name: &str) -> u64 {
        self.counters.get(name).copied().unwrap_or(0)
    }

    fn row(&self, mode: &str, workers: u32) -> String {
        let shares: Vec<String> = self.shares.iter().map(|share| format!("{share:.0}")).collect();
        let parked = 100.0 * self.count("parked") as f64 / self.count("records").max(1) as f64;
        format!(
            "{mode:<4} {workers:>7} {:>9.0} {:>5.1}% {:>13.2} {parked:>6.1}%    \
             {} / {} / {} / {}  {}  {} %",
            self.events_per_s,
            self.lost_percent,
            self.cpu_us_per_event,
            self.count("parked_below_1ms"),
            self.count("parked_below_10ms"),
            self.count("parked_below_100ms"),
            self.count("parked_longer"),
            self.count("parking_timeouts"),
            shares.join(" + "),
        )
    }
}

/// `peregrine run`, which ends with its owner.
struct Engine {
    child: Child,
    messages: BufReader<std::process::ChildStderr>,
    port: u16,
}

/// Its numbers at one moment.
struct Sample {
    at: Instant,
    events: u64,
    drops: u64,
    cpu_s: f64,
}

impl Engine {
    fn start(binaries: &Path, mode: &str, workers: u32) -> anyhow::Result<Self> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let (workers, rings) = (workers.to_string(), workers.max(2).to_string());
        let mut child = Command::new(binaries.join("peregrine"))
            .args(["run", "--stats", "--all-syscalls", "--spread", mode])
            .args(["--workers", &workers, "--rings", &rings])
            .args(["--metrics", &format!("127.0.0.1:{port}"), "-o", "peregrine.control_socket="])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let messages = BufReader::new(child.stderr.take().context("no pipe")?);
        let mut engine = Self { child, messages, port };
        let mut said = String::new();
        while !said.contains("ready:") {
            anyhow::ensure!(engine.messages.read_line(&mut said)? > 0, "no engine: {said}");
        }
        Ok(engine)
    }

    fn sample(&self) -> anyhow::Result<Sample> {
        let text = self.metrics()?;
        let at = Instant::now();
        let number = |name: &str| -> anyhow::Result<u64> {
            let mut lines = text.lines().filter(|line| line.starts_with(name));
            let value = lines.find_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok());
            Ok(value.with_context(|| format!("no metric {name}"))? as u64)
        };
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // Behind the command's closing parenthesis: field 3 on; utime and stime are 14 and 15.
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        let ticks: f64 = fields.skip(11).take(2).filter_map(|f| f.parse::<f64>().ok()).sum();
        Ok(Sample {
            at,
            events: number("peregrine_events_total ")?,
            drops: number("falcosecurity_scap_n_drops_total ")?,
            // USER_HZ is 100 on every architecture that Peregrine is built for.
            cpu_s: ticks / 100.0,
        })
    }

    fn metrics(&self) -> anyhow::Result<String> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        stream
            .write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(text)
    }

    /// Ends it; gives its report.
    fn stop(mut self) -> anyhow::Result<String> {
        let pid = i32::try_from(self.child.id())?;
        // SAFETY: the process is our child and has not been waited for.
        unsafe { libc::kill(pid, libc::SIGTERM) };
        let mut report = String::new();
        self.messages.read_to_string(&mut report)?;
        self.child.wait()?;
        Ok(report)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The hot process; it ends by itself.
struct Load(Child);

impl Load {
    fn start(binaries: &Path, length: Duration, rate: Option<u32>) -> anyhow::Result<Self> {
        let mut command = Command::new(binaries.join("examples/load"));
        command.args(["mixed", &length.as_secs().to_string()]).env("THREADS", THREADS);
        command.args(rate.map(|rate| rate.to_string()));
        Ok(Self(command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?))
    }

    /// Waits for its end; gives the number of calls it made.
    fn made(mut self) -> anyhow::Result<u64> {
        let mut said = String::new();
        self.0.stdout.take().context("no pipe")?.read_to_string(&mut said)?;
        self.0.wait()?;
        let calls = said.split_whitespace().next().and_then(|word| word.parse().ok());
        calls.with_context(|| format!("the load says '{said}'"))
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
