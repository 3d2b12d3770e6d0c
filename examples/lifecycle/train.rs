//! A run that fits a model on 70 % of three months and measures it on the others.

use std::{ops::RangeInclusive, path::Path};

use arrow::array::RecordBatch;
use lineal_core::{BlobStoreExt, DataRef, Digest, RunId, RunRef};
use lineal_runner::{Provenance, Run};
use serde::Serialize;

use crate::{
    features::labelled,
    ingest,
    metrics::Scores,
    model::{FitSettings, Model},
    split::Split,
    studio::{Outcome, Studio},
};

/// A finished run, with its model and the rows it was made of.
pub(crate) struct Trained {
    pub(crate) run: RunRef,
    pub(crate) model: Model,
    pub(crate) bytes: Vec<u8>,
    pub(crate) months: RangeInclusive<u8>,
    pub(crate) inputs: Vec<DataRef>,
    pub(crate) provenance: Option<Provenance>,
    pub(crate) train: RecordBatch,
    pub(crate) held_out: RecordBatch,
    /// The model on the held-out rows.
    pub(crate) scores: Scores,
}

/// Trains on the given months, or takes up the run that did.
pub(crate) async fn train(studio: &Studio, months: RangeInclusive<u8>) -> Outcome<Trained> {
    let name = format!("late15-until-{}", ingest::tag(*months.end()));
    let id = run_id(&name);
    let inputs = inputs(studio, months.clone()).await?;
    let rows = labelled(&ingest::read(studio, months.clone()).await?)?;
    let (train, held_out) = Split::new(SALT, TRAIN_PERMILLE).apply(&rows)?;
    let finished = studio.runs.runs().await?.iter().any(|run| run.id == id && run.finished.is_some());
    if !finished {
        execute(studio, &name, id, &inputs, train.clone(), held_out.clone()).await?;
    }
    let run = studio.runs.get(id).await?;
    let output = run.outputs.get(MODEL).ok_or("the run has no model")?;
    let bytes = studio.blobs.read_all(&output.digest).await?.to_vec();
    let model = Model::from_bytes(&bytes)?;
    let scores = Scores::of(&crate::features::labels(&held_out)?, &model.predict_proba(&held_out)?)?;
    cross_check(&run, &scores)?;
    let provenance = studio.runs.provenance(id).await?;
    let run = studio.runs.run_ref(id);
    Ok(Trained { run, model, bytes, months, inputs, provenance, train, held_out, scores })
}

/// Holds what the run logged against what its stored model scores now, on rows read anew from the dataset.
fn cross_check(run: &Run, scores: &Scores) -> Outcome<()> {
    for (name, value) in scores.named() {
        let logged = run.metrics.get(&format!("held-out/{name}")).map(|metric| metric.last.get());
        if logged.is_none_or(|logged| (logged - value).abs() > 1e-12) {
            return Err(format!("run {} logged {name} {logged:?}, its stored model scores {value}", run.name).into());
        }
    }
    Ok(())
}

/// What a run is told; floats as text, because parameters are hashed.
#[derive(Serialize)]
struct Params {
    l2: f64,
    salt: &'static str,
    train_permille: u16,
}

async fn execute(
    studio: &Studio,
    name: &str,
    id: RunId,
    inputs: &[DataRef],
    train: RecordBatch,
    held_out: RecordBatch,
) -> Outcome<()> {
    let settings = FitSettings::default();
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut run = studio
        .runs
        .run(name)
        .with_id(id)
        .params(&Params { l2: settings.l2, salt: SALT, train_permille: TRAIN_PERMILLE })
        .seed(SEED)
        .provenance(Provenance::capture(&repository)?);
    for input in inputs {
        run = run.input(input.clone());
    }
    run.execute(&studio.ana.actor, move |cx| -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let (objective, gradient) = (cx.metric("objective")?, cx.metric("gradient")?);
        let model = Model::fit(&train, &settings, |step| {
            objective.log(step.number as u64, step.objective);
            gradient.log(step.number as u64, step.gradient);
        })?;
        let labels = crate::features::labels(&held_out)?;
        let scores = Scores::of(&labels, &model.predict_proba(&held_out)?)?;
        for (name, value) in scores.named() {
            cx.metric(&format!("held-out/{name}"))?.log(0, value);
        }
        cx.artifact_as(MODEL, "application/json", model.to_bytes()?)?;
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
    })
    .await?;
    Ok(())
}

/// Each month at its own version, so that the line of descent names exactly what was read.
async fn inputs(studio: &Studio, months: RangeInclusive<u8>) -> Outcome<Vec<DataRef>> {
    let mut inputs = Vec::new();
    for month in months {
        inputs.push(studio.flights.at(&ingest::tag(month)).await?.data_ref_of(&ingest::path(month)).await?);
    }
    Ok(inputs)
}

/// The id of a run follows from its name, so that a second start of the program finds the first one's run.
fn run_id(name: &str) -> RunId {
    let digest = Digest::of(name.as_bytes());
    RunId::from_bytes(std::array::from_fn(|at| digest.as_bytes()[at]))
}

/// The name of the model among the outputs of a run and the files of a version.
pub(crate) const MODEL: &str = "model.json";
/// Salt of the split: another one gives other training rows.
const SALT: &str = "late15";
const TRAIN_PERMILLE: u16 = 700;
const SEED: u64 = 2013;
