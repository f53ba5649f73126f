//! The server as its readers see it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use peregrine_event::Priority;
use peregrine_output::{Alert, FieldValue, Hub, Line, RuleIdentity, Sink, StateQuality};
use peregrine_serve::snapshot::Identity;
use peregrine_serve::{Board, ServeError, ServeOptions, Server, Snapshot};

fn now_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64
}

fn snapshot(alerts: u64) -> Snapshot {
    let identity = Identity { hostname: "host-a".into(), start_ns: 7, ..Identity::default() };
    Snapshot { time_ns: now_ns(), identity: Arc::new(identity), alerts, ..Snapshot::default() }
}

fn start(options: ServeOptions, hub: Option<Hub>) -> (Server, Arc<Board>) {
    let board = Board::new();
    let versions = serde_json::json!({ "falco_version": "0.44.0" });
    (Server::start(options, board.clone(), hub, &versions).unwrap(), board)
}

fn local() -> ServeOptions {
    ServeOptions::new("127.0.0.1:0".parse().unwrap())
}

fn connect(address: SocketAddr, path: &str, headers: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let host = if headers.contains("Host:") { "" } else { "Host: localhost\r\n" };
    let request = format!("GET {path} HTTP/1.1\r\nConnection: close\r\n{host}{headers}\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

/// Status, head and body of an answer.
fn get(address: SocketAddr, path: &str, headers: &str) -> (u16, String, String) {
    let mut text = String::new();
    connect(address, path, headers).read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_lowercase(), body.to_owned())
}

#[test]
fn health_is_falcos_and_fails_when_something_is_wrong() {
    let (server, board) = start(local(), None);
    let health = || get(server.address(), "/healthz", "");
    let (status, _, body) = health();
    assert_eq!((status, body.contains("starting")), (503, true), "{body}");
    board.publish(snapshot(0));
    let (status, head, body) = health();
    assert_eq!((status, body.as_str()), (200, "{\"status\": \"ok\"}"));
    assert!(head.contains("content-type: application/json"), "{head}");
    board.publish(Snapshot { failure: Some("worker 0 ended".into()), ..snapshot(0) });
    let (status, _, body) = health();
    assert_eq!((status, body.contains("worker 0 ended")), (503, true), "{body}");
    assert_eq!(get(server.address(), "/versions", "").2, "{\"falco_version\":\"0.44.0\"}");
    for path in ["/metrics", "/", "/api/events", "/nothing"] {
        assert_eq!(get(server.address(), path, "").0, 404, "{path} was not asked for");
    }
}

#[test]
fn numbers_are_those_of_the_board() {
    let (server, board) = start(ServeOptions { metrics: true, ..local() }, None);
    for alerts in [3, 5] {
        board.publish(snapshot(alerts));
        let (status, head, body) = get(server.address(), "/metrics", "");
        assert_eq!(status, 200);
        assert!(head.contains("application/openmetrics-text; version=1.0.0"), "{head}");
        assert!(body.contains(&format!("\nperegrine_alerts_total {alerts}\n")), "{body}");
        assert!(body.contains("\nperegrine_healthy 1\n"), "{body}");
    }
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.write_all(b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    assert!(line.starts_with("HTTP/1.1 405"), "{line}");
}

#[test]
fn the_page_is_for_this_host_unless_there_is_a_token() {
    let (server, _) = start(ServeOptions { web: true, ..local() }, None);
    let status = |headers: &str| get(server.address(), "/", headers).0;
    for host in ["localhost", "localhost:8765", "127.0.0.1:1", "[::1]:8765"] {
        assert_eq!(status(&format!("Host: {host}\r\n")), 200, "{host}");
    }
    // A stranger's name that was made to point here.
    for host in ["evil.example", "evil.example:8765", "127.0.0.1.evil.example", "10.0.0.1"] {
        assert_eq!(status(&format!("Host: {host}\r\n")), 403, "{host}");
    }
    let (_, head, _) = get(server.address(), "/", "");
    for part in ["default-src 'none'", "frame-ancestors 'none'", "nosniff", "no-store"] {
        assert!(head.contains(part), "{head}");
    }

    let everywhere = ServeOptions { address: "0.0.0.0:0".parse().unwrap(), web: true, ..local() };
    let error = Server::start(everywhere, Board::new(), None, &serde_json::json!({})).err();
    assert!(matches!(error, Some(ServeError::Token(_))), "{error:?}");
}

#[test]
fn a_token_is_asked_for_and_kept_in_a_cookie() {
    let options =
        ServeOptions { web: true, metrics: true, token: Some("s3cret".into()), ..local() };
    let (server, _) = start(options, None);
    let address = server.address();
    assert_eq!(get(address, "/", "").0, 403);
    assert_eq!(get(address, "/?token=s3cre", "").0, 403);
    assert_eq!(get(address, "/api/rules", "Authorization: Bearer wrong!\r\n").0, 403);
    assert_eq!(get(address, "/api/rules", "Authorization: Bearer s3cret\r\n").0, 200);
    let (status, head, _) = get(address, "/?token=s3cret", "Host: other.example\r\n");
    assert_eq!(status, 303);
    assert!(head.contains("location: /\r\n"), "{head}");
    assert!(head.contains("httponly; samesite=strict"), "{head}");
    assert_eq!(get(address, "/", "Cookie: a=b; peregrine_token=s3cret\r\n").0, 200);
    assert_eq!(get(address, "/metrics", "").0, 200, "scrapers have no token");
}

#[test]
fn the_stream_has_what_was_and_what_happens() {
    let hub = Hub::new(10);
    let mut sink = hub.sink();
    let mut send = |number: u64| {
        let alert = Alert {
            time_ns: number,
            sequence: number,
            rule: RuleIdentity::new("<b>rule", Priority::Notice, "syscall", ["host"]),
            message: "a\nmessage\r\n\ndata: forged".into(),
            fields: vec![("fd.name".into(), FieldValue::Text("</script>".into()))],
            state: StateQuality::Exact,
            lineage: Vec::new(),
        };
        sink.write(&[Arc::new(Line::new(alert, String::new()))]).unwrap();
    };
    (1..=3).for_each(&mut send);
    let (server, board) = start(ServeOptions { web: true, ..local() }, Some(hub.clone()));
    board.publish(snapshot(0));
    let open = |headers: &str| BufReader::new(connect(server.address(), "/api/events", headers));
    let mut stream = open("");
    let mut next = |event: &str| loop {
        let mut line = String::new();
        assert!(stream.read_line(&mut line).unwrap() > 0, "the stream has ended");
        if line == format!("event: {event}\n") {
            line.clear();
            stream.read_line(&mut line).unwrap();
            let data = line.strip_prefix("data: ").unwrap().trim_end();
            return serde_json::from_str::<serde_json::Value>(data).unwrap();
        }
    };
    assert_eq!(next("hello")["hostname"], "host-a");
    for number in 1..=3 {
        let alert = next("alert");
        assert_eq!(alert["n"], number);
        assert_eq!(alert["message"], "a\nmessage\r\n\ndata: forged");
        assert_eq!(alert["fields"]["fd.name"], "</script>");
    }
    next("stats");
    send(4);
    assert_eq!(next("alert")["n"], 4);
    board.publish(snapshot(9));
    assert_eq!(next("stats")["alerts"], 9);

    // A reader that comes back misses nothing and gets nothing twice; numbers of another process
    // mean nothing.
    for (last, first) in [("7-3", "\"n\":4"), ("6-3", "\"n\":1")] {
        let lines = open(&format!("Last-Event-ID: {last}\r\n")).lines().map(Result::unwrap);
        let data = lines.skip_while(|line| line != "event: alert").nth(1).unwrap();
        assert!(data.contains(first), "{data}");
    }
    drop(server);
    let mut rest = String::new();
    // The end of the server is the end of the stream, whole or torn.
    let _ = stream.read_to_string(&mut rest);
}

#[test]
fn with_a_certificate_everything_is_over_tls() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("server.pem");
    let missing = ServeOptions { certificate: Some(path.clone()), ..local() };
    let error = Server::start(missing.clone(), Board::new(), None, &serde_json::json!({})).err();
    assert!(matches!(error, Some(ServeError::Certificate { .. })), "{error:?}");

    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let pem = made.cert.pem();
    std::fs::write(&path, pem.clone() + &made.signing_key.serialize_pem()).unwrap();
    let (server, board) = start(missing, None);
    board.publish(snapshot(0));
    let roots =
        ureq::tls::RootCerts::new_with_certs(&[
            ureq::tls::Certificate::from_pem(pem.as_bytes()).unwrap()
        ]);
    let tls = ureq::tls::TlsConfig::builder()
        .root_certs(roots)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let agent = ureq::Agent::config_builder().tls_config(tls.build()).build().new_agent();
    let url = format!("https://localhost:{}/healthz", server.address().port());
    let body = agent.get(&url).call().unwrap().body_mut().read_to_string().unwrap();
    assert_eq!(body, "{\"status\": \"ok\"}");
}
