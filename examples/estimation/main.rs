//! Finds out that a model fails before any label comes: who is employed, in the American Community Survey.
//!
//! `cargo run --release --example estimation [-- --out DIR]`; the page lies in `target/estimation/` or DIR.
//!
//! Two things change in the years that are watched. For some 10,000 rows almost only residents of group quarters are asked, whom the model
//! knows little about: its accuracy falls. And from 2017 on relationships are coded in another way, which the model does not mind. Both
//! are drift; only the first one is a reason to act, and the estimate tells them apart without a label.
#![allow(clippy::print_stdout, reason = "an example talks to the person who runs it")]

mod chunk; // what is known of one chunk
mod survey; // rows of the survey

use std::path::Path;

use lineal_drift::performance::{Cbpe, CbpeSettings, Metric};
use lineal_drift::{DataDrift, DataDriftSettings, Series, SessionPage};
use lineal_examples::{Outcome, ensure, out_dir};

use chunk::Chunk;
use survey::Survey;

/// Rows of a chunk.
const ROWS: usize = 10_000;
const METRICS: [Metric; 2] = [Metric::RocAuc, Metric::Accuracy];

fn main() -> Outcome<()> {
    let out = out_dir("estimation", std::env::args().skip(1))?;
    let survey = Survey::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("data/acs_employment_ma.parquet"))?;

    // From the reference: how to calibrate, which values are usual, and how far columns stray from chunk to chunk.
    let settings = CbpeSettings::default().with_metrics(METRICS).with_chunk_rows(ROWS);
    let cbpe = Cbpe::fit(&survey::predictions(&survey.reference, true)?, settings)?;
    let drift = DataDrift::new(DataDriftSettings::default().with_only(survey::FEATURES))?;
    let drift = DataDrift::new(drift.learn(&survey::windows(&survey.reference, ROWS), 3.0)?)?;

    let chunks = chunk::look(&survey, &cbpe, &drift)?;
    print(&chunks);
    let path = out.join("report.html");
    std::fs::write(&path, page(&cbpe, &chunks))?;
    println!("\n{}", path.display());

    let alerts: Vec<usize> = chunks.iter().filter(|chunk| chunk.alert()).map(|chunk| chunk.number).collect();
    ensure(alerts == [13, 14], &format!("the estimate alerts for chunks 13 and 14, not for {alerts:?}"))?;
    let mut worst: Vec<&Chunk> = chunks.iter().collect();
    worst.sort_by(|a, b| a.accuracy().total_cmp(&b.accuracy()));
    ensure(worst.iter().take(2).all(|chunk| chunk.alert()), "labels show later that these two were the worst")?;
    ensure(chunks.iter().all(|chunk| chunk.estimate_holds()), "estimates follow what labels show")?;
    let relationship = |number: usize| chunks[number].times_threshold("RELP");
    ensure((8..13).all(|n| relationship(n) > 1.0), "the coding of 2017 is found as drift of relationships")?;
    ensure((8..13).all(|n| relationship(n) < relationship(13).min(relationship(14))), "and ranks below the bad chunks")
}

fn print(chunks: &[Chunk]) {
    println!(
        "{:>5} {:>15} {:>20}   columns that drifted, times their threshold",
        "chunk", "AUC est. / real", "accuracy est. / real"
    );
    for chunk in chunks {
        println!("{}", chunk.line());
    }
    println!("\n! estimated outside of what is usual; no label was needed for it");
}

fn page(cbpe: &Cbpe, chunks: &[Chunk]) -> String {
    let page = SessionPage::new("Employment in Massachusetts: a model watched without labels");
    let series = |metric: Metric| {
        let band = cbpe.references.iter().find(|of| of.metric == metric).map(|of| of.band).unwrap_or_default();
        let name = if metric == Metric::RocAuc { "ROC AUC" } else { "accuracy" };
        chunks.iter().fold(Series::new(name, band), |series, chunk| series.with_point(chunk.point(metric)))
    };
    let page = METRICS.into_iter().fold(page, |page, metric| page.with_series(series(metric)));
    chunks.iter().fold(page, |page, chunk| page.with_window(chunk.name(), &chunk.report)).to_html()
}
