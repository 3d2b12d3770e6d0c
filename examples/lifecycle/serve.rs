//! A month of serving: what the champion predicted, kept as data, and what became of it.

use std::{collections::BTreeMap, sync::Arc};

use arrow::{
    array::{ArrayRef, AsArray, Float64Array, RecordBatch, StringArray, UInt64Array},
    datatypes::{Float64Type, UInt64Type},
};
use lineal_registry::LoadedModel;

use crate::{
    features::{inputs, labelled, labels},
    ingest,
    metrics::{Bin, Scores, calibration},
    model::Model,
    release::{Champion, champion},
    split::row_keys,
    studio::{Outcome, Studio},
    train::MODEL,
};

/// A month of predictions with its outcomes.
pub(crate) struct Served {
    pub(crate) month: u8,
    /// The version that was champion.
    pub(crate) version: u64,
    pub(crate) champion: Scores,
    /// The first model, scored every month as a baseline.
    pub(crate) frozen: Scores,
    pub(crate) champion_bins: Vec<Bin>,
    pub(crate) frozen_bins: Vec<Bin>,
    /// All rows of the month, whether their outcome is known or not.
    pub(crate) rows: RecordBatch,
    /// The first model's predictions for them.
    pub(crate) frozen_predictions: Vec<f64>,
}

/// Predicts a month with the champion, or reads what was predicted, and scores it with the outcomes that arrived.
pub(crate) async fn serve(studio: &Studio, month: u8, first: &Model) -> Outcome<Served> {
    let rows = ingest::read(studio, [month]).await?;
    if !is_served(studio, month).await? {
        let (number, champion) = champion(studio).await?.ok_or("nobody is champion")?;
        predict(studio, month, &rows, number, &champion, first).await?;
    }
    let version = studio.predictions.at(&ingest::tag(month)).await?;
    let table = version.read_table(&path(month)).await?;
    let table = crate::flights::join(&table.iter().collect::<Vec<_>>())?;
    score(month, rows, &table)
}

/// Reads a verified model.
pub(crate) fn load_model(loaded: &LoadedModel) -> Outcome<Model> {
    Ok(Model::from_bytes(loaded.file(MODEL)?)?)
}

/// The day of each row, since 1970: what the flights of one day share is not counted twice.
pub(crate) fn days(rows: &RecordBatch) -> Outcome<Vec<i64>> {
    let day = |key: &String| key.split('|').next()?.parse::<i64>().ok().map(|micros| micros.div_euclid(DAY_IN_MICROS));
    row_keys(rows)?.iter().map(|key| day(key).ok_or_else(|| format!("{key}: no time").into())).collect()
}

async fn predict(
    studio: &Studio,
    month: u8,
    rows: &RecordBatch,
    number: u64,
    champion: &Champion,
    first: &Model,
) -> Outcome<()> {
    let given = inputs(rows)?;
    // The registered signature stands at the door: what does not fit it is not predicted.
    champion.schema.check(&given)?;
    let columns: [(&str, ArrayRef); 4] = [
        ("key", Arc::new(StringArray::from(row_keys(rows)?))),
        ("version", Arc::new(UInt64Array::from(vec![number; rows.num_rows()]))),
        ("probability", Arc::new(Float64Array::from(champion.predictor.predict_proba(&given)?))),
        ("frozen", Arc::new(Float64Array::from(first.predict_proba(&given)?))),
    ];
    let input = studio.flights.at(&ingest::tag(month)).await?.data_ref_of(&ingest::path(month)).await?;
    studio
        .predictions
        .commit("main")
        .with_key(&format!("serve/{}", ingest::tag(month)))
        .put_table(&path(month), &[RecordBatch::try_from_iter(columns)?])
        .message(&format!("Predictions of {} for {}", studio.champion.alias, ingest::tag(month)))
        .metadata("model", champion.model.model.as_str())
        .metadata("version", &number.to_string())
        .metadata("manifest", &champion.model.manifest.to_string())
        .metadata("decision", &champion.decision.to_string())
        .derived_from(input)
        .commit(&studio.robot.actor)
        .await?;
    studio.predictions.tag(&ingest::tag(month), "main", &studio.robot.actor).await?;
    Ok(())
}

/// Joins predictions and outcomes by key.
fn score(month: u8, rows: RecordBatch, table: &RecordBatch) -> Outcome<Served> {
    let column = |name: &str| table.column_by_name(name).ok_or_else(|| format!("no column {name}"));
    let keys = arrow::compute::cast(column("key")?, &arrow::datatypes::DataType::Utf8)?;
    let keys = keys.as_string::<i32>();
    let champion = column("probability")?.as_primitive::<Float64Type>();
    let frozen = column("frozen")?.as_primitive::<Float64Type>();
    let version = column("version")?.as_primitive::<UInt64Type>().values().first().copied().ok_or("no predictions")?;
    let place: BTreeMap<&str, usize> = keys.iter().flatten().zip(0..).collect();
    let find = |batch: &RecordBatch, values: &Float64Array| -> Outcome<Vec<f64>> {
        let found = row_keys(batch)?;
        let value = |key: &String| place.get(key.as_str()).map(|row| values.value(*row));
        found.iter().map(|key| value(key).ok_or_else(|| format!("{key} was not predicted").into())).collect()
    };
    let known = labelled(&rows)?;
    let y = labels(&known)?;
    let (p, baseline) = (find(&known, champion)?, find(&known, frozen)?);
    Ok(Served {
        month,
        version,
        champion: Scores::of(&y, &p)?,
        frozen: Scores::of(&y, &baseline)?,
        champion_bins: calibration(&y, &p)?,
        frozen_bins: calibration(&y, &baseline)?,
        frozen_predictions: find(&rows, frozen)?,
        rows,
    })
}

async fn is_served(studio: &Studio, month: u8) -> Outcome<bool> {
    Ok(studio.predictions.now().await?.tags().keys().any(|name| name.as_str() == ingest::tag(month)))
}

/// Where a month's predictions lie.
pub(crate) fn path(month: u8) -> String {
    format!("predictions/2013-{month:02}.parquet")
}

const DAY_IN_MICROS: i64 = 86_400_000_000;
