//! Which points of which attempt count: one run, one clean curve.

use std::collections::BTreeMap;

use arrow::{
    array::{BooleanArray, RecordBatch},
    compute::filter_record_batch,
    error::ArrowError,
};

use crate::{RunRecord, Segment, Summary, segment::Columns};

/// An attempt whose points count, up to the step at which the next one took over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// Number of the attempt.
    pub(crate) attempt: u32,
    /// The last step that counts; `None` for the attempt that nobody resumed from.
    pub(crate) upto: Option<u64>,
}

/// Returns the line of attempts that leads to the newest one, the first one first.
///
/// An attempt that began from nothing starts a new line; what came before it does not count any more.
pub(crate) fn line(record: &RunRecord) -> Vec<Part> {
    let mut line = Vec::new();
    let mut part = Part { attempt: u32::try_from(record.attempts.len()).unwrap_or(u32::MAX), upto: None };
    while part.attempt > 0 {
        line.push(part);
        let resumed = attempt(record, part.attempt).and_then(|attempt| attempt.resumed_from);
        match resumed.filter(|from| from.attempt < part.attempt) {
            Some(from) => part = Part { attempt: from.attempt, upto: Some(from.step.get()) },
            None => break,
        }
    }
    line.reverse();
    line
}

/// Returns the segments that may hold points that count, in the order in which they were sealed.
pub(crate) fn segments(record: &RunRecord) -> impl Iterator<Item = (Part, &Segment)> {
    let of = |part: Part| {
        attempt(record, part.attempt)
            .into_iter()
            .flat_map(move |attempt| attempt.segments.iter().map(move |segment| (part, segment)))
    };
    let counts =
        |(part, segment): &(Part, &Segment)| segment.metrics.values().any(|summary| !is_beyond(summary, *part));
    line(record).into_iter().flat_map(of).filter(counts)
}

/// Summarises what counts from the journal alone; `None` if the points themselves must be looked at.
///
/// That is so if a segment holds points on both sides of a step at which another attempt took over, or if an attempt
/// logged steps again that one before it had.
pub(crate) fn summaries(record: &RunRecord) -> Option<BTreeMap<String, Summary>> {
    if !overlapping(record).is_empty() {
        return None;
    }
    let mut whole: BTreeMap<String, Summary> = BTreeMap::new();
    for (part, segment) in segments(record) {
        for (name, summary) in segment.metrics.iter().filter(|(_, summary)| !is_beyond(summary, part)) {
            if part.upto.is_some_and(|upto| summary.last_step.get() > upto) {
                return None;
            }
            match whole.get_mut(name) {
                Some(sum) => sum.merge(summary),
                None => drop(whole.insert(name.clone(), summary.clone())),
            }
        }
    }
    Some(whole)
}

/// Returns the segments that may hold steps that an earlier attempt of the line logged, too.
pub(crate) fn overlapping(record: &RunRecord) -> Vec<(Part, &Segment)> {
    let (mut reached, mut current) = (BTreeMap::<&str, u64>::new(), BTreeMap::<&str, u64>::new());
    let (mut attempt, mut found) = (0, Vec::new());
    for (part, segment) in segments(record) {
        if part.attempt != attempt {
            attempt = part.attempt;
            for (name, step) in std::mem::take(&mut current) {
                raise(&mut reached, name, step);
            }
        }
        let again = |(name, summary): (&String, &Summary)| {
            reached.get(name.as_str()).is_some_and(|step| summary.first_step.get() <= *step)
        };
        if segment.metrics.iter().any(again) {
            found.push((part, segment));
        }
        for (name, summary) in segment.metrics.iter().filter(|(_, summary)| !is_beyond(summary, part)) {
            raise(&mut current, name, summary.last_step.get().min(part.upto.unwrap_or(u64::MAX)));
        }
    }
    found
}

fn raise<'a>(steps: &mut BTreeMap<&'a str, u64>, name: &'a str, step: u64) {
    let highest = steps.entry(name).or_default();
    *highest = step.max(*highest);
}

/// Steps that a later attempt logged again, with the number of the last that did.
#[derive(Debug, Default)]
pub(crate) struct LoggedAgain(BTreeMap<String, BTreeMap<u64, u32>>);

impl LoggedAgain {
    /// Takes in a batch of the attempts that logged steps again, as far as it counts itself.
    pub(crate) fn note(&mut self, batch: &RecordBatch, part: Part) {
        for (name, point) in Columns::of(batch).iter().flat_map(Columns::rows) {
            if part.upto.is_none_or(|upto| point.step <= upto) {
                let latest = self.0.entry(name.to_owned()).or_default().entry(point.step).or_default();
                *latest = part.attempt.max(*latest);
            }
        }
    }

    /// Tells whether a point of `attempt` was replaced.
    fn replaces(&self, name: &str, step: u64, attempt: u32) -> bool {
        self.0.get(name).and_then(|steps| steps.get(&step)).is_some_and(|latest| *latest > attempt)
    }
}

/// Keeps the rows of a batch that count.
pub(crate) fn keep(batch: &RecordBatch, part: Part, again: &LoggedAgain) -> Result<RecordBatch, ArrowError> {
    if part.upto.is_none() && again.0.is_empty() {
        return Ok(batch.clone());
    }
    let columns = Columns::of(batch);
    let rows = columns.iter().flat_map(Columns::rows);
    let counts = rows.map(|(name, point)| {
        let within = part.upto.is_none_or(|upto| point.step <= upto);
        Some(within && !again.replaces(name, point.step, part.attempt))
    });
    filter_record_batch(batch, &counts.collect::<BooleanArray>())
}

/// Tells whether all these points lie after the step at which another attempt took over.
fn is_beyond(summary: &Summary, part: Part) -> bool {
    part.upto.is_some_and(|upto| summary.first_step.get() > upto)
}

fn attempt(record: &RunRecord, number: u32) -> Option<&crate::Attempt> {
    let index = usize::try_from(number.checked_sub(1)?).ok()?;
    record.attempts.get(index)
}

#[cfg(test)]
mod tests;
