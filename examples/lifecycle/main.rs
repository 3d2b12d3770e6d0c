//! Takes the flights of 2013 through the life of a model.
#![allow(clippy::print_stdout, reason = "an example talks to the person who runs it")]

mod cholesky;
mod compare;
mod features;
mod flights;
mod learn_error;
mod metrics;
mod model;
mod normal;
mod report;
mod split;
mod story;

use std::{error::Error, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let out = package.join("../target/lifecycle");
    std::fs::create_dir_all(&out)?;
    let by_month = flights::load(&package.join("data/flights_2013.parquet"))?;
    let data = story::tell(&by_month)?;
    report::write(&out.join("report.html"), &data)?;
    println!("{}", data.headline);
    for month in &data.months {
        println!(
            "{:>2} v{}  log loss {:.3} (frozen {:.3})  AUC {:.3} ({:.3})  ECE {:.3} ({:.3})",
            month.number,
            month.version,
            month.champion.log_loss,
            month.frozen.log_loss,
            month.champion.auc,
            month.frozen.auc,
            month.champion.ece,
            month.frozen.ece,
        );
    }
    for event in &data.events {
        println!("{:02}-{:02} v{} {:?}: {}", event.month, event.day, event.version, event.kind, event.text);
    }
    Ok(())
}
