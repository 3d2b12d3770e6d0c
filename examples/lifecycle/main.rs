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
mod split;

use std::{error::Error, path::Path, time::Instant};

use compare::{compare_auc, compare_log_loss};
use features::{inputs, labelled, labels};
use metrics::Scores;
use model::{FitSettings, Model};
use split::Split;

fn main() -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/data/flights_2013.parquet"));
    let by_month = flights::load(path)?;
    println!("loaded in {:.2?}", start.elapsed());
    let split = Split::new("late15", 700);
    let (train, held_out) = split.apply(&labelled(&flights::months(&by_month, 1..=3)?)?)?;
    let start = Instant::now();
    let frozen = Model::fit(&train, &FitSettings::default(), |step| println!("{step:?}"))?;
    println!("fitted on {} rows in {:.2?}", train.num_rows(), start.elapsed());
    println!("{} bytes", frozen.to_bytes()?.len());
    assert_eq!(Model::from_bytes(&frozen.to_bytes()?)?, frozen);
    let p = frozen.predict_proba(&inputs(&held_out)?)?;
    line("control", &Scores::of(&labels(&held_out)?, &p)?);
    for month in 4..=12_u8 {
        let served = labelled(&flights::months(&by_month, [month])?)?;
        let y = labels(&served)?;
        let p = frozen.predict_proba(&served)?;
        line(&format!("{month:>2} frozen"), &Scores::of(&y, &p)?);
        let (train, _) = split.apply(&labelled(&flights::months(&by_month, month - 3..month)?)?)?;
        let retrained = Model::fit(&train, &FitSettings::default(), |_| ())?;
        let q = retrained.predict_proba(&served)?;
        line("   retrained", &Scores::of(&y, &q)?);
        let days: Vec<i64> = split::row_keys(&served)?
            .iter()
            .filter_map(|key| key.split('|').next()?.parse::<i64>().ok())
            .map(|time| time / 86_400_000_000)
            .collect();
        println!("   {:?}\n   {:?}", compare_log_loss(&y, &p, &q, &days)?, compare_auc(&y, &p, &q)?);
    }
    println!("{:.2?}", start.elapsed());
    Ok(())
}

fn line(name: &str, s: &Scores) {
    println!(
        "{name:<14} {:>6} AUC {:.4} log loss {:.4} Brier {:.4} base {:.4} mean {:.4} ECE {:.4}",
        s.rows, s.auc, s.log_loss, s.brier, s.base_rate, s.mean_prediction, s.ece
    );
}
