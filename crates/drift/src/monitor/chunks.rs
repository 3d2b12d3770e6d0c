//! Usual scores, from chunks of the reference that are each held against all the others.

use std::collections::BTreeMap;

use arrow::array::RecordBatch;

use super::batch::Columns;
use super::counts::Counts;
use super::measure;
use super::reference::{Feature, MonitorReference};
use crate::band::Band;
use crate::error::Error;
use crate::method::Method;

/// Returns a band per feature and method; rows behind the last whole chunk are left out. Memory: the scores, not the counts, of all chunks.
///
/// A chunk is scored against the rows that are not in it, because against rows that hold it it would look too near.
pub(crate) fn usual_scores(
    reference: &MonitorReference,
    batches: &[RecordBatch],
    chunk_rows: u64,
    deviations: f64,
) -> Result<Vec<BTreeMap<Method, Band>>, Error> {
    let mut scores = vec![BTreeMap::<Method, Vec<f64>>::new(); reference.features().len()];
    let mut chunks = 0;
    for_each_chunk(reference, batches, chunk_rows, |chunk| {
        chunks += 1;
        for (feature, scores) in reference.features().iter().zip(&mut scores) {
            add_scores(feature, chunk, scores);
        }
    })?;
    if chunks < 2 {
        return Err(Error::TooFew { what: "learning from chunks", needs: "at least two whole chunks" });
    }
    scores.into_iter().map(|scores| bands(scores, deviations)).collect()
}

fn for_each_chunk(
    reference: &MonitorReference,
    batches: &[RecordBatch],
    chunk_rows: u64,
    mut each: impl FnMut(&Counts),
) -> Result<(), Error> {
    let mut open = Counts::empty(reference);
    for batch in batches {
        let columns = Columns::read(reference, batch)?;
        let mut from = 0;
        while from < columns.rows() {
            let room = usize::try_from(chunk_rows.saturating_sub(open.rows)).unwrap_or(usize::MAX).max(1);
            let to = columns.rows().min(from.saturating_add(room));
            columns.add_rows(reference, from..to, &mut open);
            from = to;
            if open.rows >= chunk_rows {
                each(&open);
                open = Counts::empty(reference);
            }
        }
    }
    Ok(())
}

/// Leaves out a chunk where one of the sides has no value.
fn add_scores(feature: &Feature, chunk: &Counts, scores: &mut BTreeMap<Method, Vec<f64>>) {
    let own = feature.slice(&chunk.cells).get(..feature.counts.len()).unwrap_or_default();
    let rest: Vec<u64> = feature.counts.iter().zip(own).map(|(all, own)| all.saturating_sub(*own)).collect();
    for method in measure::METHODS.into_iter().filter(|method| measure::require(*method, feature.kind()).is_ok()) {
        if let Ok(score) = measure::score(method, &rest, own) {
            scores.entry(method).or_default().push(score);
        }
    }
}

fn bands(scores: BTreeMap<Method, Vec<f64>>, deviations: f64) -> Result<BTreeMap<Method, Band>, Error> {
    let enough = scores.into_iter().filter(|(_, scores)| scores.len() > 1);
    enough.map(|(method, scores)| Ok((method, Band::learn(&scores, deviations)?.upper_only()))).collect()
}
