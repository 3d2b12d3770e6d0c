//! Watches a model of late flights for a year: drift of its inputs, its performance with labels and without, on one page.
//!
//! `cargo run --release --example monitoring [-- --out DIR]`; the page lies in `target/monitoring/` or DIR.
#![allow(clippy::print_stdout, reason = "an example talks to the person who runs it")]

mod model; // trained on the winter, and what it says of any month
mod session; // what each month looks like beside the winter
mod table; // what is printed

use std::path::Path;

use lineal_examples::{Outcome, ensure, out_dir};

use model::Watched;
use session::Session;

fn main() -> Outcome<()> {
    let out = out_dir("monitoring", std::env::args().skip(1))?;
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/flights_2013.parquet");
    let watched = Watched::train(&data)?;
    let session = Session::run(&watched)?;
    table::print(&session);

    let page = session.page();
    let path = out.join("report.html");
    std::fs::write(&path, &page)?;
    std::fs::write(out.join("findings.json"), serde_json::to_vec_pretty(&session.reports())?)?;
    println!("\n{} ({} KB)", path.display(), page.len() / 1000);

    ensure(session.control().report.drifted().count() == 0, "rows held out of the winter do not drift")?;
    ensure(session.odd_against_even()?.drifted().count() == 0, "odd rows of the winter do not drift from even ones")?;
    ensure(session.month("July")?.report.drifted().count() > 0, "July is not winter")?;
    ensure(session.matched_july()?.drifted().count() == 0, "July is like July: a matched reference is quiet")?;
    ensure(page.len() < 1_000_000, "the page stays below a megabyte")
}
