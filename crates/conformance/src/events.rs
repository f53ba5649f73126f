//! Cases that feed events to a state and ask fields, conditions and templates.

use std::ops::ControlFlow;
use std::sync::Arc;

use peregrine_capture::Item;
use peregrine_engine::Replay;
use peregrine_engine::host::HostFiles;
use peregrine_engine::replay::Step;
use peregrine_fields::Fields;
use peregrine_fields::template::Template;
use peregrine_fields::view::{EventView, Session};
use peregrine_filter::{ConditionId, Evaluator, ProgramBuilder, parse};
use serde_json::Value as Json;

use crate::case::{Trouble, bytes, event, has_real_thread_ids, items, text, thread};

/// A replay that knows the threads of a case and nothing of this host.
pub fn replay(case: &Json) -> Replay {
    let session =
        Session { hostname: Some("golden".into()), containers: false, ..Session::default() };
    let mut replay = Replay::new(session, HostFiles::default());
    let (threads, fds): (Vec<_>, Vec<_>) = items(&case["threads"]).iter().map(thread).unzip();
    let tids: Vec<i64> = threads.iter().map(|thread| thread.tid).collect();
    replay.take_state(&Item::Threads(threads));
    for (tid, fds) in tids.into_iter().zip(fds) {
        replay.take_state(&Item::Fds { tid, fds });
    }
    replay
}

/// Feeds the events of a case; `each` gets the index of the event with its view.
fn run(case: &Json, mut each: impl FnMut(usize, &EventView<'_>)) -> Replay {
    let mut replay = replay(case);
    for (index, json) in items(&case["events"]).iter().enumerate() {
        let event = event(json);
        let _ = replay.take_event(&event.view(), &mut |step: Step<'_, '_>| {
            if let Step::Event { view, .. } = step {
                each(index, view);
            }
            ControlFlow::Continue(())
        });
    }
    replay
}

/// What a rule output would print for a field: `Ok(None)` if it has no value.
fn printed(field: &str, event: &EventView<'_>) -> Result<Option<Vec<u8>>, String> {
    let template =
        Template::parse(&format!("%{field}"), &Fields::syscall()).map_err(|e| e.to_string())?;
    let mut out = Vec::new();
    Ok(template.write(event, &mut out).then_some(out))
}

fn after(check: &Json) -> usize {
    check["after_event"].as_u64().unwrap_or_default() as usize
}

fn lossy(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}

fn check_field(check: &Json, event: &EventView<'_>, wrong: &mut Vec<String>) {
    let ours = printed(text(&check["field"]), event);
    let is_right = match (&ours, check.get("value")) {
        (Err(_), _) => check.get("exists") == Some(&Json::Bool(false)),
        (Ok(None), Some(Json::Null)) => true,
        (Ok(Some(text)), Some(value)) if !value.is_null() => *text == bytes(value),
        (Ok(Some(_)), None) => check.get("has_value") == Some(&Json::Bool(true)),
        _ => check.get("error") == Some(&Json::Bool(true)),
    };
    if !is_right {
        let ours = ours.map(|text| text.map(|text| lossy(&text)));
        wrong.push(format!("after {}: {ours:?} for {check}", event.record.def().constant));
    }
}

fn verdict(wrong: Vec<String>) -> Result<(), Trouble> {
    if wrong.is_empty() { Ok(()) } else { Err(Trouble::Failed(wrong.join("\n"))) }
}

/// The checks of `event_fields.json`, and of `paths.json` of the kind `fspath`.
pub fn check_fields(case: &Json) -> Result<(), Trouble> {
    has_real_thread_ids(case)?;
    let mut wrong = Vec::new();
    let mut seen = Vec::new();
    run(case, |index, event| {
        seen.push(index);
        for check in items(&case["checks"]).iter().filter(|check| after(check) == index) {
            check_field(check, event, &mut wrong);
        }
        for check in items(&case["filters"]).iter().filter(|check| after(check) == index) {
            check_filter(check, event, &mut wrong);
        }
    });
    for check in items(&case["checks"]).iter().filter(|check| !seen.contains(&after(check))) {
        wrong.push(format!("the event is not delivered: {check}"));
    }
    verdict(wrong)
}

/// What Falco printed beyond what its tests assert.
pub fn check_observed(case: &Json) -> Result<(), Trouble> {
    has_real_thread_ids(case)?;
    let mut wrong = Vec::new();
    run(case, |index, event| {
        for entry in items(&case["observed"]).iter().filter(|entry| after(entry) == index) {
            for (field, value) in entry["fields"].as_object().into_iter().flatten() {
                let ours = printed(field, event).ok().flatten();
                if ours.as_deref() != Some(&bytes(value)) {
                    let ours = ours.map(|text| lossy(&text));
                    let event = event.record.def().constant;
                    wrong.push(format!("#{index} {event} {field}: {ours:?} for {value}"));
                }
            }
        }
    });
    verdict(wrong)
}

/// The thread table after the last event.
pub fn check_final_state(case: &Json) -> Result<(), Trouble> {
    has_real_thread_ids(case)?;
    let replay = run(case, |_, _| {});
    verdict(crate::table::differences(&case["final_state"], replay.partition().shard()))
}

fn compile(expr: &str) -> Option<(Evaluator, ConditionId)> {
    let fields = Fields::syscall();
    let mut builder = ProgramBuilder::new(&fields);
    let id = builder.add(&parse(expr).ok()?).ok()?;
    Some((Evaluator::new(Arc::new(builder.finish())), id))
}

fn check_filter(check: &Json, event: &EventView<'_>, wrong: &mut Vec<String>) {
    let expr = lossy(&bytes(&check["expr"]));
    let ours = compile(&expr).map(|(mut evaluator, condition)| {
        evaluator.begin_event();
        evaluator.matches(condition, event)
    });
    let is_right = match (&check["result"], ours) {
        (Json::Bool(result), Some(ours)) => *result == ours,
        (Json::String(_), ours) => ours.is_none(),
        _ => false,
    };
    if !is_right {
        wrong.push(format!("{expr}: {ours:?} for {}", check["result"]));
    }
}

/// Conditions on the last event.
pub fn check_filters(case: &Json) -> Result<(), Trouble> {
    has_real_thread_ids(case)?;
    let last = items(&case["events"]).len() - 1;
    let (mut wrong, mut seen) = (Vec::new(), false);
    run(case, |index, event| {
        if index == last {
            seen = true;
            items(&case["checks"]).iter().for_each(|check| check_filter(check, event, &mut wrong));
        }
    });
    if !seen {
        wrong.push("the last event is not delivered".into());
    }
    verdict(wrong)
}

/// The text, and whether it is complete, of a template's output.
fn render(template: &Template, case: &Json, event: &EventView<'_>) -> (Vec<u8>, bool) {
    if case["output"] == "text" {
        let mut out = Vec::new();
        let complete = template.write(event, &mut out);
        return (out, complete);
    }
    let with_calls = case["resolve_transformed_fields"] == true;
    let (fields, complete) = template.fields(event, with_calls);
    let map: serde_json::Map<String, Json> =
        fields.into_iter().map(|(name, value)| (name.to_string(), value)).collect();
    let json = if map.is_empty() { Json::Null } else { Json::Object(map) };
    (json.to_string().into_bytes(), complete)
}

/// Output formats, for the last event.
pub fn check_format(case: &Json) -> Result<(), Trouble> {
    has_real_thread_ids(case)?;
    let template = Template::parse(text(&case["format"]), &Fields::syscall());
    if case.get("error") == Some(&Json::Bool(true)) {
        return template.map_or(Ok(()), |_| Err("the format must be refused".into()));
    }
    let template = template.map_err(|error| error.to_string())?;
    let last = items(&case["events"]).len() - 1;
    let mut result = Err(Trouble::from("the last event is not delivered"));
    run(case, |index, event| {
        if index != last {
            return;
        }
        let (ours, complete) = render(&template, case, event);
        let expected = bytes(&case["text"]);
        let is_same = if case["output"] == "json" {
            let parse = |text: &[u8]| serde_json::from_slice::<Json>(text).ok();
            parse(&ours) == parse(&expected)
        } else {
            ours == expected
        };
        result = match (is_same, case["complete"] == complete) {
            (true, true) => Ok(()),
            (false, _) => Err(format!("{:?} for {:?}", lossy(&ours), lossy(&expected)).into()),
            (_, false) => Err(format!("complete: {complete} for {}", case["complete"]).into()),
        };
    });
    result
}
