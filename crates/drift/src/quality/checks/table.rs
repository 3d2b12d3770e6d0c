//! Rules about the table as a whole: types, rows, columns.

use std::collections::BTreeSet;

use super::Verdict;
use crate::{
    arrays::type_name,
    quality::{
        batch::Block,
        column_type::ColumnType,
        report::UncheckedReason,
        tally::{Tally, shortened},
    },
};

/// Whether a column is of a family of types in every batch.
#[derive(Clone, Debug)]
pub(in crate::quality) struct Type {
    column: String,
    is: ColumnType,
    /// The first type seen, and the first that is wrong.
    seen: Option<Box<str>>,
    wrong: Option<Box<str>>,
}

impl Type {
    pub(super) fn new(column: &str, is: ColumnType) -> Self {
        Self { column: column.to_owned(), is, seen: None, wrong: None }
    }

    pub(super) fn update(&mut self, block: &Block<'_>, tally: &mut Tally) -> Result<(), UncheckedReason> {
        let array = block.array(&self.column)?;
        let name = || type_name(array.data_type());
        tally.checked += block.rows();
        self.seen.get_or_insert_with(name);
        if ColumnType::of(array.data_type()) != self.is {
            tally.violating += block.rows();
            if self.wrong.is_none() && block.rows() > 0 {
                tally.example(block.row(0), || name().into());
            }
            self.wrong.get_or_insert_with(name);
        }
        Ok(())
    }

    pub(super) fn merge(&mut self, later: Self) {
        self.seen = self.seen.take().or(later.seen);
        self.wrong = self.wrong.take().or(later.wrong);
    }

    pub(super) fn finish(&self) -> Verdict {
        match (&self.wrong, &self.seen) {
            (Some(wrong), _) => Verdict::Whole { holds: false, observed: format!("it is of type {wrong}") },
            (None, Some(seen)) => Verdict::Whole { holds: true, observed: format!("it is of type {seen}") },
            (None, None) => Verdict::Nothing,
        }
    }
}

/// The number of rows.
#[derive(Clone, Debug)]
pub(in crate::quality) struct Rows {
    min: u64,
    max: u64,
    rows: u64,
}

impl Rows {
    pub(super) fn new(min: Option<u64>, max: Option<u64>) -> Self {
        Self { min: min.unwrap_or(0), max: max.unwrap_or(u64::MAX), rows: 0 }
    }

    pub(super) fn update(&mut self, block: &Block<'_>) {
        self.rows = self.rows.saturating_add(block.rows());
    }

    pub(super) fn merge(&mut self, later: &Self) {
        self.rows = self.rows.saturating_add(later.rows);
    }

    pub(super) fn finish(&self) -> Verdict {
        let holds = (self.min..=self.max).contains(&self.rows);
        Verdict::Whole { holds, observed: format!("it is {}", self.rows) }
    }
}

/// Which columns there are.
#[derive(Clone, Debug)]
pub(in crate::quality) struct Columns {
    names: BTreeSet<String>,
    exact: bool,
    any_batch: bool,
    missing: BTreeSet<String>,
    unexpected: BTreeSet<String>,
}

impl Columns {
    pub(super) fn new(names: &[String], exact: bool) -> Self {
        let names = names.iter().cloned().collect();
        Self { names, exact, any_batch: false, missing: BTreeSet::new(), unexpected: BTreeSet::new() }
    }

    pub(super) fn update(&mut self, block: &Block<'_>) {
        self.any_batch = true;
        self.missing.extend(self.names.iter().filter(|name| !block.has(name)).cloned());
        if self.exact && self.unexpected.len() < KEPT {
            let unexpected = block.names().filter(|name| !self.names.contains(*name));
            self.unexpected.extend(unexpected.take(KEPT).map(shortened));
        }
    }

    pub(super) fn merge(&mut self, later: Self) {
        self.any_batch |= later.any_batch;
        self.missing.extend(later.missing);
        self.unexpected.extend(later.unexpected);
    }

    pub(super) fn finish(&self) -> Verdict {
        if !self.any_batch {
            return Verdict::Nothing;
        }
        let holds = self.missing.is_empty() && self.unexpected.is_empty();
        let complaints = [listed("missing", &self.missing), listed("unexpected", &self.unexpected)];
        let complaints: Vec<String> = complaints.into_iter().flatten().collect();
        let observed = if holds { "they are there".to_owned() } else { complaints.join("; ") };
        Verdict::Whole { holds, observed }
    }
}

fn listed(what: &str, names: &BTreeSet<String>) -> Option<String> {
    let shown: Vec<String> = names.iter().take(SHOWN).map(|name| shortened(name)).collect();
    let more = match names.len().saturating_sub(SHOWN) {
        0 => "",
        _ => " and more",
    };
    (!shown.is_empty()).then(|| format!("{what}: {}{more}", shown.join(", ")))
}

/// Names that a message tells, and unexpected names that are kept.
const SHOWN: usize = 10;
const KEPT: usize = 100;
