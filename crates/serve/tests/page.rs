//! The web page in a browser: `scripts/page-test.sh`, where there is one.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

/// Fails if the page does not show, filter and open alerts, or lets a file name become markup.
#[test]
fn the_page_works_in_chromium() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let own = std::env::current_exe().expect("a running test has a path");
    // target/debug/deps/page-… beside target/debug/examples/page, which cargo builds for tests.
    let server = own.parent().and_then(Path::parent).map(|dir| dir.join("examples/page"));
    let Some(server) = server.filter(|server| server.exists()) else {
        eprintln!("skipped: examples/page is not built; cargo test does so without --test");
        return;
    };
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let output = Command::new("bash")
        .arg(root.join("scripts/page-test.sh"))
        .env("SERVER", server)
        .env("PORT", free.expect("a free port").port().to_string())
        .output();
    let output = match output {
        Ok(output) => output,
        Err(error) => {
            eprintln!("skipped: there is no bash: {error}");
            return;
        }
    };
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    eprint!("{said}");
    assert!(output.status.success(), "{said}");
}
