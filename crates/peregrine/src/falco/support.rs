//! Versions, and what a request for support needs.

use peregrine_config::Settings;
use peregrine_engine::host;
use serde_json::{Value as Json, json};

use super::Falco;
use crate::service::plugins;

/// The Falco that Peregrine is compatible with.
pub const FALCO_VERSION: &str = "0.44.0";
/// Its interfaces.
const LIBS_VERSION: &str = "0.23.0";
const PLUGIN_API: &str = "3.12.0";
const DRIVER_API: &str = "10.1.0";
const DRIVER_SCHEMA: &str = "4.5.1";
const DRIVER: &str = "10.2.0+driver";
/// The plugin whose fields are built in.
pub const CONTAINER_PLUGIN: (&str, &str) = (plugins::CONTAINER, "0.7.1");

/// The schema version of events.
pub const SCHEMA_VERSION: &str = DRIVER_SCHEMA;

fn engine_version() -> String {
    peregrine_rules::ENGINE_VERSION.to_string()
}

/// Versions as JSON.
pub fn versions() -> Json {
    let engine = engine_version();
    json!({
        "falco_version": FALCO_VERSION,
        "libs_version": LIBS_VERSION,
        "plugin_api_version": PLUGIN_API,
        "driver_api_version": DRIVER_API,
        "driver_schema_version": DRIVER_SCHEMA,
        "default_driver_version": DRIVER,
        "engine_version": engine.split('.').nth(1).unwrap_or_default(),
        "engine_version_semver": engine,
        "peregrine_version": env!("CARGO_PKG_VERSION"),
    })
}

/// `--version`.
pub fn version(settings: &Settings) -> String {
    if settings.json_output {
        return format!("{}\n", versions());
    }
    format!(
        "Falco version: {FALCO_VERSION}\nLibs version:  {LIBS_VERSION}\nPlugin API:    \
         {PLUGIN_API}\nEngine:        {}\nDriver:\n  API version:    {DRIVER_API}\n  Schema \
         version: {DRIVER_SCHEMA}\n  Default driver: {DRIVER}\nPeregrine:     {}\n",
        engine_version(),
        env!("CARGO_PKG_VERSION")
    )
}

/// Name of the host in alerts.
pub fn hostname() -> String {
    std::env::var("FALCO_HOSTNAME").unwrap_or_else(|_| host::hostname())
}

impl Falco<'_> {
    /// `--support`.
    pub fn support(
        &self,
        command_line: &[String],
        files: &[(String, Vec<u8>)],
    ) -> anyhow::Result<String> {
        let system = rustix::system::uname();
        let text = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
        let file = |(name, content): &(String, Vec<u8>)| json!({ "name": name, "variants": [{ "content": String::from_utf8_lossy(content) }] });
        let support = json!({
            "version": FALCO_VERSION,
            "system_info": {
                "sysname": text(system.sysname()),
                "nodename": text(system.nodename()),
                "release": text(system.release()),
                "version": text(system.version()),
                "machine": text(system.machine()),
            },
            "engine_info": versions(),
            "cmdline": format!("falco {}", command_line.join(" ")),
            "config": self.config.document.to_json().to_string(),
            "rules_files": files.iter().map(file).collect::<Vec<_>>(),
        });
        Ok(format!("{support}\n"))
    }
}
