//! The web page and what it asks for.
//!
//! An attacker chooses file names, arguments and environments that end up in alerts. So they reach
//! the page as JSON only, the page puts them into text nodes only, and a policy forbids scripts,
//! styles and connections that are not the page's own.

use std::sync::Arc;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::{Request, Response, StatusCode};
use peregrine_output::{Alert, FieldValue, Interest, Published};
use serde_json::{Value as Json, json};
use tokio::sync::mpsc;

use crate::board::Point;
use crate::server::{Body, Shared, now_ns, response};
use crate::snapshot::Snapshot;

/// Name of the cookie with the token, and the sign behind it.
pub(crate) const COOKIE: &str = "peregrine_token=";
/// Alerts that a new reader gets.
const RECENT: usize = 500;
/// Messages that wait for a reader; one that is slower loses alerts, and sees how many.
const WAITING: usize = 2048;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
                      connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";
const HTML: &str = include_str!("page/page.html");
const CSS: &str = include_str!("page/page.css");
const JS: &str = include_str!("page/page.js");
const ICON: &str = include_str!("page/icon.svg");

pub(crate) fn respond(shared: &Arc<Shared>, request: &Request<Incoming>) -> Response<Body> {
    let mut response = match request.uri().path() {
        "/" => response(StatusCode::OK, "text/html; charset=utf-8", HTML),
        "/page.css" => response(StatusCode::OK, "text/css; charset=utf-8", CSS),
        "/page.js" => response(StatusCode::OK, "text/javascript; charset=utf-8", JS),
        "/icon.svg" => response(StatusCode::OK, "image/svg+xml", ICON),
        "/api/rules" => response(StatusCode::OK, "application/json", rules(shared).to_string()),
        "/api/events" => events(shared, request),
        _ => response(StatusCode::NOT_FOUND, "text/plain; charset=utf-8", "not found\n"),
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    response
}

/// Takes the token out of the address: a cookie has it from now on.
pub(crate) fn logged_in(token: &str) -> Response<Body> {
    let mut response = response(StatusCode::SEE_OTHER, "text/plain; charset=utf-8", "");
    let cookie = format!("{COOKIE}{token}; HttpOnly; SameSite=Strict; Path=/");
    let headers = response.headers_mut();
    headers.insert(header::LOCATION, HeaderValue::from_static("/"));
    match HeaderValue::from_str(&cookie) {
        Ok(cookie) => _ = headers.insert(header::SET_COOKIE, cookie),
        Err(_) => *response.status_mut() = StatusCode::FORBIDDEN,
    }
    response
}

fn rules(shared: &Shared) -> Json {
    let one = |rule: &crate::snapshot::RuleText| {
        json!({
            "name": rule.name,
            "description": rule.description,
            "condition": rule.condition,
            "output": rule.output,
            "priority": rule.priority,
            "source": rule.source,
            "tags": rule.tags,
        })
    };
    shared.board.rules().iter().map(one).collect()
}

/// The stream: who we are, the last minutes, the latest alerts, and then everything that happens.
fn events(shared: &Arc<Shared>, request: &Request<Incoming>) -> Response<Body> {
    let (sender, receiver) = mpsc::channel(WAITING);
    let start_ns = shared.board.latest().identity.start_ns;
    let seen = request.headers().get("last-event-id").and_then(|id| last_seen(id, start_ns));
    // The messages of the beginning fit: the channel is empty and larger.
    let _ = sender.try_send(message("hello", None, &hello(shared, start_ns)));
    if let Some(hub) = &shared.hub {
        let alerts = sender.clone();
        hub.subscribe(RECENT, seen.unwrap_or(0), move |alert| {
            let id = format!("{start_ns}-{}", alert.number);
            match alerts.try_send(message("alert", Some(&id), &alert_json(alert))) {
                Err(mpsc::error::TrySendError::Closed(_)) => Interest::Ended,
                // The gap in the numbers tells the reader.
                Ok(()) | Err(mpsc::error::TrySendError::Full(_)) => Interest::Stays,
            }
        });
    }
    let (board, mut news) = (shared.board.clone(), shared.board.watch());
    news.mark_changed();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                () = sender.closed() => return,
                changed = news.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let snapshot = news.borrow_and_update().clone();
                    let point = board.history().last().copied();
                    let stats = stats(&snapshot, point, &board.problems(now_ns()));
                    if sender.send(message("stats", None, &stats)).await.is_err() {
                        return;
                    }
                }
            }
        }
    });
    let mut response = response(StatusCode::OK, "text/event-stream", Bytes::new());
    *response.body_mut() = Body::Events(receiver);
    response
}

/// The number of the last alert that a reader has, if it is one of this process.
fn last_seen(id: &HeaderValue, start_ns: u64) -> Option<u64> {
    let (start, number) = id.to_str().ok()?.split_once('-')?;
    (start.parse() == Ok(start_ns)).then_some(number.parse().ok()?)
}

fn message(event: &str, id: Option<&str>, data: &Json) -> Bytes {
    // JSON has no line breaks outside of strings, and none inside: one data line is enough.
    let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    format!("{id}event: {event}\ndata: {data}\n\n").into()
}

fn hello(shared: &Shared, start_ns: u64) -> Json {
    let snapshot = shared.board.latest();
    let id = &snapshot.identity;
    json!({
        "start_ns": start_ns.to_string(),
        "version": id.version,
        "hostname": id.hostname,
        "kernel": id.kernel_release,
        "hook": id.hook,
        "cpus": id.cpus,
        "history": shared.board.history().into_iter().map(point_json).collect::<Vec<_>>(),
    })
}

fn point_json(point: Point) -> Json {
    // Milliseconds are what the page's clock counts in.
    json!([
        point.time_ns / 1_000_000,
        point.events_per_s,
        point.drops_per_s,
        point.alerts_per_s,
        point.ring_fill,
    ])
}

fn stats(s: &Snapshot, point: Option<Point>, problems: &[String]) -> Json {
    let rule = |r: &crate::snapshot::RuleCost| {
        json!([r.identity.name(), r.matches, r.evaluations, r.time_ns])
    };
    let output = |o: &peregrine_output::SinkTotals| {
        json!({
            "name": o.name,
            "delivered": o.delivered,
            "waiting": o.waiting,
            "spooled": o.spooled_now,
            "lost": o.lost(),
            "retries": o.retries,
            "failing": o.is_failing,
            "error": o.last_error,
        })
    };
    let drop = |d: &crate::snapshot::DropCount| json!([d.ring, d.class, d.cause, d.count]);
    let ring = |r: &crate::snapshot::RingLevel| json!([r.pending_bytes, r.capacity_bytes]);
    json!({
        "start_ns": s.identity.start_ns.to_string(),
        "time_ms": s.time_ns / 1_000_000,
        "problems": problems,
        "point": point.map(point_json),
        "events": s.events,
        "alerts": s.alerts,
        "dropped": s.dropped(),
        "workers": s.workers.iter().map(|w| w.records).collect::<Vec<_>>(),
        "rings": s.rings.iter().map(ring).collect::<Vec<_>>(),
        "drops": s.drops.iter().filter(|d| d.count > 0).map(drop).collect::<Vec<_>>(),
        "state": s.state.iter().take(2).map(|(n, v)| json!([n, v])).collect::<Vec<_>>(),
        "rules": s.rules.iter().map(rule).collect::<Vec<_>>(),
        "outputs": s.outputs.sinks.iter().map(output).collect::<Vec<_>>(),
        "rss_kib": s.resources.rss_kib,
        "cpu_percent": s.resources.cpu_usage_percent,
        "reload_ms": s.reload_ns / 1_000_000,
    })
}

fn alert_json(published: &Published) -> Json {
    let line = &published.line;
    let Some(alert) = &line.alert else {
        return json!({ "n": published.number, "message": line.text });
    };
    json!({
        "n": published.number,
        "time_ns": alert.time_ns.to_string(),
        "priority": alert.rule.priority().name(),
        "rule": alert.rule.name(),
        "source": alert.rule.source(),
        "tags": alert.rule.tags(),
        "message": alert.message,
        "state": alert.state.note(),
        "fields": fields(&alert.fields),
        "lineage": lineage(alert),
    })
}

fn fields(fields: &[(Arc<str>, FieldValue)]) -> Json {
    Json::Object(fields.iter().map(|(name, value)| (name.to_string(), json(value))).collect())
}

/// The process and its ancestors, nearest first.
fn lineage(alert: &Alert) -> Json {
    let one = |ancestor: &peregrine_output::Ancestor| {
        json!({
            "pid": ancestor.pid,
            "name": ancestor.name,
            "exe": ancestor.exe,
            "command": ancestor.command,
        })
    };
    alert.lineage.iter().map(one).collect()
}

/// A field's value as JSON.
pub(crate) fn json(value: &FieldValue) -> Json {
    match value {
        FieldValue::Null => Json::Null,
        FieldValue::Bool(v) => (*v).into(),
        FieldValue::Int(v) => (*v).into(),
        FieldValue::Uint(v) => (*v).into(),
        FieldValue::Double(v) => (*v).into(),
        FieldValue::Text(v) => v.as_str().into(),
        FieldValue::List(values) => values.iter().map(json).collect(),
    }
}
