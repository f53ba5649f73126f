//! Versions: of the engine, and of plugins.

use std::fmt;

/// The version of the rules language that this engine speaks.
pub const ENGINE_VERSION: Version = Version { major: 0, minor: 63, patch: 0 };

/// Three numbers. What follows them in a text is ignored, as in Falco.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[allow(missing_docs)]
pub struct Version {
    pub major: u32,
    pub minor: u32,
    pub patch: u32,
}

impl Version {
    /// Reads `x.y.z`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut rest = text;
        let mut numbers = [0; 3];
        for (index, number) in numbers.iter_mut().enumerate() {
            if index > 0 {
                rest = rest.strip_prefix('.')?;
            }
            rest = rest.trim_start();
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            *number = rest[..digits].parse().ok()?;
            rest = &rest[digits..];
        }
        let [major, minor, patch] = numbers;
        Some(Self { major, minor, patch })
    }

    /// Whether this version does what was asked for: same major number, and not older.
    pub fn satisfies(self, wanted: Version) -> bool {
        self.major == wanted.major && self >= wanted
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// A plugin with its version: one that is loaded, or one that a file asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginVersion {
    /// Name.
    pub name: String,
    /// Version, as written.
    pub version: String,
}

/// Checks that of each group of alternatives one plugin is loaded in a fitting version.
///
/// # Errors
/// The first group for which this is not so, in Falco's words.
pub fn check_plugins(
    required: &[Vec<PluginVersion>],
    loaded: &[PluginVersion],
) -> Result<(), String> {
    for alternatives in required {
        let found = alternatives
            .iter()
            .find_map(|wanted| loaded.iter().find(|p| p.name == wanted.name).map(|p| (wanted, p)));
        let Some((wanted, plugin)) = found else {
            let all: Vec<String> =
                alternatives.iter().map(|w| format!("{} (>= {})", w.name, w.version)).collect();
            let all = all.join(", ");
            return Err(format!("Plugin requirement not satisfied, must load one of: {all}"));
        };
        let PluginVersion { name, version } = plugin;
        let Some(have) = Version::parse(version) else {
            return Err(format!("Plugin '{name}' has invalid version string '{version}'"));
        };
        if !Version::parse(&wanted.version).is_some_and(|wanted| have.satisfies(wanted)) {
            return Err(format!(
                "Plugin '{name}' version '{version}' is not compatible with required plugin \
                 version '{}'",
                wanted.version
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_three_numbers() {
        let version = Version { major: 1, minor: 22, patch: 3 };
        assert_eq!(Version::parse("1.22.3"), Some(version));
        assert_eq!(Version::parse("1.22.3-rc1"), Some(version));
        for text in ["", "1", "1.2", "a.b.c", "1.2.", "-1.2.3", "1.2.99999999999"] {
            assert_eq!(Version::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_newer_minor_version_satisfies_an_older_one() {
        let parse = |text| Version::parse(text).unwrap();
        assert!(parse("0.63.0").satisfies(parse("0.26.0")));
        assert!(!parse("0.63.0").satisfies(parse("0.64.0")));
        assert!(!parse("1.0.0").satisfies(parse("0.9.0")));
        assert!(!parse("1.0.0").satisfies(parse("1.0.1")));
    }
}
