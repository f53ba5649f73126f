//! `make conformance`: all cases of some folders, as a table.
#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use peregrine_conformance::suite::{run_capture, run_file, vector_files};
use peregrine_conformance::{Folders, Report, captures, differences};

/// Runs Falco's test cases and golden results against Peregrine
#[derive(Debug, Parser)]
struct Args {
    /// Folder with files of cases; default: those of the shared data
    #[arg(long, value_name = "DIR")]
    vectors: Option<PathBuf>,
    /// Folder with files that cases refer to; default: `aux` beside the cases, if it is there
    #[arg(long, value_name = "DIR")]
    aux: Option<PathBuf>,
    /// Folder with captures and what Falco printed of them
    #[arg(long, value_name = "DIR")]
    captures: Option<PathBuf>,
    /// Folder with the rules files that golden alerts were made with
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
    /// The program whose command line is tried; default: the one beside this one
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Numbers of workers that captures are replayed on for their alerts
    #[arg(long, value_name = "N", value_delimiter = ',', default_value = "1,2,4,8",
          value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: Vec<u16>,
    /// Only files whose name contains this text
    #[arg(value_name = "NAME")]
    only: Option<String>,
}

fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    let mut folders = Folders::default();
    if let Some(vectors) = args.vectors {
        let beside = vectors.join("aux");
        if beside.is_dir() {
            folders.aux = beside;
        }
        folders.vectors = vectors;
    }
    folders.aux = args.aux.unwrap_or(folders.aux);
    folders.captures = args.captures.unwrap_or(folders.captures);
    folders.binary = args.binary.or(folders.binary);
    folders.rules = args.rules.unwrap_or(folders.rules);
    let differences = differences()?;
    let is_wanted = |name: &String| args.only.as_ref().is_none_or(|only| name.contains(only));
    let workers: Vec<usize> = args.workers.iter().copied().map(usize::from).collect();
    let mut report = Report::default();
    for file in vector_files(&folders).iter().filter(|name| is_wanted(name)) {
        report.add(run_file(&folders, file)?, &differences);
    }
    for name in captures::names(&folders.captures).iter().filter(|name| is_wanted(name)) {
        report.add(run_capture(&folders, name, &workers), &differences);
    }
    print!("{}", report.text());
    let total = report.total();
    anyhow::ensure!(total.passed + total.failed > 0, "there is no case in {folders:?}");
    Ok(if total.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
