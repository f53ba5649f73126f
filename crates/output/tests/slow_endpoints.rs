//! Endpoints that take their time, never take anything, or show a wrong certificate for a while:
//! what waits, what comes later, and that it is counted so.

mod endpoint;

use std::net::TcpListener;
use std::time::Duration;

use endpoint::pki::Pki;
use endpoint::{
    Answer, Endpoint, PATIENCE, Well, all, builder, eager, first, send, spooled, wait_until,
};
use peregrine_output::{HttpBatch, HttpOptions, HttpSink, TlsOptions};

#[test]
fn a_slow_endpoint_gets_all_in_order_and_delays_nobody() {
    let endpoint = Endpoint::start(None);
    endpoint.behave(|_| {
        std::thread::sleep(Duration::from_millis(20));
        Answer::Status("200 OK")
    });
    let options = HttpOptions {
        batch: HttpBatch { lines: 10, ..HttpBatch::default() },
        ..HttpOptions::new(endpoint.url("http"))
    };
    let well = Well::default();
    let outputs = builder()
        .sink(HttpSink::new(options).unwrap(), eager())
        .sink(well.clone(), eager())
        .start()
        .unwrap();
    send(&outputs, 0..500);
    wait_until("the other sink has all", || well.got() == 500);
    let sink = outputs.shutdown(Some(PATIENCE)).totals.sinks.remove(0);
    assert_eq!((sink.delivered, sink.waiting, sink.lost(), sink.retries), (500, 0, 0, 0));
    assert_eq!(endpoint.numbers(), all(500));
}

#[test]
fn an_endpoint_that_never_accepts_leaves_all_in_the_spool() {
    // The kernel completes the connection; nobody ever reads from it.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let url = format!("http://127.0.0.1:{}/", listener.local_addr().unwrap().port());
    let options = HttpOptions { timeout: Duration::from_millis(50), ..HttpOptions::new(url) };
    let well = Well::default();
    let outputs = builder()
        .sink(HttpSink::new(options).unwrap(), spooled(dir.path(), 10 << 20))
        .sink(well.clone(), eager())
        .start()
        .unwrap();
    send(&outputs, 0..300);
    wait_until("the other sink has all", || well.got() == 300);
    wait_until("it has been tried", || first(&outputs).is_failing);
    wait_until("all is on disk", || first(&outputs).spooled_now == 300);
    let sink = outputs.shutdown(Some(PATIENCE)).totals.sinks.remove(0);
    assert_eq!((sink.delivered, sink.waiting, sink.lost()), (0, 300, 0), "{sink:?}");
    assert_eq!(sink.spooled_now, 300);
    // Another process, another endpoint: it gets what was kept.
    drop(listener);
    let endpoint = Endpoint::start(None);
    let sink = HttpSink::new(HttpOptions::new(endpoint.url("http"))).unwrap();
    let outputs = builder().sink(sink, spooled(dir.path(), 10 << 20)).start().unwrap();
    wait_until("all is delivered", || first(&outputs).delivered == 300);
    let sink = outputs.shutdown(Some(PATIENCE)).totals.sinks.remove(0);
    assert_eq!((sink.restored, sink.waiting, sink.lost()), (300, 0, 0));
    assert_eq!(endpoint.numbers(), all(300));
}

#[test]
fn a_wrong_certificate_delays_until_the_right_one_is_shown() {
    let (pki, stranger) = (Pki::new(), Pki::new());
    let endpoint = Endpoint::start(Some(stranger.server(false)));
    let dir = tempfile::tempdir().unwrap();
    let tls = TlsOptions { ca_cert: Some(pki.path("ca.pem")), ..TlsOptions::default() };
    let options = HttpOptions { tls, ..HttpOptions::new(endpoint.url("https")) };
    let outputs = builder()
        .sink(HttpSink::new(options).unwrap(), spooled(dir.path(), 10 << 20))
        .start()
        .unwrap();
    send(&outputs, 0..100);
    wait_until("it is tried again", || first(&outputs).retries > 3);
    wait_until("all is on disk", || first(&outputs).spooled_now == 100);
    let sink = first(&outputs);
    assert_eq!((sink.delivered, sink.waiting, sink.lost(), sink.is_failing), (0, 100, 0, true));
    assert!(sink.last_error.as_ref().unwrap().contains("certificate"), "{sink:?}");
    assert!(endpoint.numbers().is_empty(), "a stranger gets nothing");
    endpoint.present(pki.server(false));
    wait_until("all is delivered", || first(&outputs).delivered == 100);
    let sink = outputs.shutdown(Some(PATIENCE)).totals.sinks.remove(0);
    assert_eq!((sink.waiting, sink.lost(), sink.spooled_now), (0, 0, 0));
    assert_eq!(endpoint.numbers(), all(100));
}
