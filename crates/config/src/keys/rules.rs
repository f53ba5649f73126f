//! Files that are merged, plugins, selection of rules, additions to their output.

use crate::declare::sections;
use crate::types::{ExtraField, InitConfig};

sections! {
    /// A file that is merged, once strategies are mappings.
    ConfigFileEntry {
        /// A file or a directory.
        path: String = String::new(), |key| key.required();
        /// `append`: lists grow, everything else is replaced; `override`: what is there is
        /// replaced; `add-only`: what is there stays. Anything else means `append`.
        strategy: String = String::from("append");
    }
    /// Switches rules on or off.
    Selection {
        /// Rules to switch on.
        enable: Option<Selector> = None;
        /// Rules to switch off.
        disable: Option<Selector> = None;
    }
    /// Which rules are meant.
    Selector {
        /// A name; `*` stands for any text.
        rule: String = String::new();
        /// A tag.
        tag: String = String::new();
    }
    /// A plugin.
    Plugin {
        /// Its name, as it calls itself.
        name: String = String::new(), |key| key.required();
        /// Its file; a relative path is within `/usr/share/falco/plugins`.
        library_path: String = String::new(), |key| key.required();
        /// What it is given at the start; a mapping becomes JSON.
        init_config: Option<InitConfig> = None;
        /// What it is given when its event source is opened.
        open_params: String = String::new();
    }
    /// An addition to the output of rules.
    AppendOutput {
        /// Which rules are meant; absent: all.
        r#match: AppendMatch = AppendMatch::default(), |key| key.empty();
        /// Text with fields in it, appended to the output.
        extra_output: String = String::new();
        /// Fields that appear in `output_fields` of JSON alerts: a name, or a name and its format.
        extra_fields: Vec<ExtraField> = Vec::new();
        /// Append the fields that are suggested for outputs.
        suggested_output: bool = false, |key| key.shipped("true");
    }
    /// Which rules an addition is for. All that is set must hold.
    AppendMatch {
        /// Their event source.
        source: String = String::new();
        /// Tags that they all have.
        tags: Vec<String> = Vec::new();
        /// Their name.
        rule: String = String::new();
    }
}

use serde_json::Value as Json;

use crate::declare::{Refusal, Setting, Shape};
use crate::reader::Reader;
use crate::types::Strategy;
use crate::value::Value;

/// A file or directory that is merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFile {
    /// Its path.
    pub path: String,
    /// How.
    pub strategy: Strategy,
}

impl Setting for ConfigFile {
    fn shape() -> Shape {
        Shape::Either(Box::new(Shape::Text), Box::new(ConfigFileEntry::shape()))
    }

    fn read(value: &Value, reader: &mut Reader<'_>) -> Result<Self, Refusal> {
        if let Some(path) = value.as_scalar() {
            return Ok(Self { path: path.to_owned(), strategy: Strategy::Append });
        }
        let entry = ConfigFileEntry::read(value, reader)?;
        if value.get("path").is_none() {
            return Err(Refusal::Invalid(format!("{}: path is missing", reader.path())));
        }
        let strategy = match entry.strategy.as_str() {
            "override" => Strategy::Override,
            "add-only" => Strategy::AddOnly,
            _ => Strategy::Append,
        };
        Ok(Self { path: entry.path, strategy })
    }

    fn show(&self) -> Json {
        serde_json::json!({ "path": self.path, "strategy": self.strategy.word() })
    }
}

/// Where plugins are that are given without a root.
pub const PLUGINS_DIRECTORY: &str = "/usr/share/falco/plugins/";

impl Plugin {
    /// The file of the plugin; `None` if a relative path leaves the directory of plugins.
    pub fn file(&self) -> Option<String> {
        if self.library_path.is_empty() || self.library_path.starts_with('/') {
            return Some(self.library_path.clone());
        }
        let mut parts = Vec::new();
        for part in self.library_path.split('/') {
            match part {
                "" | "." => {}
                ".." => _ = parts.pop()?,
                part => parts.push(part),
            }
        }
        if parts.is_empty() {
            return None;
        }
        Some(format!("{PLUGINS_DIRECTORY}{}", parts.join("/")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plugins_stay_in_their_directory() {
        let file = |path: &str| Plugin { library_path: path.into(), ..Plugin::default() }.file();
        assert_eq!(file("libx.so").as_deref(), Some("/usr/share/falco/plugins/libx.so"));
        assert_eq!(file("./a/../libx.so").as_deref(), Some("/usr/share/falco/plugins/libx.so"));
        assert_eq!(file("/opt/../x.so").as_deref(), Some("/opt/../x.so"));
        assert_eq!(file("../x.so"), None);
        assert_eq!(file("a/../../x.so"), None);
        assert_eq!(file("."), None);
    }
}
