//! Rewrites a capture in today's event versions: `rewrite INPUT OUTPUT [gzip]`.

use peregrine_capture::{WriterOptions, convert_file};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let usage = "usage: rewrite INPUT OUTPUT [gzip]";
    let (input, output) = (args.next().ok_or(usage)?, args.next().ok_or(usage)?);
    let options = WriterOptions { gzip: args.next().is_some_and(|word| word == "gzip") };
    let summary = convert_file(input, output, options, |error| eprintln!("left out: {error}"))?;
    println!("{summary:?}");
    Ok(())
}
