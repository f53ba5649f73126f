//! A soak: the engine with its built-in rules and alerts on end, beside a mixed, bounded load, and
//! a look at everything that could grow.
//!
//! `soak PEREGRINE [MINUTES]` (default 20; `make soak`) starts `PEREGRINE run` as root, makes about
//! 150 processes, 150 threads, 600 files and 300 connections of 127.0.0.1 per second, and samples
//! resident memory (`anon` is its own, of which `heap` is allocated and `free` is what the allocator
//! keeps; the rings are the kernel's and count several times in `rss`), descriptors, threads and the metrics every five seconds. At the end it prints the slope
//! of each over the second half, lets the load end and looks again. Exit status 1: something grows,
//! events were lost, or the state did not go back to where it was.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Between samples.
const STEP: Duration = Duration::from_secs(5);
/// Rounds of the load per second and thread.
const ROUNDS_PER_SECOND: u32 = 150;
/// Growth over the second half that still counts as flat: of allocated memory and, with what the
/// engine lets its allocator keep, of resident memory in KiB, of the process's own numbers, and of
/// those of the whole host, where other programs come and go. What the load makes is a hundred times
/// more in a minute.
const FLAT_KIB: f64 = 512.0;
const FLAT_RESIDENT_KIB: f64 = 4096.0 + FLAT_KIB;
const FLAT_OWN: f64 = 5.0;
const FLAT_HOST: f64 = 300.0;

/// Alerts all the time, and conditions that ask for reads, connections and names of files.
const RULES: &str = r#"
- rule: soak exec
  desc: one alert per started program of the load
  condition: evt.type in (execve, execveat) and proc.name = true
  output: exec %proc.cmdline %proc.pcmdline %proc.cwd %proc.aname[2]
  priority: INFO
- rule: soak connect
  desc: connections of the load that nobody makes
  condition: evt.type = connect and fd.sport = 1 and fd.sip = "127.0.0.1"
  output: connect %fd.name
  priority: INFO
- rule: soak read
  desc: asks for reads and writes
  condition: evt.type in (read, write) and fd.name startswith /nowhere and fd.name glob "*/soak-*"
  output: read %fd.name
  priority: INFO
"#;

/// What is looked at, and where the list of samples has it.
const COLUMNS: [&str; 12] = [
    "rss KiB",
    "anon KiB",
    "heap KiB",
    "free KiB",
    "fds",
    "os threads",
    "n_threads",
    "n_fds",
    "events",
    "alerts",
    "drops",
    "waiting",
];

type Sample = [f64; COLUMNS.len()];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    let Some(peregrine) = args.get(1) else {
        eprintln!("usage: soak PEREGRINE [MINUTES]");
        return ExitCode::from(2);
    };
    let minutes: f64 = args.get(2).and_then(|text| text.parse().ok()).unwrap_or(20.0);
    let folder = std::env::temp_dir().join(format!("peregrine-soak-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder for the load");
    let mut engine = Engine::start(Path::new(peregrine), &folder);
    std::thread::sleep(Duration::from_secs(5));
    let before = engine.sample();
    let load = Load::start(&folder);
    let samples = watch(&mut engine, &load, Duration::from_secs_f64(minutes * 60.0));
    let made = load.stop();
    // The last exits are on their way, and the numbers of the state are a second old.
    std::thread::sleep(Duration::from_secs(10));
    let after = engine.sample();
    let told = engine.stop();
    let _ = fs::remove_dir_all(&folder);
    println!("\nload: {made}");
    let is_flat = report(&samples, &before, &after);
    println!("\n{}", told.trim_end());
    if is_flat { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn watch(engine: &mut Engine, load: &Load, length: Duration) -> Vec<Sample> {
    let began = Instant::now();
    let mut samples = Vec::new();
    println!("{:>6}  {}", "s", COLUMNS.map(|name| format!("{name:>11}")).join(" "));
    while began.elapsed() < length {
        std::thread::sleep(STEP);
        let sample = engine.sample();
        if samples.len() % 6 == 0 {
            let text = sample.map(|value| format!("{value:>11.0}")).join(" ");
            println!("{:>6}  {text}", began.elapsed().as_secs());
        }
        samples.push(sample);
        assert!(!load.has_failed(), "a thread of the load has ended");
    }
    samples
}

/// Prints what became of each number; true if nothing grows.
fn report(samples: &[Sample], before: &Sample, after: &Sample) -> bool {
    let half = &samples[samples.len() / 2..];
    let span_s = half.len() as f64 * STEP.as_secs_f64();
    let mut is_flat = true;
    println!(
        "\n{:<11} {:>10} {:>10} {:>10} {:>12} {:>14}  verdict",
        "", "before", "last", "after", "per minute", "second half"
    );
    for (column, name) in COLUMNS.iter().enumerate() {
        let values: Vec<f64> = half.iter().map(|sample| sample[column]).collect();
        let slope = slope(&values) / STEP.as_secs_f64();
        let growth = slope * span_s;
        let last = values.last().copied().unwrap_or_default();
        let flat = match *name {
            "rss KiB" | "anon KiB" => FLAT_RESIDENT_KIB,
            "heap KiB" => FLAT_KIB,
            "n_threads" | "n_fds" | "waiting" => FLAT_HOST,
            _ => FLAT_OWN,
        };
        let verdict = match *name {
            "events" | "alerts" => "a count",
            // What the allocator keeps is in the resident memory.
            "free KiB" => "kept",
            "drops" if after[column] == 0.0 => "none",
            "drops" => "LOST",
            _ if growth > flat => "GROWS",
            "n_threads" | "n_fds" if after[column] > before[column] + FLAT_HOST => "STAYS",
            _ => "flat",
        };
        is_flat &= !matches!(verdict, "LOST" | "GROWS" | "STAYS");
        println!(
            "{name:<11} {:>10.0} {last:>10.0} {:>10.0} {:>12.2} {growth:>14.1}  {verdict}",
            before[column],
            after[column],
            slope * 60.0,
        );
    }
    is_flat
}

/// Least squares: growth per sample.
fn slope(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    if n < 2.0 {
        return 0.0;
    }
    let mean_x = (n - 1.0) / 2.0;
    let mean_y = values.iter().sum::<f64>() / n;
    let (mut above, mut below) = (0.0, 0.0);
    for (x, y) in values.iter().enumerate() {
        above += (x as f64 - mean_x) * (y - mean_y);
        below += (x as f64 - mean_x).powi(2);
    }
    above / below
}

struct Engine {
    child: Child,
    port: u16,
    log: PathBuf,
}

impl Engine {
    fn start(peregrine: &Path, folder: &Path) -> Self {
        let port = free_port();
        let rules = folder.join("rules.yaml");
        fs::write(&rules, RULES).expect("the rules are written");
        let log = folder.join("log");
        let path = |path: &Path| path.display().to_string();
        let mut arguments: Vec<String> = ["run", "--json", "--no-stdout"].map(String::from).into();
        arguments.extend(["-r".into(), path(&rules)]);
        // The built-in rules beside ours, where the source is at hand.
        let built_in =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../rules/peregrine_rules.yaml");
        if built_in.exists() {
            arguments.extend(["-r".into(), path(&built_in)]);
        }
        // Lines are not kept: the file rotates at a megabyte.
        arguments.extend(["--output-file".into(), path(&folder.join("alerts.json"))]);
        arguments.extend(["--rotate".into(), "1M:1".into()]);
        arguments.extend(["--metrics".into(), format!("127.0.0.1:{port}")]);
        arguments.extend(["--web".into(), format!("127.0.0.1:{port}")]);
        arguments.extend(["-o".into(), "peregrine.control_socket=".into()]);
        let child = Command::new(peregrine)
            .args(&arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(&log).expect("a log"))
            .spawn()
            .expect("peregrine starts");
        let mut engine = Self { child, port, log };
        let end = Instant::now() + Duration::from_secs(60);
        while metrics(engine.port).is_none_or(|text| value(&text, "peregrine_healthy") < 1.0) {
            let has_ended = engine.child.try_wait().expect("our own child").is_some();
            assert!(!has_ended && Instant::now() < end, "{}", engine.told());
            std::thread::sleep(Duration::from_millis(200));
        }
        engine
    }

    fn told(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn sample(&mut self) -> Sample {
        let has_ended = self.child.try_wait().expect("our own child").is_some();
        assert!(!has_ended, "peregrine has ended: {}", self.told());
        let process = PathBuf::from(format!("/proc/{}", self.child.id()));
        let status = fs::read_to_string(process.join("status")).unwrap_or_default();
        let of_status = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key));
            line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(f64::NAN)
        };
        let fds = fs::read_dir(process.join("fd")).map_or(f64::NAN, |fds| fds.count() as f64);
        let text = metrics(self.port).unwrap_or_default();
        [
            of_status("VmRSS:"),
            of_status("RssAnon:"),
            value(&text, "peregrine_heap_used_bytes") / 1024.0,
            value(&text, "peregrine_heap_free_bytes") / 1024.0,
            fds,
            of_status("Threads:"),
            value(&text, "falcosecurity_scap_n_threads_total"),
            value(&text, "falcosecurity_scap_n_fds_total"),
            value(&text, "peregrine_events_total"),
            value(&text, "peregrine_alerts_total"),
            value(&text, "falcosecurity_scap_n_drops_total")
                + value(&text, "peregrine_alerts_dropped_total"),
            value(&text, "peregrine_alerts_waiting"),
        ]
    }

    /// Ends it and returns its report.
    fn stop(mut self) -> String {
        let pid = self.child.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &pid]).status();
        let _ = self.child.wait();
        self.told()
    }
}

impl Drop for Engine {
    /// Also when the soak fails: a probe must not stay behind.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("it is bound").port()
}

fn metrics(port: u16) -> Option<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    let request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    Some(text)
}

fn value(metrics: &str, name: &str) -> f64 {
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.and_then(|value| value.trim().parse().ok()).unwrap_or(f64::NAN)
}

/// Threads that do something over and over.
struct Load {
    stop: Arc<AtomicBool>,
    threads: Vec<(&'static str, Arc<AtomicU64>, std::thread::JoinHandle<()>)>,
}

impl Load {
    fn start(folder: &Path) -> Self {
        let mut load = Self { stop: Arc::default(), threads: Vec::new() };
        let place = folder.to_owned();
        load.add("processes", 1, |round| {
            // Each has arguments of its own, every tenth is a shell with children.
            let mut command = match round % 10 {
                0 => Command::new("sh"),
                _ => Command::new("/bin/true"),
            };
            match round % 10 {
                0 => {
                    command.args(["-c", "cd /usr; cat /etc/hostname | /bin/true; (exit 0) & wait"])
                }
                _ => command.arg(format!("soak-{round}")),
            };
            let _ = command.stdin(Stdio::null()).stdout(Stdio::null()).status();
        });
        load.add("threads", 1, |round| {
            let thread = std::thread::Builder::new().name(format!("soak-{round}"));
            if let Ok(thread) = thread.spawn(|| drop(fs::File::open("/etc/hostname"))) {
                let _ = thread.join();
            }
        });
        load.add("files", 4, move |round| {
            // Names that never come again: whatever remembers them must also forget them.
            let directory = place.join(format!("d{}", round % 7));
            let _ = fs::create_dir(&directory);
            for part in 0..3 {
                let file = directory.join(format!("soak-{round}-{part}"));
                let _ = fs::write(&file, "some text");
                let _ = fs::read(&file);
                let _ = fs::remove_file(&file);
            }
            let (old, new) = (directory.join("old"), directory.join(format!("soak-{round}")));
            let _ = fs::write(&old, "x");
            let _ = fs::rename(&old, &new);
            let _ = fs::remove_file(&new);
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let target = listener.local_addr().expect("it is bound");
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let to = udp.local_addr().expect("it is bound");
        load.add("connections", 2, move |round| {
            let Ok(mut client) = TcpStream::connect(target) else { return };
            let Ok((mut server, _)) = listener.accept() else { return };
            let mut bytes = [0; 16];
            let _ = client.write_all(&[round as u8; 16]);
            let _ = server.read_exact(&mut bytes);
            if let Ok(sender) = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)) {
                let _ = sender.send_to(&bytes, to);
                let _ = udp.recv_from(&mut bytes);
            }
        });
        load
    }

    /// `each`: how many of `what` one round makes.
    fn add(&mut self, what: &'static str, each: u64, round: impl Fn(u64) + Send + 'static) {
        let (stop, count) = (self.stop.clone(), Arc::new(AtomicU64::new(0)));
        let counted = count.clone();
        let thread = std::thread::spawn(move || {
            let began = Instant::now();
            for number in 0.. {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                round(number);
                counted.fetch_add(each, Ordering::Relaxed);
                // A round that is late is not made up for beyond the next.
                let due = Duration::from_secs(1) / ROUNDS_PER_SECOND * (number as u32 + 1);
                std::thread::sleep(due.saturating_sub(began.elapsed()));
            }
        });
        self.threads.push((what, count, thread));
    }

    fn has_failed(&self) -> bool {
        self.threads.iter().any(|(_, _, thread)| thread.is_finished())
    }

    /// Ends it and says what it did.
    fn stop(self) -> String {
        self.stop.store(true, Ordering::Relaxed);
        let made = self.threads.into_iter().map(|(what, count, thread)| {
            let _ = thread.join();
            format!("{} {what}", count.load(Ordering::Relaxed))
        });
        made.collect::<Vec<_>>().join(", ")
    }
}
