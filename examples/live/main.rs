//! A service that scores flights on four threads watches what it is asked, and shows it as an OpenMetrics page.
//!
//! `cargo run --release --example live [-- --serve]`; with `--serve` the page stays up at the end, to be scraped.
//!
//! The year is replayed: January to March are the reference, the days after come in as requests. A window is the last seven days; half way
//! the service is stopped and goes on from its saved state.
#![allow(clippy::print_stdout, reason = "an example talks to the person who runs it")]

mod page; // an OpenMetrics page over HTTP
mod replay; // days of requests
mod service; // workers that score and record

use std::path::Path;

use lineal_drift::monitor::{
    AlarmSettings, FeatureWindow, MonitorReference, MonitorSettings, Phase, ReferenceSettings, ThresholdRule,
    WindowReport, Windows,
};
use lineal_examples::{Outcome, ensure};

use page::Page;
use replay::Replay;
use service::Service;

/// Rows of the reference that are as many as a week of flights.
const WEEK_ROWS: u64 = 6_000;
const DAY_US: u64 = 24 * 3_600 * 1_000_000;

fn main() -> Outcome<()> {
    let stays = std::env::args().skip(1).any(|word| word == "--serve");
    let replay = Replay::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("data/flights_2013.parquet"))?;
    let reference = MonitorReference::build(&replay.winter, &ReferenceSettings::default().with_chunk_rows(WEEK_ROWS))?;
    let windows = Windows::of_time(replay.starts_at_us()?, DAY_US).with_sliding(7);
    // Flights of a week depend on each other: what is usual is learnt from weeks, not from single rows.
    let usual = ThresholdRule::ReferenceChunks { at_least: 0.1 };
    let settings = MonitorSettings::default().with_threshold(usual);
    let settings = settings.with_alarms(AlarmSettings::default().with_raise_after(3, 3).with_clear_after(7));
    let settings = settings.with_shards(service::WORKERS);

    let page = Page::serve()?;
    println!("metrics at http://{}/metrics\n", page.address());
    let mut service = Service::start(reference, windows, settings)?;
    let mut raised = Vec::new();
    for (number, day) in replay.days.iter().enumerate() {
        if number == replay.days.len() / 2 {
            service = service.restarted()?;
            println!("   (restarted from its saved state)");
        }
        for report in service.serve_day(day)? {
            raised.extend(tell(&report));
        }
        page.show(service.metrics()?);
    }
    let scraped = page::scrape(page.address())?;
    let rows: usize = replay.days.iter().map(|day| day.rows()).sum();
    println!("\n{rows} requests on {} threads; of the page:", service::WORKERS);
    scraped
        .lines()
        .filter(|line| line.contains("_total{") || line.contains("score{feature=\"temp\""))
        .for_each(|line| println!("   {line}"));

    ensure(scraped.ends_with("# EOF\n"), "the page is whole")?;
    ensure(
        scraped.contains(&format!("lineal_drift_rows_total{{monitor=\"late15\"}} {rows}\n")),
        "every request was counted once",
    )?;
    ensure(raised.iter().any(|name| name == "temp"), "summer is found in the temperature")?;
    ensure(!raised.iter().any(|name| name == "origin"), "the airports are flown from as before")?;
    if stays {
        println!("\nserving; stop with Ctrl-C");
        page.wait();
    }
    Ok(())
}

/// Prints what was raised or cleared, and returns the names of features that were raised.
fn tell(report: &WindowReport) -> Vec<String> {
    let mut raised = Vec::new();
    for finding in report.findings.iter().filter(|finding| finding.phase != Phase::Ongoing) {
        let date = report.window.ends_at_us.map(replay::date).unwrap_or_default();
        let missing = report.feature(&finding.feature).map(missing_text).unwrap_or_default();
        let what =
            if finding.phase == Phase::Raised { format!("{:?}", finding.severity) } else { "cleared".to_owned() };
        println!("   {date}  {what:<8}  {:<13}  {}{missing}", finding.feature, finding.why);
        if finding.phase == Phase::Raised {
            raised.push(finding.feature.clone());
        }
    }
    raised
}

fn missing_text(feature: &FeatureWindow) -> String {
    if feature.missing_fraction < 0.01 {
        return String::new();
    }
    format!("; {:.0} % missing", 100.0 * feature.missing_fraction)
}
