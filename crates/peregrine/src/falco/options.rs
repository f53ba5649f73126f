//! Falco's options.

use clap::Parser;

/// Falco's command line. `peregrine help` has ours.
#[derive(Debug, Parser)]
#[command(
    name = "falco",
    about = "Falco - Cloud Native Runtime Security (Peregrine)",
    override_usage = "falco [OPTION...]",
    disable_help_flag = true,
    disable_version_flag = true,
    args_override_self = false,
    term_width = 140
)]
pub struct Options {
    /// Print this help and exit
    #[arg(short, long)]
    pub help: bool,
    /// Configuration file; if not given, /etc/falco/falco.yaml
    #[arg(short = 'c', value_name = "path")]
    pub config: Option<String>,
    /// Print the JSON schema of the configuration and exit
    #[arg(long)]
    pub config_schema: bool,
    /// Print the JSON schema of rules files and exit
    #[arg(long)]
    pub rule_schema: bool,
    /// Turn off an event source; may be given several times. Without effect on captures
    #[arg(long, value_name = "event_source")]
    pub disable_source: Vec<String>,
    /// Do everything but process events
    #[arg(long)]
    pub dry_run: bool,
    /// Turn on only this event source; may be given several times. Without effect on captures
    #[arg(long, value_name = "event_source")]
    pub enable_source: Vec<String>,
    /// Print the system calls that are ignored by default and exit
    #[arg(short = 'i')]
    pub ignored: bool,
    /// Show name and description of all rules and exit; with json_output, all that is known of
    /// rules, macros and lists
    #[arg(short = 'L')]
    pub describe_all: bool,
    /// Show name and description of a rule and exit
    #[arg(short = 'l', value_name = "rule")]
    pub describe: Option<String>,
    /// List all fields, or those of an event source, and exit
    #[arg(long, value_name = "source", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub list: Option<String>,
    /// List all events and exit
    #[arg(long, alias = "list-syscall-events")]
    pub list_events: bool,
    /// Print the plugins that are loaded and exit
    #[arg(long)]
    pub list_plugins: bool,
    /// Stop after this many seconds
    #[arg(short = 'M', value_name = "num_seconds", default_value_t = 0)]
    pub seconds: u64,
    /// Deprecated: --format markdown
    #[arg(long)]
    pub markdown: bool,
    /// Form of --list and --list-events: text, markdown or json
    #[arg(long, value_name = "format")]
    pub format: Option<String>,
    /// With --list, print only the names of fields
    #[arg(short = 'N')]
    pub names_only: bool,
    /// Set a key of the configuration, as in base.id=val, base.list[1]=val, base.dotted\.key=val;
    /// may be given several times
    #[arg(short = 'o', long = "option", value_name = "opt=val", allow_hyphen_values = true)]
    pub options: Vec<String>,
    /// Print what is known of a plugin and exit
    #[arg(long, value_name = "plugin_name")]
    pub plugin_info: Option<String>,
    /// Deprecated, use append_output: text with fields in it, added to the output of all rules.
    /// c, container, k and kubernetes add nothing any more
    #[arg(short = 'p', long = "print", value_name = "output_format", allow_hyphen_values = true)]
    pub print: Option<String>,
    /// Write the process id to this file
    #[arg(short = 'P', long = "pidfile", value_name = "pid_file")]
    pub pid_file: Option<String>,
    /// Rules file or directory instead of those of the configuration; may be given several times.
    /// Only files ending in .yml or .yaml are read
    #[arg(short = 'r', value_name = "rules_file")]
    pub rules: Vec<String>,
    /// Print information for a request for support, as JSON, and exit
    #[arg(long)]
    pub support: bool,
    /// Write every alert at once
    #[arg(short = 'U', long)]
    pub unbuffered: bool,
    /// Validate a rules file and exit; may be given several times
    #[arg(short = 'V', long = "validate", value_name = "rules_file")]
    pub validate: Vec<String>,
    /// Say more
    #[arg(short = 'v')]
    pub verbose: bool,
    /// Print versions and exit
    #[arg(long)]
    pub version: bool,
    /// Print the size of a memory page and exit
    #[arg(long)]
    pub page_size: bool,
}

/// Form of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Text.
    Text,
    /// Markdown.
    Markdown,
    /// JSON.
    Json,
}

impl Options {
    /// The form of lists.
    ///
    /// # Errors
    /// There is no such form, or it is asked for in two ways.
    pub fn form(&self) -> Result<Form, String> {
        let Some(format) = &self.format else {
            return Ok(if self.markdown { Form::Markdown } else { Form::Text });
        };
        if self.markdown {
            return Err("Cannot specify both --markdown and --format options together".into());
        }
        match format.to_ascii_lowercase().as_str() {
            "text" => Ok(Form::Text),
            "markdown" => Ok(Form::Markdown),
            "json" => Ok(Form::Json),
            _ => Err(format!("Invalid format '{format}'. Valid values are: text, markdown, json")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn options_are_well_formed() {
        Options::command().debug_assert();
    }

    #[test]
    fn scripts_for_falco_are_understood() {
        let parse =
            |line: &str| Options::try_parse_from(std::iter::once("falco").chain(line.split(' ')));
        let options =
            parse("-c f.yaml -r a.yaml -r b -pc -o x=-1 -M 5 -U -P /run/x.pid --list=syscall -N")
                .unwrap();
        assert_eq!(options.rules, ["a.yaml", "b"]);
        assert_eq!(options.print.as_deref(), Some("c"));
        assert_eq!(options.options, ["x=-1"]);
        assert_eq!(options.list.as_deref(), Some("syscall"));
        assert_eq!(parse("--list").unwrap().list.as_deref(), Some(""));
        assert!(parse("-T x").is_err(), "removed before 0.44");
        assert!(parse("--list --markdown --format json").unwrap().form().is_err());
    }
}
