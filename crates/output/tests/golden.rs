//! Alerts that a real Falco printed: taken apart, put together again, printed, compared.

use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use peregrine_output::{Alert, Encoding, FieldValue, LineFormat, RuleIdentity, StateQuality};
use serde_json::Value;

/// The alert that a JSON line shows. Its message is the output behind time and priority.
fn alert_of(line: &Value) -> Alert {
    let text = |key: &str| line[key].as_str().unwrap();
    let time: Timestamp = text("time").parse().unwrap();
    let tags = line["tags"].as_array().unwrap().iter().map(|tag| tag.as_str().unwrap());
    let prefix = format!(": {} ", text("priority"));
    let (_, message) = text("output").split_once(&prefix).unwrap();
    let fields = line["output_fields"].as_object().unwrap();
    Alert {
        time_ns: time.as_nanosecond().try_into().unwrap(),
        sequence: 0,
        rule: RuleIdentity::new(
            text("rule"),
            text("priority").parse().unwrap(),
            text("source"),
            tags.rev(),
        ),
        message: message.to_owned(),
        fields: fields
            .iter()
            .rev()
            .filter(|(name, _)| *name != "evt.time")
            .map(|(name, value)| (Arc::from(&**name), field_of(value)))
            .collect(),
        state: StateQuality::Exact,
        lineage: Vec::new(),
    }
}

fn field_of(value: &Value) -> FieldValue {
    match value {
        Value::Null => FieldValue::Null,
        Value::Bool(v) => FieldValue::Bool(*v),
        Value::String(v) => FieldValue::Text(v.clone()),
        Value::Array(v) => FieldValue::List(v.iter().map(field_of).collect()),
        Value::Number(v) if v.is_u64() => FieldValue::Uint(v.as_u64().unwrap()),
        Value::Number(v) if v.is_i64() => FieldValue::Int(v.as_i64().unwrap()),
        Value::Number(v) => FieldValue::Double(v.as_f64().unwrap()),
        Value::Object(_) => panic!("a field is no object: {value}"),
    }
}

/// The golden files were written with a blank after each comma and colon between values.
fn without_blanks_between_values(line: &str) -> String {
    let (mut out, mut in_string, mut escaped) = (String::new(), false, false);
    for c in line.chars() {
        if !in_string && c == ' ' {
            continue;
        }
        if !escaped && c == '"' {
            in_string = !in_string;
        }
        escaped = in_string && !escaped && c == '\\';
        out.push(c);
    }
    out
}

#[test]
fn falcos_alerts_come_out_byte_for_byte() {
    let shared = std::env::var("PEREGRINE_SHARED")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared").to_owned());
    let dir = PathBuf::from(shared).join("conformance/captures");
    let Ok(entries) = std::fs::read_dir(&dir) else {
        eprintln!("skipped: no golden alerts in {}", dir.display());
        return;
    };
    let json = LineFormat::new(Encoding::json(), "golden").zone(TimeZone::UTC);
    let text = LineFormat::new(Encoding::Text, "golden").zone(TimeZone::UTC);
    let mut lines = 0;
    for entry in entries {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !name.contains(".alerts-") {
            continue;
        }
        let mut content = String::new();
        flate2::read::MultiGzDecoder::new(std::fs::File::open(&path).unwrap())
            .read_to_string(&mut content)
            .unwrap();
        for line in content.lines() {
            let golden: Value = serde_json::from_str(line).unwrap();
            let alert = alert_of(&golden);
            assert_eq!(json.render(&alert), without_blanks_between_values(line), "{name}");
            let escaped = golden["output"].to_string();
            assert_eq!(text.render(&alert), escaped[1..escaped.len() - 1], "{name}");
            lines += 1;
        }
    }
    assert!(lines > 0, "no golden alerts in {}", dir.display());
    eprintln!("{lines} alerts");
}
