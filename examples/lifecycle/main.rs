//! Takes the flights of 2013 through the life of a model, from data to monitoring and back.
//!
//! `cargo run --release --example lifecycle [-- --out DIR] [--fresh]`; everything it writes lies under `target/lifecycle/`
//! or DIR. Run again, it continues where it was; with `--fresh` it starts anew.
#![allow(clippy::print_stdout, reason = "an example talks to the person who runs it")]

// the story
mod decide; // what the month's outcomes mean for the champion
mod descent; // questions answered from storage alone
mod ingest; // months become versions of a dataset
mod monitor; // drift of inputs and predictions against the reference
mod page; // from what was seen to the page
mod release; // register, test, approve, promote
mod serve; // predictions of a month, and what became of them
mod studio; // stores, people and the clock
mod summary; // what is printed
mod tamper; // one flipped byte, and every chain
mod train; // a run that fits a model
mod year; // the months in order

// how good the model is
mod compare;
mod metrics;
mod normal;

// the page
mod report;

use std::path::{Path, PathBuf};

// the model itself
use lineal_examples::learn::{features, flights, learn_error, model, split};
use studio::{Outcome, Studio};

#[tokio::main]
async fn main() -> Outcome<()> {
    let wish = Wish::parse(std::env::args().skip(1))?;
    if wish.fresh {
        studio::clear(&wish.out)?;
    }
    let studio = Studio::open(&wish.out).await?;
    let year = year::live(&studio).await?;
    let answers = descent::answer(&studio, &year).await?;
    let mut checks = vec![year.control_is_quiet()];
    checks.extend(tamper::check(&studio).await?);
    let page = page::compose(&year, &answers, &checks);
    let path = wish.out.join("report.html");
    report::write(&path, &page)?;
    summary::print(&year, &answers, &checks, &path);
    if checks.iter().all(|check| check.passed) { Ok(()) } else { Err("a check failed; see above".into()) }
}

/// What the person asked for.
struct Wish {
    out: PathBuf,
    fresh: bool,
}

impl Wish {
    fn parse(mut words: impl Iterator<Item = String>) -> Outcome<Self> {
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut wish = Self { out: package.join("../target/lifecycle"), fresh: false };
        while let Some(word) = words.next() {
            match word.as_str() {
                "--out" => wish.out = words.next().ok_or("--out needs a directory")?.into(),
                "--fresh" => wish.fresh = true,
                other => return Err(format!("{other}: unknown; try --out DIR or --fresh").into()),
            }
        }
        std::fs::create_dir_all(&wish.out)?;
        wish.out = wish.out.canonicalize()?;
        Ok(wish)
    }
}
