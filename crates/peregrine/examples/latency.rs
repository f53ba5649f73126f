//! Latency of alerts, from end to end: starts `peregrine run` beside this program, opens a file that
//! a rule watches at a steady pace, and reads the alerts from a pipe.
//!
//! `latency [SECONDS]`, by default 5 per line of its table. Two figures stand for each load: *written*
//! is what Peregrine measures itself (event to the return of the write), *read* is event to this
//! program having the line. The time of the event is the kernel's, in real time.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A load: its name, alerts per second, and whether another program floods the rings with reads
/// and writes meanwhile.
const LOADS: [(&str, u32, bool); 4] = [
    ("idle, 20 alerts/s", 20, false),
    ("1000 alerts/s", 1_000, false),
    ("10000 alerts/s", 10_000, false),
    ("20 alerts/s beside a flood", 20, true),
];

/// The second rule is there to have reads and writes reported.
const RULES: &str = r#"
- rule: watched
  desc: d
  condition: evt.type in (open, openat) and fd.name = "MARK"
  output: opened %evt.rawtime
  priority: NOTICE
- rule: never
  desc: d
  condition: evt.type in (read, write) and fd.name = "/no/such/file/at/all"
  output: never
  priority: NOTICE
"#;

/// A process that ends with its owner.
struct Owned(Child);

impl Drop for Owned {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn main() -> anyhow::Result<()> {
    let seconds = std::env::args().nth(1).map_or(Ok(5), |text| text.parse())?;
    let binaries = std::env::current_exe()?;
    let binaries = binaries.parent().and_then(Path::parent).map(PathBuf::from).unwrap_or_default();
    let folder = std::env::temp_dir().join(format!("peregrine-latency-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let result = LOADS.iter().try_for_each(|(name, pace, is_flooded)| {
        measure(&binaries, &folder, name, *pace, *is_flooded, Duration::from_secs(seconds))
    });
    std::fs::remove_dir_all(&folder)?;
    result
}

fn measure(
    binaries: &Path,
    folder: &Path,
    name: &str,
    pace: u32,
    is_flooded: bool,
    length: Duration,
) -> anyhow::Result<()> {
    let (mark, rules) = (folder.join("mark"), folder.join("rules.yaml"));
    File::create(&mark)?;
    std::fs::write(&rules, RULES.replace("MARK", &mark.display().to_string()))?;
    let mut engine = Command::new(binaries.join("peregrine"))
        .args(["run", "--json", "--stats", "-o", "peregrine.control_socket=", "-r"])
        .arg(&rules)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let (out, err) = (engine.stdout.take(), engine.stderr.take());
    let mut engine = Owned(engine);
    let (Some(out), Some(err)) = (out, err) else { anyhow::bail!("there is no pipe") };
    let mut messages = BufReader::new(err);
    let mut said = String::new();
    while !said.contains("ready:") {
        anyhow::ensure!(messages.read_line(&mut said)? > 0, "no engine: {said}");
    }
    let reader = std::thread::spawn(move || read(out));
    let flood = match is_flooded {
        true => Some(Owned(
            Command::new(binaries.join("examples/load"))
                .args(["tiny", &length.as_secs().to_string()])
                .stdout(Stdio::null())
                .spawn()?,
        )),
        false => None,
    };
    let acts = open_at_pace(&mark, pace, length)?;
    drop(flood);
    // The last alerts are on their way.
    std::thread::sleep(Duration::from_millis(500));
    let pid = i32::try_from(engine.0.id())?;
    // SAFETY: the process is our child and has not been waited for.
    unsafe { libc::kill(pid, libc::SIGTERM) };
    engine.0.wait()?;
    messages.read_to_string(&mut said)?;
    let mut read = reader.join().map_err(|_| anyhow::anyhow!("the reader has panicked"))?;
    read.sort_unstable();
    let written =
        said.lines().find_map(|line| line.trim().strip_prefix("latency")).unwrap_or("none");
    let ms = |share: f64| match read.get((read.len() as f64 * share) as usize).or(read.last()) {
        Some(ns) => *ns as f64 / 1e6,
        None => f64::NAN,
    };
    println!("{name}: {acts} acts");
    println!("  written  {}", written.trim());
    println!(
        "  read     {} alerts, p50 {:.2} ms, p99 {:.2} ms, max {:.2} ms",
        read.len(),
        ms(0.5),
        ms(0.99),
        ms(1.0)
    );
    Ok(())
}

/// Opens the file so many times a second; gives how often it did. What was missed while this
/// program did not run is made up for at once.
fn open_at_pace(mark: &Path, pace: u32, length: Duration) -> anyhow::Result<u32> {
    let began = Instant::now();
    let mut acts = 0;
    while began.elapsed() < length {
        let due = (began.elapsed().as_secs_f64() * f64::from(pace)) as u32;
        while acts < due {
            File::open(mark)?;
            acts += 1;
        }
        std::thread::sleep(Duration::from_secs(1).div_f64(f64::from(pace.min(2_000))));
    }
    Ok(acts)
}

/// Nanoseconds from each event to its line being here.
fn read(out: impl Read) -> Vec<u64> {
    let mut latencies = Vec::new();
    for line in BufReader::new(out).lines().map_while(Result::ok) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let alert: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
        if let Some(time_ns) = alert["output_fields"]["evt.rawtime"].as_u64() {
            latencies.push((now.as_nanos() as u64).saturating_sub(time_ns));
        }
    }
    latencies
}
