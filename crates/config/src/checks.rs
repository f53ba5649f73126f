//! What no single key can say of itself.

use peregrine_event::syscalls::SYSCALL_NAMES;

use crate::keys::Settings;
use crate::problem::Problem;
use crate::reader::Reader;
use crate::types::{DropAction, EngineKind, ExtraField};
use crate::value::Origin;

/// Adds what is wrong to the reader's problems.
pub(crate) fn check(settings: &Settings, reader: &mut Reader<'_>) {
    let mut checks = Checks { settings, reader };
    checks.rules();
    checks.engine();
    checks.outputs();
    checks.drops();
    checks.service();
    checks.calls();
    checks.plugins();
    checks.additions();
    checks.statics();
    checks.own();
}

struct Checks<'s, 'r, 'k> {
    settings: &'s Settings,
    reader: &'r mut Reader<'k>,
}

impl Checks<'_, '_, '_> {
    /// Where a key was set; the nearest section around it, if it was not.
    fn origin(&self, path: &str) -> Origin {
        let mut path = path;
        loop {
            if let Some(origin) = self.reader.origins.get(path) {
                return origin.clone();
            }
            match path.rfind(['.', '[']) {
                Some(end) => path = &path[..end],
                None => return Origin::Default,
            }
        }
    }

    fn error(&mut self, path: &str, message: impl Into<String>) {
        let problem = Problem::error(&self.origin(path), message);
        self.reader.problems.push(problem);
    }

    fn warning(&mut self, path: &str, message: impl Into<String>) {
        let problem = Problem::warning(&self.origin(path), message);
        self.reader.problems.push(problem);
    }

    fn is_set(&self, path: &str) -> bool {
        self.reader.origins.contains_key(path)
    }

    fn rules(&mut self) {
        if self.is_set("rules_file") {
            self.warning("rules_file", "rules_file is the old name of rules_files");
            if self.is_set("rules_files") {
                self.error("rules_file", "both 'rules_files' and 'rules_file' keys set; keep one");
            }
        }
        for (index, selection) in self.settings.rules.iter().enumerate() {
            let path = format!("rules[{index}]");
            match selection.enable.as_ref().or(selection.disable.as_ref()) {
                None => self.error(&path, format!("{path} neither enables nor disables anything")),
                Some(chosen) if chosen.rule.is_empty() && chosen.tag.is_empty() => {
                    self.error(&path, format!("{path} names no rule and no tag"));
                }
                Some(_) => {}
            }
        }
    }

    fn engine(&mut self) {
        let engine = &self.settings.engine;
        if engine.kind == EngineKind::Replay && engine.replay.capture_file.is_empty() {
            self.error(
                "engine.replay",
                "engine.kind is 'replay' but no engine.replay.capture_file specified",
            );
        }
        if engine.kind == EngineKind::Kmod && self.is_set("engine.kind") {
            self.warning(
                "engine.kind",
                "engine.kind 'kmod' is taken as 'modern_ebpf': Peregrine has no kernel module",
            );
        }
        if !(1..=10).contains(&engine.modern_ebpf.buf_size_preset) {
            self.error(
                "engine.modern_ebpf.buf_size_preset",
                "engine.modern_ebpf.buf_size_preset must be from 1 (1 MB) to 10 (512 MB)",
            );
        }
    }

    fn outputs(&mut self) {
        let settings = self.settings;
        let missing = [
            (
                "file_output",
                settings.file_output.enabled,
                &settings.file_output.filename,
                "filename",
            ),
            (
                "program_output",
                settings.program_output.enabled,
                &settings.program_output.program,
                "program",
            ),
            ("http_output", settings.http_output.enabled, &settings.http_output.url, "url"),
        ];
        for (section, is_enabled, value, key) in missing {
            if is_enabled && value.is_empty() {
                let message = format!("{section} is enabled but {section}.{key} is empty");
                self.error(&format!("{section}.{key}"), message);
            }
        }
    }

    fn drops(&mut self) {
        let drops = &self.settings.syscall_event_drops;
        if drops.actions.contains(&DropAction::Ignore) {
            // As in Falco, only what stands behind "ignore" is refused.
            let ignore = drops.actions.iter().position(|a| *a == DropAction::Ignore);
            let behind = &drops.actions[ignore.unwrap_or_default()..];
            if let Some(other) =
                behind.iter().find(|a| matches!(a, DropAction::Log | DropAction::Alert))
            {
                self.error(
                    "syscall_event_drops.actions",
                    format!(
                        "syscall event drop action \"{}\" does not make sense with the \
                         \"ignore\" action",
                        other.word()
                    ),
                );
            }
        }
        if !(0.0..=1.0).contains(&drops.threshold) {
            self.error(
                "syscall_event_drops.threshold",
                "syscall event drops threshold must be a double in the range [0, 1]",
            );
        }
    }

    fn service(&mut self) {
        let webserver = &self.settings.webserver;
        if webserver.listen_address.trim().parse::<std::net::IpAddr>().is_err() {
            self.error(
                "webserver.listen_address",
                format!(
                    "webserver listen address \"{}\" is not a valid IP address",
                    webserver.listen_address
                ),
            );
        }
        if webserver.listen_port > u16::MAX.into() {
            self.error("webserver.listen_port", "webserver.listen_port must be at most 65535");
        }
        let metrics = &self.settings.metrics;
        // Falco's default is not valid: it only matters once metrics are switched on.
        if metrics.enabled && metrics.interval.milliseconds() < 100 {
            self.error(
                "metrics.interval",
                format!(
                    "metrics.interval '{}' must be a time span of at least 100ms, as in 1h or 30m",
                    metrics.interval.text
                ),
            );
        }
    }

    /// A name that is no system call's would be without effect, unseen.
    fn calls(&mut self) {
        for (index, entry) in self.settings.base_syscalls.custom_set.iter().enumerate() {
            let name = entry.strip_prefix('!').unwrap_or(entry);
            if SYSCALL_NAMES.contains(&name) {
                continue;
            }
            let nearest = SYSCALL_NAMES
                .iter()
                .map(|known| (strsim::damerau_levenshtein(known, name), known))
                .min()
                .filter(|(distance, _)| *distance <= 2);
            let hint = nearest.map(|(_, known)| format!("; did you mean '{known}'?"));
            self.warning(
                &format!("base_syscalls.custom_set[{index}]"),
                format!("there is no system call '{name}'{}", hint.unwrap_or_default()),
            );
        }
    }

    fn plugins(&mut self) {
        for (index, plugin) in self.settings.plugins.iter().enumerate() {
            let path = format!("plugins[{index}]");
            for key in ["name", "library_path"] {
                if !self.is_set(&format!("{path}.{key}")) {
                    self.error(&path, format!("{path}: {key} is missing"));
                }
            }
            if plugin.file().is_none() {
                self.error(
                    &format!("{path}.library_path"),
                    format!(
                        "plugin library_path '{}' resolves outside the plugins directory ({})",
                        plugin.library_path,
                        crate::keys::PLUGINS_DIRECTORY
                    ),
                );
            }
        }
        for name in self.settings.load_plugins.iter().flatten() {
            if !self.settings.plugins.iter().any(|plugin| plugin.name == *name) {
                self.error(
                    "load_plugins",
                    format!("Cannot load plugin '{name}': plugin config not found for given name"),
                );
            }
        }
    }

    fn additions(&mut self) {
        for (index, addition) in self.settings.append_output.iter().enumerate() {
            let path = format!("append_output[{index}]");
            let fields = &addition.extra_fields;
            for (at, field) in fields.iter().enumerate() {
                // As in Falco: a field may be repeated as it is, and nothing else.
                let is_taken = |earlier: &ExtraField| {
                    earlier.name() == field.name()
                        && !(matches!(earlier, ExtraField::Raw(_))
                            && matches!(field, ExtraField::Raw(_)))
                };
                if fields[..at].iter().any(is_taken) {
                    let message = format!("{path}: field {} is there twice", field.name());
                    self.error(&format!("{path}.extra_fields[{at}]"), message);
                }
            }
            let matches = &addition.r#match;
            if !matches.rule.is_empty() && !matches.tags.is_empty() {
                self.warning(
                    &format!("{path}.match"),
                    format!(
                        "{path} names a rule and tags: it is for rule '{}' only, and only if that \
                         has all of the tags {}",
                        matches.rule,
                        matches.tags.join(", ")
                    ),
                );
            }
        }
    }

    fn statics(&mut self) {
        // Any other name could not be written in a rule.
        let is_word = |word: &str| {
            word.starts_with(|c: char| c.is_ascii_alphabetic())
                && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        };
        for name in self.settings.static_fields.keys() {
            if !name.split('.').all(is_word) {
                self.error(
                    &format!("static_fields.{name}"),
                    format!(
                        "static_fields.{name}: the field static.{name} could not be named in a \
                         rule; names are letters, digits and '_', begin with a letter, and may \
                         be joined by dots"
                    ),
                );
            }
        }
    }

    fn own(&mut self) {
        let own = &self.settings.peregrine;
        if own.workers > 256 || own.rings > 256 {
            self.error("peregrine", "peregrine.workers and peregrine.rings are at most 256");
        }
        if let Some(size) = own.ring_size
            && (!size.0.is_power_of_two() || !(16 << 10..=1 << 30).contains(&size.0))
        {
            self.error(
                "peregrine.ring_size",
                format!("peregrine.ring_size {size} must be a power of two from 16K to 1G"),
            );
        }
        let shares = &own.ring_shares;
        let falls = shares.windows(2).all(|pair| pair[0] >= pair[1]);
        if shares.len() != 4 || !falls || shares.iter().any(|share| !(1..=100).contains(share)) {
            self.error(
                "peregrine.ring_shares",
                "peregrine.ring_shares must be four percentages from 1 to 100, none larger than the \
                 one before",
            );
        }
        if !(64..=32_768).contains(&own.args_max) {
            self.error("peregrine.args_max", "peregrine.args_max must be from 64 to 32768");
        }
        let web = &own.web;
        match web.listen.parse::<std::net::SocketAddr>() {
            Ok(address) if web.enabled && !address.ip().is_loopback() && web.token.is_empty() => {
                self.error(
                    "peregrine.web.token",
                    format!("peregrine.web.token is needed to listen on {address}"),
                );
            }
            Ok(_) => {}
            Err(_) => self.error(
                "peregrine.web.listen",
                format!("peregrine.web.listen '{}' must be ADDRESS:PORT", web.listen),
            ),
        }
    }
}
