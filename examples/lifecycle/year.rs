//! The months in order.

use std::collections::BTreeMap;

use crate::{
    decide::{Move, decide},
    ingest::{Source, ingest, tag},
    metrics::Scores,
    monitor::{Monitor, Window},
    release::release,
    report::Check,
    serve::{Served, serve},
    studio::{Outcome, Studio},
    train::train,
};

/// What happened in 2013.
pub(crate) struct Year {
    pub(crate) first: FirstRelease,
    /// The first model on held-out rows of its own months.
    pub(crate) control: Scores,
    pub(crate) control_drift: Window,
    pub(crate) train_rows: usize,
    /// April to December.
    pub(crate) served: Vec<Served>,
    /// What was decided after each month, by its number; nothing after December.
    pub(crate) moves: BTreeMap<u8, Move>,
    /// Drift of each month served.
    pub(crate) drift: BTreeMap<u8, Window>,
    /// July by the model that was retrained on April to June, whether or not it became champion.
    pub(crate) july_retrained: Scores,
}

impl Year {
    /// If the control window were not quiet, no alarm of the year would mean anything.
    pub(crate) fn control_is_quiet(&self) -> Check {
        let drifted: Vec<&str> = self.control_drift.drifted_inputs().iter().map(|(name, _)| *name).collect();
        let passed = drifted.is_empty();
        Check {
            what: "Control window: held-out rows of the training months".to_owned(),
            passed,
            outcome: if passed { "quiet" } else { "drifted" }.to_owned(),
            detail: if passed { "0 of 15 inputs drifted".to_owned() } else { drifted.join(", ") },
        }
    }
}

/// How the first version came in.
pub(crate) struct FirstRelease {
    pub(crate) version: u64,
    pub(crate) approved: bool,
    /// What the gate said before anybody had approved.
    pub(crate) refused_without_approval: bool,
}

pub(crate) async fn live(studio: &Studio) -> Outcome<Year> {
    let source = Source::open()?;
    let bar = studio.bar("2013", 12);
    for month in 1..=3 {
        ingest(studio, &source, month).await?;
        bar.inc(1);
    }
    studio.at(4, 1, 3);
    let trained = train(studio, 1..=3).await?;
    let monitor = Monitor::new(&trained.train, &trained.model)?;
    // The control window comes first: if it were not quiet, no alarm would mean anything.
    let control_drift = monitor.look(&trained.held_out, trained.model.predict_proba(&trained.held_out)?)?;
    let judged = release(studio, &trained).await?;
    let decisions = studio.registry.lineage(&studio.champion.model, judged.version).await?.decisions;
    let first = FirstRelease {
        version: judged.version,
        approved: judged.decision.approved(),
        refused_without_approval: decisions.iter().any(|decision| !decision.approved()),
    };
    let mut year = Year {
        first,
        control: trained.scores,
        control_drift,
        train_rows: trained.train.num_rows(),
        served: Vec::new(),
        moves: BTreeMap::new(),
        drift: BTreeMap::new(),
        july_retrained: trained.scores,
    };
    for month in 4..=12 {
        ingest(studio, &source, month).await?;
        studio.at(month + 1, 1, 2);
        let served = serve(studio, month, &trained.model).await?;
        let window = monitor.look(&served.rows, served.frozen_predictions.clone())?;
        window.state(studio, &tag(month), served.version).await?;
        year.drift.insert(month, window);
        studio.at(month + 1, 1, 3);
        if month < 12 {
            year.moves.insert(month, decide(studio, &served, year.control.log_loss).await?);
        }
        if month == 7 {
            year.july_retrained = retrained_on_spring(studio, &served).await?;
        }
        year.served.push(served);
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(year)
}

/// Scores July by the model of April to June: the run that the June decision made, or one made for the comparison.
async fn retrained_on_spring(studio: &Studio, july: &Served) -> Outcome<Scores> {
    let spring = train(studio, 4..=6).await?;
    let rows = crate::features::labelled(&july.rows)?;
    Ok(Scores::of(&crate::features::labels(&rows)?, &spring.model.predict_proba(&rows)?)?)
}
