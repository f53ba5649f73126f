//! The types that keys have.

use std::collections::BTreeMap;
use std::time::Duration;

use peregrine_event::Priority;
use peregrine_yaml::scalar;
use serde_json::Value as Json;

use crate::declare::{Refusal, Setting, Shape};
use crate::reader::Reader;
use crate::value::{Value, ValueKind};

fn text(value: &Value) -> Result<&str, Refusal> {
    value.as_scalar().ok_or(Refusal::WrongType)
}

impl Setting for bool {
    fn shape() -> Shape {
        Shape::Bool
    }

    fn read(value: &Value, _: &mut Reader<'_>) -> Result<Self, Refusal> {
        scalar::read_bool(text(value)?).ok_or(Refusal::WrongType)
    }

    fn show(&self) -> Json {
        (*self).into()
    }
}

macro_rules! integers {
    ($($type:ty),+) => {$(
        impl Setting for $type {
            fn shape() -> Shape {
                Shape::Integer { min: <$type>::MIN as i128, max: <$type>::MAX as i128 }
            }

            fn read(value: &Value, _: &mut Reader<'_>) -> Result<Self, Refusal> {
                let number = scalar::read_int(text(value)?).ok_or(Refusal::WrongType)?;
                <$type>::try_from(number).map_err(|_| Refusal::WrongType)
            }

            fn show(&self) -> Json {
                (*self).into()
            }
        }
    )+};
}
integers!(i16, u8, u16, u32, u64);

impl Setting for f64 {
    fn shape() -> Shape {
        Shape::Number
    }

    fn read(value: &Value, _: &mut Reader<'_>) -> Result<Self, Refusal> {
        scalar::read_f64(text(value)?).ok_or(Refusal::WrongType)
    }

    fn show(&self) -> Json {
        (*self).into()
    }
}

impl Setting for String {
    fn shape() -> Shape {
        Shape::Text
    }

    fn read(value: &Value, _: &mut Reader<'_>) -> Result<Self, Refusal> {
        text(value).map(str::to_owned)
    }

    fn show(&self) -> Json {
        self.as_str().into()
    }
}

impl<T: Setting> Setting for Vec<T> {
    fn shape() -> Shape {
        Shape::List(Box::new(T::shape()))
    }

    fn read(value: &Value, reader: &mut Reader<'_>) -> Result<Self, Refusal> {
        reader.items(value)
    }

    fn show(&self) -> Json {
        self.iter().map(Setting::show).collect()
    }
}

/// Absent, or there.
impl<T: Setting> Setting for Option<T> {
    fn shape() -> Shape {
        T::shape()
    }

    fn read(value: &Value, reader: &mut Reader<'_>) -> Result<Self, Refusal> {
        T::read(value, reader).map(Some)
    }

    fn show(&self) -> Json {
        self.as_ref().map_or(Json::Null, Setting::show)
    }
}

impl Setting for BTreeMap<String, String> {
    fn shape() -> Shape {
        Shape::Map(Box::new(Shape::Text))
    }

    fn read(value: &Value, _: &mut Reader<'_>) -> Result<Self, Refusal> {
        let pairs = value.as_mapping().ok_or(Refusal::WrongType)?;
        pairs.iter().map(|(key, value)| Ok((key.clone(), text(value)?.to_owned()))).collect()
    }

    fn show(&self) -> Json {
        self.iter().map(|(key, value)| (key.clone(), Json::from(value.as_str()))).collect()
    }
}

impl Setting for Priority {
    fn shape() -> Shape {
        Shape::Choice(&[
            "emergency",
            "alert",
            "critical",
            "error",
            "warning",
            "notice",
            "informational",
            "info",
            "debug",
        ])
    }

    fn read(value: &Value, reader: &mut Reader<'_>) -> Result<Self, Refusal> {
        let text = text(value)?;
        text.parse().map_err(|_| {
            let path = reader.path();
            Refusal::Invalid(format!(
                "Unknown {path} \"{text}\": must be {}",
                Self::shape().expected()
            ))
        })
    }

    fn show(&self) -> Json {
        self.name().to_lowercase().into()
    }
}

/// Declares a choice between words.
macro_rules! choices {
    ($(
        $(#[doc = $about:literal])+
        $name:ident { $( $(#[doc = $doc:literal])+ $variant:ident = $word:literal ),+ $(,)? }
    )+) => {$(
        $(#[doc = $about])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name { $( $(#[doc = $doc])+ $variant, )+ }

        impl $name {
            /// The words, in the order of the declaration.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// Its word.
            pub fn word(self) -> &'static str {
                match self { $( $name::$variant => $word, )+ }
            }
        }

        impl Setting for $name {
            fn shape() -> Shape {
                Shape::Choice(Self::WORDS)
            }

            fn read(value: &Value, reader: &mut Reader<'_>) -> Result<Self, Refusal> {
                match text(value)? {
                    $( $word => Ok($name::$variant), )+
                    other => Err(Refusal::Invalid(format!(
                        "{} '{other}' is not valid: must be {}",
                        reader.path(),
                        Self::shape().expected()
                    ))),
                }
            }

            fn show(&self) -> Json {
                self.word().into()
            }
        }
    )+};
}

choices! {
    /// Where events come from.
    EngineKind {
        /// The kernel module of Falco.
        Kmod = "kmod",
        /// eBPF.
        ModernEbpf = "modern_ebpf",
        /// A capture.
        Replay = "replay",
        /// Nowhere: only plugins.
        NoDriver = "nodriver",
    }
    /// Which of several matching rules fire.
    RuleMatching {
        /// The first.
        First = "first",
        /// All.
        All = "all",
    }
    /// Which alerts start a capture.
    CaptureMode {
        /// Those of rules with `capture: true`.
        Rules = "rules",
        /// All.
        AllRules = "all_rules",
    }
    /// How an additional file is merged. An unknown word counts as append, as in Falco.
    Strategy {
        /// Lists grow, everything else is replaced.
        Append = "append",
        /// What is there is replaced.
        Override = "override",
        /// What is there stays.
        AddOnly = "add-only",
    }
    /// What is done about lost events.
    DropAction {
        /// Nothing.
        Ignore = "ignore",
        /// A line in the log.
        Log = "log",
        /// An alert.
        Alert = "alert",
        /// The end.
        Exit = "exit",
    }
    /// How the kernel side is attached.
    Hook {
        /// The best that works.
        Auto = "auto",
        /// fexit programs on the wanted system calls.
        Fexit = "fexit",
        /// One program on the exit of all system calls.
        SysExit = "sys-exit",
    }
    /// Whose reads, writes and other records that change no state go to all workers.
    Spread {
        /// Nobody's.
        Off = "off",
        /// Those of processes that are too much for one worker.
        Auto = "auto",
        /// Everybody's, by thread.
        Tid = "tid",
        /// Everybody's, by CPU.
        Cpu = "cpu",
    }
    /// What happens to an alert that finds a queue full.
    WhenFull {
        /// It is lost, and counted.
        Drop = "drop",
        /// Its producer waits.
        Block = "block",
    }
}

/// A time span, as in `1h`, `30m`, `1d12h`, `500ms`: years, weeks, days, hours, minutes, seconds
/// and milliseconds, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interval {
    /// As it was written.
    pub text: String,
}

impl Interval {
    /// An interval; the text need not be valid.
    pub fn new(text: &str) -> Self {
        Self { text: text.to_owned() }
    }

    /// Its length in milliseconds; 0 if the text is not valid.
    pub fn milliseconds(&self) -> u64 {
        const UNITS: [(&str, u64); 7] = [
            ("y", 365 * 86_400_000),
            ("w", 7 * 86_400_000),
            ("d", 86_400_000),
            ("h", 3_600_000),
            ("m", 60_000),
            ("s", 1000),
            ("ms", 1),
        ];
        let text: String = self.text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        let mut rest = text.as_str();
        let mut sum = 0u64;
        let mut units = UNITS.iter();
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let Ok(number) = rest[..digits].parse::<u64>() else { return 0 };
            rest = &rest[digits..];
            let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
            let (unit, after) = rest.split_at(letters);
            // Each unit once, the larger before the smaller.
            let Some((_, factor)) = units.find(|(name, _)| *name == unit) else { return 0 };
            sum = sum.saturating_add(number.saturating_mul(*factor));
            rest = after;
        }
        sum
    }

    /// Its length.
    pub fn duration(&self) -> Duration {
        Duration::from_millis(self.milliseconds())
    }
}

impl Setting for Interval {
    fn shape() -> Shape {
        Shape::Form("a time span as in 1h, 30m or 500ms")
    }

    fn read(value: &Value, _: &mut Reader<'_>) -> Result<Self, Refusal> {
        text(value).map(Self::new)
    }

    fn show(&self) -> Json {
        self.text.as_str().into()
    }
}

/// A number of bytes, as in `4096`, `512K`, `8M`, `1G`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteSize(pub u64);

impl ByteSize {
    /// Reads a size.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let fail = || format!("'{text}' is not a size; write 4096, 512K, 8M or 1G");
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let shift = match &text[digits.len()..] {
            "" => 0,
            "k" | "K" => 10,
            "m" | "M" => 20,
            "g" | "G" => 30,
            _ => return Err(fail()),
        };
        let number: u64 = digits.parse().map_err(|_| fail())?;
        number.checked_mul(1 << shift).map(Self).ok_or_else(fail)
    }
}

impl std::fmt::Display for ByteSize {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            0 => f.write_str("0"),
            n if n % (1 << 30) == 0 => write!(f, "{}G", n >> 30),
            n if n % (1 << 20) == 0 => write!(f, "{}M", n >> 20),
            n if n % (1 << 10) == 0 => write!(f, "{}K", n >> 10),
            n => write!(f, "{n}"),
        }
    }
}

impl Setting for ByteSize {
    fn shape() -> Shape {
        Shape::Form("a size as in 4096, 512K or 8M")
    }

    fn read(value: &Value, reader: &mut Reader<'_>) -> Result<Self, Refusal> {
        let path = reader.path();
        Self::parse(text(value)?).map_err(|error| Refusal::Invalid(format!("{path}: {error}")))
    }

    fn show(&self) -> Json {
        self.to_string().into()
    }
}

/// The configuration of a plugin: text for it to read. A mapping becomes JSON.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InitConfig(pub String);

impl Setting for InitConfig {
    fn shape() -> Shape {
        let either = Shape::Either(Box::new(Shape::Foreign), Box::new(Shape::Text));
        Shape::Nullable(Box::new(either))
    }

    fn read(value: &Value, _: &mut Reader<'_>) -> Result<Self, Refusal> {
        match &value.kind {
            ValueKind::Mapping(_) => Ok(Self(value.to_typed_json().to_string())),
            _ => text(value).map(|text| Self(text.to_owned())),
        }
    }

    fn show(&self) -> Json {
        self.0.as_str().into()
    }
}

/// A field that is added to the output of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExtraField {
    /// A field under its own name, with its own type.
    Raw(String),
    /// A text with fields in it, under a name of the user's choice.
    Formatted {
        /// The name.
        name: String,
        /// The text.
        format: String,
    },
}

impl ExtraField {
    /// The name under which it appears.
    pub fn name(&self) -> &str {
        match self {
            ExtraField::Raw(name) | ExtraField::Formatted { name, .. } => name,
        }
    }
}

impl Setting for ExtraField {
    fn shape() -> Shape {
        Shape::Either(Box::new(Shape::Map(Box::new(Shape::Text))), Box::new(Shape::Text))
    }

    fn read(value: &Value, _: &mut Reader<'_>) -> Result<Self, Refusal> {
        match &value.kind {
            ValueKind::Scalar(name) => Ok(Self::Raw(name.clone())),
            ValueKind::Mapping(pairs) => match pairs.as_slice() {
                [(name, format)] => {
                    Ok(Self::Formatted { name: name.clone(), format: text(format)?.to_owned() })
                }
                _ => Err(Refusal::Invalid(
                    "an extra field is a name, or a mapping with one name and its format".into(),
                )),
            },
            _ => Err(Refusal::WrongType),
        }
    }

    fn show(&self) -> Json {
        match self {
            ExtraField::Raw(name) => name.as_str().into(),
            ExtraField::Formatted { name, format } => {
                Json::Object([(name.clone(), Json::from(format.as_str()))].into_iter().collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals() {
        for (text, milliseconds) in [
            ("1y1w1d1h1m1s1ms", 32_230_861_001),
            ("2h 5m", 7_500_000),
            ("500ms", 500),
            ("200", 0),
            ("1t", 0),
            ("", 0),
            ("5m2h", 0),
            ("1h1h", 0),
            ("h", 0),
            ("-1h", 0),
            ("é", 0),
        ] {
            assert_eq!(Interval::new(text).milliseconds(), milliseconds, "{text}");
        }
    }

    #[test]
    fn sizes() {
        assert_eq!(ByteSize::parse("8M"), Ok(ByteSize(8 << 20)));
        assert_eq!(ByteSize::parse("512k"), Ok(ByteSize(512 << 10)));
        assert_eq!(ByteSize::parse("65536").unwrap().to_string(), "64K");
        for bad in ["", "M", "8MM", "-1", "99999999999999999999", "20000000000G", "1é"] {
            assert!(ByteSize::parse(bad).is_err(), "{bad}");
        }
    }
}
