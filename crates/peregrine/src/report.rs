//! What a run did, as text.

use std::fmt::Write;
use std::time::Duration;

use peregrine_engine::Summary;
use peregrine_engine::counters::WorkerTotals;
use peregrine_engine::recording::RecordingSummary;
use peregrine_engine::replay::ReplayTotals;
use peregrine_output::OutputReport;

/// The summary; with `full` also every worker, every kernel program and the memory.
pub fn text(summary: &Summary, output: &OutputReport, full: bool) -> String {
    let mut out = String::new();
    macro_rules! line { ($($arg:tt)*) => { let _ = writeln!(out, $($arg)*); } }
    let mut total = WorkerTotals::default();
    for worker in &summary.workers {
        total += *worker;
    }
    let seconds = summary.elapsed.as_secs_f64();
    let rate = total.events as f64 / seconds.max(1e-9);
    line!("peregrine: {} events in {seconds:.1} s, {rate:.0} per second", total.events);
    let drops = summary.drops.total();
    line!("  drops      {drops}{}", if drops == 0 { "" } else { ", by class and cause:" });
    for (class, cause, count) in summary.drops.by_class_and_cause() {
        line!("    {count:>10}  {class}, {cause}");
    }
    let shares: Vec<String> = summary
        .workers
        .iter()
        .map(|w| format!("{:.1} %", 100.0 * w.events as f64 / total.events.max(1) as f64))
        .collect();
    line!("  workers    {}", shares.join(", "));
    line!("  alerts     {}", total.alerts);
    for (rule, count) in &summary.rules {
        line!("    {count:>10}  {rule}");
    }
    let lost: u64 =
        output.totals.dropped + output.totals.sinks.iter().map(|sink| sink.dropped).sum::<u64>();
    if lost > 0 {
        line!("  alerts lost on the way to a sink: {lost}");
    }
    let order = &output.totals.order;
    if order.out_of_order > 0 {
        line!("  alerts out of order: {}", order.out_of_order);
    }
    if total.malformed > 0 {
        line!("  malformed records: {} (a defect; please report it)", total.malformed);
    }
    if total.parking_timeouts > 0 {
        line!("  parking timeouts: {}", total.parking_timeouts);
    }
    if let Some(recording) = &summary.recording {
        recorded(&mut out, recording);
    }
    if full {
        for sink in &output.totals.sinks {
            let latency = &sink.latency;
            if let (Some(half), Some(most)) = (latency.quantile(0.5), latency.quantile(0.99)) {
                let ms = |ns: u64| ns as f64 / 1e6;
                line!(
                    "  latency    {}: {} alerts, p50 {:.2} ms, p99 {:.2} ms, max {:.2} ms",
                    sink.name,
                    latency.count(),
                    ms(half),
                    ms(most),
                    ms(latency.max_ns)
                );
            }
        }
        let order = &output.totals.order;
        if order.is_on {
            line!(
                "  ordered    {} alerts out of order, {} kept for the whole window, {} let go early \
                 because too many were kept",
                order.out_of_order,
                order.overdue,
                order.crowded
            );
        }
        details(&mut out, summary, &total);
    }
    out
}

/// The summary of a recording.
pub fn recording_text(summary: &Summary) -> String {
    let mut out = String::new();
    macro_rules! line { ($($arg:tt)*) => { let _ = writeln!(out, $($arg)*); } }
    let Some(recording) = &summary.recording else { return out };
    let seconds = summary.elapsed.as_secs_f64();
    let rate = recording.events as f64 / seconds.max(1e-9);
    line!(
        "peregrine: {} events in {seconds:.1} s, {rate:.0} per second; {} bytes before compression",
        recording.events,
        recording.bytes
    );
    recorded(&mut out, recording);
    let drops = summary.drops.total();
    line!(
        "  lost       {drops} in the kernel{}",
        if drops == 0 { "" } else { ", by class and cause:" }
    );
    for (class, cause, count) in summary.drops.by_class_and_cause() {
        line!("    {count:>10}  {class}, {cause}");
    }
    out
}

/// Files that were written, and what is missing in them.
fn recorded(out: &mut String, recording: &RecordingSummary) {
    macro_rules! line { ($($arg:tt)*) => { let _ = writeln!(out, $($arg)*); } }
    for path in &recording.files {
        line!("  file       {}", path.display());
    }
    for path in &recording.captures {
        line!("  capture    {}", path.display());
    }
    if recording.captures_cut_short > 0 {
        line!(
            "  {} captures ended before their time, at their largest size",
            recording.captures_cut_short
        );
    }
    if let Some(error) = &recording.error {
        line!("  recording stopped: {error}");
    }
    if recording.lost > 0 {
        line!("  lost       {} because writing did not keep up", recording.lost);
    }
    if recording.late > 0 {
        line!("  late       {} events lie behind younger ones", recording.late);
    }
}

/// The report of a replay.
pub fn replay_text(
    elapsed: Duration,
    totals: &ReplayTotals,
    (threads, fds): (u64, u64),
    mut rules: Vec<(String, u64)>,
) -> String {
    let mut out = String::new();
    macro_rules! line { ($($arg:tt)*) => { let _ = writeln!(out, $($arg)*); } }
    let seconds = elapsed.as_secs_f64();
    let rate = totals.read as f64 / seconds.max(1e-9);
    line!("peregrine: {} events in {seconds:.2} s, {rate:.0} per second", totals.read);
    line!("  for rules  {}", totals.delivered);
    if totals.unknown > 0 {
        line!("  unknown    {} events of types from the future", totals.unknown);
    }
    if totals.damaged > 0 {
        line!("  damaged    {} blocks and events left out", totals.damaged);
    }
    line!("  alerts     {}", rules.iter().map(|(_, count)| count).sum::<u64>());
    rules.retain(|(_, count)| *count > 0);
    rules.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    for (rule, count) in &rules {
        line!("    {count:>10}  {rule}");
    }
    let usage = ProcessUsage::read();
    line!("  cpu        {:.2} s user, {:.2} s system", usage.user_s, usage.system_s);
    line!("  memory     {} KiB resident", usage.rss_kib);
    line!("  state      {threads} threads, {fds} fds");
    out
}

fn details(out: &mut String, summary: &Summary, total: &WorkerTotals) {
    macro_rules! line { ($($arg:tt)*) => { let _ = writeln!(out, $($arg)*); } }
    let usage = ProcessUsage::read();
    line!("  cpu        {:.2} s user, {:.2} s system", usage.user_s, usage.system_s);
    line!("  memory     {} KiB resident", usage.rss_kib);
    line!(
        "  state      {} threads, {} fds, {} published processes, {} inheritances untaken",
        total.threads,
        total.fds,
        summary.published,
        summary.waiting_inheritances
    );
    let per_record = total.ring_bytes as f64 / total.records.max(1) as f64;
    line!("  rings      {} records, {per_record:.0} bytes each", total.records);
    for (index, worker) in summary.workers.iter().enumerate() {
        let named: Vec<String> = worker
            .named()
            .into_iter()
            .filter(|(_, value)| *value > 0)
            .map(|(name, value)| format!("{name} {value}"))
            .collect();
        line!("  worker {index}   {}", named.join(", "));
    }
    let (runs, ns) = summary.costs.iter().fold((0, 0), |sum, c| (sum.0 + c.runs, sum.1 + c.ns));
    if runs > 0 {
        line!("  probe      {:.0} ns per event", ns as f64 / total.events.max(1) as f64);
        line!("    {:>12}  {:>8}  program", "runs", "ns each");
        for cost in &summary.costs {
            line!("    {:>12}  {:>8}  {}", cost.runs, cost.ns / cost.runs.max(1), cost.name);
        }
    }
}

/// What this process has used so far.
struct ProcessUsage {
    user_s: f64,
    system_s: f64,
    rss_kib: u64,
}

impl ProcessUsage {
    fn read() -> Self {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let rss_kib = rss.and_then(|r| r.split_whitespace().next()?.parse().ok()).unwrap_or(0);
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
        // Behind the command's closing parenthesis: field 3 on; utime and stime are 14 and 15.
        let fields: Vec<&str> =
            stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |index: usize| -> f64 {
            let value = fields.get(index).and_then(|f| f.parse::<u64>().ok()).unwrap_or(0);
            // The kernel reports in USER_HZ, which is 100 on every architecture we build for.
            value as f64 / 100.0
        };
        Self { user_s: ticks(11), system_s: ticks(12), rss_kib }
    }
}
