//! Reload: everything new is made and checked before anything old is touched.
//!
//! ```text
//! load configuration ─► compile rules ─► open new outputs ─► swap rules ─► swap outputs
//!      │ error               │ error          │ error           │ kernel refuses
//!      └─────────────────────┴────────────────┴─────────────────┴─► all stays as it was
//! ```
//! State, rings, counters, and outputs whose settings did not change go on.

use std::sync::Arc;

use anyhow::Context;
use peregrine_config::declare::{Key, Setting};
use peregrine_config::{Config, Settings};
use peregrine_engine::Live;
use serde_json::Value as Json;

use crate::service::outputs::{self, Started};
use crate::service::running::Plan;

/// A reload that went well.
pub struct Reloaded {
    /// The configuration in force.
    pub config: Config,
    /// What changed.
    pub message: String,
    /// What is doubtful, and what needs a restart.
    pub warnings: Vec<String>,
}

/// Reloads.
///
/// # Errors
/// Something new is wrong; everything stays as it was.
pub fn reload(
    plan: &Plan<'_>,
    old: &Config,
    live: &Live,
    started: &mut Started,
) -> anyhow::Result<Reloaded> {
    let config = (plan.load)()?;
    anyhow::ensure!(outputs::is_any(&config.settings), "no output is enabled");
    let mut warnings: Vec<String> =
        config.warnings.iter().map(std::string::ToString::to_string).collect();
    let loaded = plan.compile(&config)?;
    if !loaded.warnings.is_empty() {
        warnings.push(loaded.warnings.trim_end().to_owned());
    }
    let parts = outputs::changed(
        &old.settings,
        &config.settings,
        &plan.hostname,
        plan.name,
        started.hub.is_some(),
    )
    .context("outputs")?;
    for key in needing_restart(&old.settings, &config.settings) {
        warnings.push(format!("{key} has changed, which takes effect at the next start"));
    }
    // What can fail comes before what changes anything.
    let prepared = parts.map(|parts| started.outputs.prepare(parts)).transpose();
    let prepared = prepared.context("outputs")?;
    let old_rules = live.rules();
    let before = old_rules.enabled();
    let detection = Arc::new(loaded.detection);
    let after = detection.enabled();
    let swapped = live.swap_rules(detection)?;
    let outputs_changed = prepared.is_some();
    if let Some(prepared) = prepared {
        let format = outputs::line_format(&config.settings, &plan.hostname);
        if let Err(error) = started.outputs.replace(format, prepared) {
            live.swap_rules(old_rules).context("going back to the rules before")?;
            return Err(error.into());
        }
    }
    let mut message = format!(
        "reloaded in {:.1} ms: {after} rules, before {before}",
        swapped.took.as_secs_f64() * 1e3
    );
    if !swapped.switched_on.is_empty() {
        message.push_str(&format!("; now also reported: {}", swapped.switched_on.join(", ")));
    }
    if !swapped.switched_off.is_empty() {
        message.push_str(&format!("; not reported any more: {}", swapped.switched_off.join(", ")));
    }
    if outputs_changed {
        message.push_str("; outputs replaced");
    }
    for refusal in &swapped.left_out {
        warnings.push(format!("without {}: {}", refusal.program, refusal.reason));
    }
    if !swapped.is_complete {
        warnings.push("a worker is held up and takes the new rules later".into());
    }
    Ok(Reloaded { config, message, warnings })
}

/// Keys that have another value and cannot be changed while the engine runs.
pub fn needing_restart(old: &Settings, new: &Settings) -> Vec<String> {
    fn collect(out: &mut Vec<String>, keys: &[Key], old: &Json, new: &Json, prefix: &str) {
        for key in keys {
            let (old, new) = (&old[key.name], &new[key.name]);
            if old == new {
                continue;
            }
            let path = format!("{prefix}{}", key.name);
            if key.needs_restart {
                out.push(path);
            } else if !key.children().is_empty() && old.is_object() {
                collect(out, key.children(), old, new, &format!("{path}."));
            }
        }
    }
    let mut out = Vec::new();
    collect(&mut out, &Settings::keys(), &old.show(), &new.show(), "");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_of_rings_need_a_restart_and_those_of_rules_do_not() {
        let old = Settings::default();
        let mut new = Settings::default();
        new.peregrine.workers = 7;
        new.engine.modern_ebpf.buf_size_preset = 5;
        new.json_output = true;
        assert_eq!(
            needing_restart(&old, &new),
            ["engine.modern_ebpf.buf_size_preset", "peregrine.workers"]
        );
    }
}
