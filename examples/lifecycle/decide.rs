//! What a month's outcomes mean for the champion: keep it, train a successor, or go back.
//!
//! Decided on realised performance, never on drift of the inputs alone. The decision is kept as data, so that a second
//! start of the program reads it instead of deciding again.

use arrow::array::RecordBatch;
use lineal_registry::Holder;
use serde::{Deserialize, Serialize};

use crate::{
    compare::{Comparison, compare_log_loss},
    features::{labelled, labels},
    ingest,
    release::release,
    serve::{Served, days, load_model},
    studio::{Outcome, Studio},
    train::train,
};

/// What was decided after a month.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum Move {
    Kept { text: String },
    Promoted { version: u64, text: String },
    Refused { version: u64, text: String },
    RolledBack { from: u64, to: u64, text: String },
}

/// Decides after `served`, or reads what was decided.
pub(crate) async fn decide(studio: &Studio, served: &Served, control_log_loss: f64) -> Outcome<Move> {
    let path = format!("decisions/{}.json", ingest::tag(served.month));
    if let Ok(version) = studio.predictions.at("main").await
        && version.file(&path).await.is_ok()
    {
        return Ok(serde_json::from_slice(&version.read(&path).await?)?);
    }
    let decided = act(studio, served, control_log_loss).await?;
    studio
        .predictions
        .commit("main")
        .with_key(&format!("decide/{}", ingest::tag(served.month)))
        .put(&path, serde_json::to_vec(&decided)?)
        .message(&format!("What {} meant for the champion", ingest::tag(served.month)))
        .commit(&studio.robot.actor)
        .await?;
    Ok(decided)
}

async fn act(studio: &Studio, served: &Served, control_log_loss: f64) -> Outcome<Move> {
    if let Some(back) = lost_to_predecessor(studio, served).await? {
        return Ok(back);
    }
    let log_loss = served.champion.log_loss;
    if log_loss <= control_log_loss + TOLERANCE {
        let text =
            format!("Log loss {log_loss:.3} is within {TOLERANCE} of the control window's {control_log_loss:.3}.");
        return Ok(Move::Kept { text });
    }
    let trained = train(studio, served.month - 2..=served.month).await?;
    let judged = release(studio, &trained).await?;
    let against = judged.comparison.as_ref().map_or_else(String::new, |comparison| format!(": {}", say(comparison)));
    let version = judged.version;
    Ok(if judged.decision.approved() {
        let text =
            format!("Log loss {log_loss:.3} in {}; retrained on three months{against}.", ingest::tag(served.month));
        Move::Promoted { version, text }
    } else {
        let text = format!("Retrained on three months, but the gate refused{against}.");
        Move::Refused { version, text }
    })
}

/// Goes back if the version before would have done better in the month, and not by luck.
async fn lost_to_predecessor(studio: &Studio, served: &Served) -> Outcome<Option<Move>> {
    let line = line(&studio.registry.history(&studio.champion).await?);
    let [.., before, current] = line.as_slice() else { return Ok(None) };
    if *current != served.version {
        // Another version took over since the month began; it has not been seen at work yet.
        return Ok(None);
    }
    let environment = &studio.champion.environment;
    let earlier = studio.registry.release_version(&studio.champion.model, *before, environment).await?.load().await?;
    let present = studio.registry.load(&studio.champion).await?;
    let rows: RecordBatch = labelled(&served.rows)?;
    let (old, new) = (load_model(&earlier)?.predict_proba(&rows)?, load_model(&present)?.predict_proba(&rows)?);
    let comparison = compare_log_loss(&labels(&rows)?, &old, &new, &days(&rows)?)?;
    if comparison.difference <= 0.0 || comparison.p_value >= SURE {
        return Ok(None);
    }
    let text = format!("Version {current} lost to version {before} in the month: {}.", say(&comparison));
    let to = studio.registry.rollback(&studio.champion, *current, &text, &studio.robot.actor).await?;
    Ok(Some(Move::RolledBack { from: *current, to, text }))
}

/// The stable versions of an alias up to now: a version that was rolled back from is not among them.
fn line(history: &[Holder]) -> Vec<u64> {
    let mut line: Vec<u64> = Vec::new();
    for holder in history {
        match line.iter().position(|version| *version == holder.version) {
            Some(at) => line.truncate(at + 1),
            None => line.push(holder.version),
        }
    }
    line
}

fn say(comparison: &Comparison) -> String {
    let p = if comparison.p_value < 1e-4 { "p < .0001".to_owned() } else { format!("p = {:.4}", comparison.p_value) };
    let (low, high) = comparison.interval();
    let Comparison { champion, candidate, .. } = comparison;
    format!("log loss {candidate:.3} instead of {champion:.3}, difference {low:+.3} to {high:+.3}, {p}")
}

/// How much worse than on its own months a champion may be before a successor is trained.
const TOLERANCE: f64 = 0.05;
/// Two-sided p-value below which the month's difference to the predecessor counts.
const SURE: f64 = 0.05;
