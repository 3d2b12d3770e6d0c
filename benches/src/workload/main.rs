//! Runs a named workload end to end and prints one JSON line for each step.
//!
//! `workload artifact put SRC --store URL`, `workload artifact get NAME --store URL DEST`,
//! `workload artifact gc|fsck --store URL`, `workload data init|add|status|checkout|push|tiny --store URL`,
//! `workload table put|append|update|diff|read --store URL`, `workload journal append --store URL --writers N --entries M`,
//! `workload drift report|ks|monitor|profile|stream|mmd|cbpe|detector` and `workload hash [--bytes N]`; see `docs/benchmarks.md`.

#![allow(clippy::print_stdout, reason = "its lines of JSON are what it is for")]

mod args; // what was asked for
mod artifact; // files into a pack store and out of it
mod data; // directories into a repository and out of it
mod drift; // generated columns and streams compared
mod drift_monitor; // rows into a monitor
mod hash; // SHA-256 of memory
mod journal; // appends, baselines and cold opens
mod meter; // time, processor time, memory
mod report; // the JSON lines
mod stores; // URLs, and stores that count their requests
mod table; // rows into a table and out of it
mod tiny; // millions of files in a tree

use std::process::ExitCode;

fn main() -> ExitCode {
    let outcome = args::Command::parse(std::env::args().skip(1)).and_then(run);
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: args::Command) -> Result<(), String> {
    match command {
        args::Command::ArtifactFsck(what) => on_runtime(artifact::fsck(what)),
        args::Command::ArtifactGc(what) => on_runtime(artifact::gc(what)),
        args::Command::ArtifactGet(get) => on_runtime(artifact::get(get)),
        args::Command::ArtifactPut(put) => on_runtime(artifact::put(put)),
        args::Command::Data(what) => on_runtime(data::run(what)),
        args::Command::DataTiny { store, files } => on_runtime(async move { tiny::run(&store, files).await }),
        args::Command::Drift(what) => drift::run(&what),
        args::Command::Hash { bytes } => hash::run(bytes),
        args::Command::JournalAppend(append) => on_runtime(journal::append(append)),
        args::Command::Table(what) => on_runtime(table::run(what)),
    }
}

fn on_runtime(work: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| error.to_string())?.block_on(work)
}
