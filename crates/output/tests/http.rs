//! The HTTP sink against endpoints that are well, slow, broken, gone or strangers.

mod endpoint;

use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::bounded;
use endpoint::pki::Pki;
use endpoint::{Answer, Endpoint, PATIENCE, Well, all, builder, eager, send, spooled, wait_until};
use peregrine_output::{HttpBatch, HttpOptions, HttpSink, Outputs, SinkTotals, TlsOptions};

fn http(options: HttpOptions) -> HttpSink {
    HttpSink::new(options).unwrap()
}

fn http_totals(outputs: &Outputs) -> SinkTotals {
    outputs.totals().sinks.into_iter().find(|sink| sink.name == "http").unwrap()
}

#[test]
fn each_alert_is_a_request_as_in_falco() {
    let endpoint = Endpoint::start(None);
    let options = HttpOptions {
        headers: vec![("authorization".into(), "Bearer x".into())],
        ..HttpOptions::new(endpoint.url("http"))
    };
    let outputs = builder().sink(http(options), eager()).start().unwrap();
    send(&outputs, 0..3);
    let report = outputs.shutdown(Some(PATIENCE));
    assert_eq!((report.totals.sinks[0].delivered, report.totals.sinks[0].lost()), (3, 0));
    let taken = endpoint.taken.lock().unwrap().clone();
    assert_eq!(taken.len(), 3);
    let head = &taken[0].head;
    assert!(head.starts_with("post /alerts http/1.1\r\n"), "{head}");
    for header in ["content-type: text/plain", "user-agent: peregrine/", "authorization: bearer x"]
    {
        assert!(head.contains(header), "{head}");
    }
    assert!(String::from_utf8_lossy(&taken[0].body).ends_with("Notice alert 0"));
}

#[test]
fn a_batch_is_one_request_and_can_be_compressed() {
    use std::io::Read;
    let endpoint = Endpoint::start(None);
    let options = HttpOptions {
        compress: true,
        batch: HttpBatch { lines: 100, ..HttpBatch::default() },
        ..HttpOptions::new(endpoint.url("http"))
    };
    // The first request waits at a gate, so that the others gather.
    let (open, gate) = bounded::<()>(0);
    endpoint.behave(move |_| {
        let _ = gate.recv();
        Answer::Status("204 No Content")
    });
    let outputs = builder().sink(http(options), eager()).start().unwrap();
    send(&outputs, 0..50);
    wait_until("all wait", || outputs.totals().waiting == 0);
    drop(open);
    outputs.shutdown(Some(PATIENCE));
    let taken = endpoint.taken.lock().unwrap();
    assert!(taken.len() < 10, "{} requests", taken.len());
    let mut text = String::new();
    for request in taken.iter() {
        assert!(request.head.contains("content-encoding: gzip"), "{}", request.head);
        let mut gzip = flate2::read::GzDecoder::new(request.body.as_slice());
        gzip.read_to_string(&mut text).unwrap();
    }
    assert_eq!(endpoint::numbers(&text), all(50));
}

#[test]
fn an_alert_that_is_refused_costs_only_itself() {
    let endpoint = Endpoint::start(None);
    endpoint.behave(|request| match String::from_utf8_lossy(&request.body).contains("alert 7\n") {
        true => Answer::Status("400 Bad Request"),
        false => Answer::Status("200 OK"),
    });
    let options = HttpOptions {
        batch: HttpBatch { lines: 10, ..HttpBatch::default() },
        ..HttpOptions::new(endpoint.url("http"))
    };
    let outputs = builder().sink(http(options), eager()).start().unwrap();
    send(&outputs, 0..20);
    let sink = outputs.shutdown(Some(PATIENCE)).totals.sinks.remove(0);
    assert_eq!((sink.delivered, sink.failed, sink.waiting), (19, 1, 0));
    assert!(sink.last_error.unwrap().contains("400"));
    let expected: Vec<u64> = all(20).into_iter().filter(|n| *n != 7).collect();
    assert_eq!(endpoint.numbers(), expected);
}

#[test]
fn an_endpoint_that_answers_500_delays_nobody_and_gets_all_later() {
    let dir = tempfile::tempdir().unwrap();
    let endpoint = Endpoint::start(None);
    endpoint.behave(|_| Answer::Status("500 Internal Server Error"));
    let well = Well::default();
    let outputs = builder()
        .sink(http(HttpOptions::new(endpoint.url("http"))), spooled(dir.path(), 10 << 20))
        .sink(well.clone(), eager())
        .start()
        .unwrap();
    send(&outputs, 0..200);
    wait_until("the other sink has all", || well.got() == 200);
    wait_until("all is on disk", || http_totals(&outputs).spooled_now == 200);
    wait_until("it is tried again", || http_totals(&outputs).retries > 3);
    let sink = http_totals(&outputs);
    assert_eq!((sink.delivered, sink.waiting, sink.lost(), sink.is_failing), (0, 200, 0, true));
    assert!(sink.last_error.unwrap().contains("500"));

    endpoint.behave(|_| Answer::Status("200 OK"));
    wait_until("all is delivered", || http_totals(&outputs).delivered == 200);
    let sink = outputs.shutdown(Some(PATIENCE)).totals.sinks.remove(0);
    assert_eq!((sink.waiting, sink.lost(), sink.is_failing), (0, 0, false));
    assert_eq!((sink.spooled_now, sink.spool_bytes), (0, 0));
    assert_eq!(endpoint.numbers(), all(200));
}

#[test]
fn what_an_endpoint_that_is_down_missed_comes_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://localhost:{}/", listener.local_addr().unwrap().port());
    let address = listener.local_addr().unwrap();
    drop(listener);
    for round in 0..2u64 {
        let options = spooled(dir.path(), 10 << 20);
        let outputs = builder().sink(http(HttpOptions::new(&url)), options).start().unwrap();
        send(&outputs, round * 100..round * 100 + 100);
        wait_until("it is tried", || http_totals(&outputs).is_failing);
        let report = outputs.shutdown(Some(PATIENCE));
        assert!(report.unfinished.is_empty());
        let sink = &report.totals.sinks[0];
        assert_eq!((sink.restored, sink.delivered, sink.lost()), (round * 100, 0, 0));
        assert_eq!((sink.waiting, sink.spooled_now), (round * 100 + 100, round * 100 + 100));
    }
    // The port may have gone to somebody else meanwhile; then there is nothing to show.
    let Ok(listener) = TcpListener::bind(address) else {
        eprintln!("skipped: the port was taken by another process");
        return;
    };
    let endpoint = Endpoint::on(listener, None);
    let options = spooled(dir.path(), 10 << 20);
    let outputs = builder().sink(http(HttpOptions::new(&url)), options).start().unwrap();
    wait_until("all is delivered", || http_totals(&outputs).delivered == 200);
    let sink = outputs.shutdown(Some(PATIENCE)).totals.sinks.remove(0);
    assert_eq!((sink.restored, sink.waiting, sink.lost()), (200, 0, 0));
    assert_eq!(endpoint.numbers(), all(200));
}

#[test]
fn an_endpoint_that_is_slow_or_half_open_delays_nobody() {
    for answer in [Answer::Nothing, Answer::Close] {
        let dir = tempfile::tempdir().unwrap();
        let endpoint = Endpoint::start(None);
        let behaviour = answer.clone();
        endpoint.behave(move |_| behaviour.clone());
        let options = HttpOptions {
            timeout: Duration::from_millis(100),
            max_consecutive_timeouts: 1,
            batch: HttpBatch { lines: 50, ..HttpBatch::default() },
            ..HttpOptions::new(endpoint.url("http"))
        };
        let well = Well::default();
        let outputs = builder()
            .sink(http(options), spooled(dir.path(), 10 << 20))
            .sink(well.clone(), eager())
            .start()
            .unwrap();
        send(&outputs, 0..500);
        wait_until("the other sink has all", || well.got() == 500);
        wait_until("it has failed", || http_totals(&outputs).is_failing);
        endpoint.behave(|_| Answer::Status("200 OK"));
        wait_until("all is delivered", || http_totals(&outputs).delivered == 500);
        let sink = outputs.shutdown(Some(PATIENCE)).totals.sinks.remove(0);
        assert_eq!((sink.waiting, sink.lost()), (0, 0), "{answer:?}");
        // The endpoint may have taken an alert whose answer came too late: twice, never less.
        let mut got = endpoint.numbers();
        got.dedup();
        got.sort_unstable();
        got.dedup();
        assert_eq!(got, all(500), "{answer:?}");
    }
}

fn over_tls(endpoint: &Endpoint, tls: TlsOptions) -> SinkTotals {
    let options = HttpOptions { tls, ..HttpOptions::new(endpoint.url("https")) };
    let outputs = builder().sink(http(options), eager()).start().unwrap();
    send(&outputs, 0..5);
    wait_until("something happens", || {
        let sink = http_totals(&outputs);
        sink.delivered == 5 || sink.is_failing
    });
    outputs.shutdown(Some(PATIENCE)).totals.sinks.remove(0)
}

#[test]
fn https_trusts_only_whom_it_should() {
    let (pki, stranger) = (Pki::new(), Pki::new());
    let endpoint = Endpoint::start(Some(pki.server(false)));
    let with_ca =
        |pki: &Pki| TlsOptions { ca_cert: Some(pki.path("ca.pem")), ..TlsOptions::default() };
    let refused = over_tls(&endpoint, with_ca(&stranger));
    assert_eq!((refused.delivered, refused.failed), (0, 5));
    assert!(refused.last_error.as_ref().unwrap().contains("certificate"), "{refused:?}");
    assert!(endpoint.numbers().is_empty());

    let bundle = TlsOptions { ca_bundle: Some(pki.path("ca.pem")), ..TlsOptions::default() };
    let directory = tempfile::tempdir().unwrap();
    std::fs::copy(pki.path("ca.pem"), directory.path().join("a.crt")).unwrap();
    std::fs::write(directory.path().join("notes"), "no certificate").unwrap();
    let path = TlsOptions { ca_path: Some(directory.path().to_owned()), ..TlsOptions::default() };
    let insecure = TlsOptions { insecure: true, ..TlsOptions::default() };
    for tls in [with_ca(&pki), bundle, path, insecure] {
        endpoint.taken.lock().unwrap().clear();
        assert_eq!(over_tls(&endpoint, tls.clone()).delivered, 5, "{tls:?}");
        assert_eq!(endpoint.numbers(), all(5), "{tls:?}");
    }
}

#[test]
fn https_shows_its_own_certificate_when_asked() {
    let pki = Pki::new();
    let endpoint = Endpoint::start(Some(pki.server(true)));
    let anonymous = TlsOptions { ca_cert: Some(pki.path("ca.pem")), ..TlsOptions::default() };
    let refused = over_tls(&endpoint, anonymous.clone());
    assert_eq!((refused.delivered, refused.failed), (0, 5));

    let client = Some((pki.path("client.pem"), pki.path("client.key")));
    assert_eq!(over_tls(&endpoint, TlsOptions { client, ..anonymous }).delivered, 5);
    assert_eq!(endpoint.numbers(), all(5));
}

#[test]
fn certificates_that_are_none_are_an_error_at_the_start() {
    let pki = Pki::new();
    let open = |tls| HttpSink::new(HttpOptions { tls, ..HttpOptions::new("https://localhost/") });
    let ca = |path: &Path| TlsOptions { ca_cert: Some(path.to_owned()), ..TlsOptions::default() };
    for path in [Path::new("/nowhere/ca.pem").to_owned(), pki.path("server.key")] {
        let error = open(ca(&path)).err().unwrap().to_string();
        assert!(error.contains(path.file_name().unwrap().to_str().unwrap()), "{error}");
    }
}

#[test]
fn syslog_over_tls_counts_octets() {
    use peregrine_output::{RemoteSyslogOptions, RemoteSyslogSink, SyslogTransport};
    use std::io::Read;
    let pki = Pki::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let config = Arc::new(pki.server(false));
    let server = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let session = rustls::ServerConnection::new(config).unwrap();
        let mut text = String::new();
        // An end without goodbye is an error after the text.
        let _ = rustls::StreamOwned::new(session, stream).read_to_string(&mut text);
        text
    });
    let tls = TlsOptions { ca_cert: Some(pki.path("ca.pem")), ..TlsOptions::default() };
    let sink = RemoteSyslogSink::new(RemoteSyslogOptions {
        host: "localhost".into(),
        port,
        transport: SyslogTransport::Tls(tls),
        hostname: "host-a".into(),
        tag: "peregrine".into(),
    })
    .unwrap();
    let outputs = builder().sink(sink, eager()).start().unwrap();
    send(&outputs, 0..3);
    let report = outputs.shutdown(Some(PATIENCE));
    assert_eq!((report.totals.sinks[0].delivered, report.totals.sinks[0].lost()), (3, 0));
    let text = server.join().unwrap();
    let mut rest = text.as_str();
    for number in 0..3 {
        let (length, message) = rest.split_once(' ').unwrap();
        let (message, behind) = message.split_at(length.parse().unwrap());
        assert!(message.starts_with("<13>1 1970-01-01T00:00:00.000000Z host-a peregrine "));
        assert!(message.ends_with(&format!("Notice alert {number}")), "{message}");
        rest = behind;
    }
    assert!(rest.is_empty());
}
