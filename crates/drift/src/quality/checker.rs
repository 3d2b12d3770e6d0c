//! All constraints, batch by batch.

use std::collections::HashMap;

use arrow::array::RecordBatch;
use rayon::prelude::*;

use super::{
    batch::Batch, constraint::Constraints, report::QualityReport, settings::CheckSettings, task::Task, validate,
};
use crate::error::Error;

/// A check in progress: takes batches one by one, and can be merged with a check of the rows that follow.
///
/// Made by [`Constraints::checker`]. Memory is a few hundred bytes per constraint, its examples, and the keys of uniqueness.
///
/// ```
/// use std::sync::Arc;
/// use lineal_drift::arrow::array::{Int64Array, RecordBatch};
/// use lineal_drift::quality::{CheckSettings, Constraint, Constraints, Rule};
///
/// let constraints = Constraints::default().with(Constraint::new("order", Rule::strictly_increasing("at")));
/// let batch = |at: Vec<i64>| RecordBatch::try_from_iter([("at", Arc::new(Int64Array::from(at)) as _)]);
/// let mut monday = constraints.checker(&CheckSettings::default())?;
/// monday.update(&batch(vec![1, 2, 3])?);
/// let mut tuesday = constraints.checker(&CheckSettings::default())?;
/// tuesday.update(&batch(vec![3, 4])?);
/// let report = monday.merge(tuesday)?.finish();
/// assert_eq!(report.results[0].message, "1 of 5 violates it: row 3 (3 after 3)");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Checker {
    constraints: Constraints,
    settings: CheckSettings,
    rows: u64,
    batches: u64,
    /// Constraints of one column together, so that its values are still in the cache for the second one.
    groups: Vec<Vec<(usize, Task)>>,
}

impl Checker {
    pub(super) fn new(constraints: &Constraints, settings: &CheckSettings) -> Result<Self, Error> {
        validate::validate(constraints)?;
        let mut groups: Vec<Vec<(usize, Task)>> = Vec::new();
        let mut places = HashMap::new();
        for (at, constraint) in constraints.constraints.iter().enumerate() {
            let place = *places.entry(constraint.rule.column()).or_insert(groups.len());
            let task = (at, Task::new(constraint, settings));
            match groups.get_mut(place) {
                Some(tasks) => tasks.push(task),
                None => groups.push(vec![task]),
            }
        }
        Ok(Self { constraints: constraints.clone(), settings: *settings, rows: 0, batches: 0, groups })
    }

    /// Takes the next batch; columns are looked at in parallel.
    pub fn update(&mut self, batch: &RecordBatch) {
        let named = Batch::new(batch, self.rows);
        self.groups.par_iter_mut().for_each(|tasks| {
            for block in named.blocks() {
                tasks.iter_mut().for_each(|(_, task)| task.update(&block));
            }
        });
        self.rows = self.rows.saturating_add(batch.num_rows() as u64);
        self.batches += 1;
    }

    /// Joins a check of the rows that follow; the result is that of one check of all rows.
    ///
    /// Only beyond [`CheckSettings::max_keys`] may it find fewer or more repetitions.
    ///
    /// # Errors
    /// [`Error::Constraint`] if the two do not have the same constraints and settings.
    pub fn merge(mut self, later: Self) -> Result<Self, Error> {
        if self.constraints != later.constraints || self.settings != later.settings {
            return Err(Error::Constraint {
                name: "merge".into(),
                reason: "the two checks have different constraints or settings".into(),
            });
        }
        let tasks = self.groups.iter_mut().flatten().zip(later.groups.into_iter().flatten());
        for ((_, task), (_, later)) in tasks {
            task.merge(later, self.rows);
        }
        self.rows = self.rows.saturating_add(later.rows);
        self.batches += later.batches;
        Ok(self)
    }

    /// Judges what was seen.
    #[must_use]
    pub fn finish(self) -> QualityReport {
        let (rows, batches) = (self.rows, self.batches);
        let mut tasks: Vec<(usize, Task)> = self.groups.into_iter().flatten().collect();
        tasks.sort_by_key(|(at, _)| *at);
        let results = tasks.into_iter().map(|(_, task)| task.finish(rows, batches)).collect();
        QualityReport { rows, batches, results }
    }
}
