//! From profiles of columns to constraints.

use std::collections::HashMap;

use arrow::{array::RecordBatch, error::ArrowError};
use lineal_core::Timestamp;
use rayon::prelude::*;

use super::{
    batch::Batch,
    cell::{KeptCell, instant, saturated},
    column_type::ColumnType,
    constraint::{Constraint, Constraints},
    inference::{Evidence, InferSettings, Inference, LeftOut},
    profile::Profile,
    rule::Rule,
    scalar::Scalar,
};
use crate::{arrays::type_name, error::Error};

pub(super) fn infer(
    batches: impl Iterator<Item = Result<RecordBatch, ArrowError>>,
    settings: &InferSettings,
) -> Result<Inference, Error> {
    settings.check()?;
    let mut reference = Reference::default();
    for (at, batch) in (0_u64..).zip(batches) {
        reference.update(&batch.map_err(|source| Error::Batch { at, source: Box::new(source) })?, settings);
    }
    if reference.batches == 0 {
        return Err(Error::NoReference);
    }
    Ok(reference.finish(settings))
}

#[derive(Debug, Default)]
struct Reference {
    rows: u64,
    batches: u64,
    /// In the order in which columns came up.
    profiles: Vec<Profile>,
    places: HashMap<String, usize>,
}

impl Reference {
    fn update(&mut self, batch: &RecordBatch, settings: &InferSettings) {
        for field in batch.schema_ref().fields() {
            if !self.places.contains_key(field.name()) {
                self.places.insert(field.name().clone(), self.profiles.len());
                self.profiles.push(Profile::new(field.name(), settings));
            }
        }
        let named = Batch::new(batch, self.rows);
        self.profiles.par_iter_mut().for_each(|profile| {
            if named.has(&profile.column) {
                profile.batches += 1;
                named.blocks().for_each(|block| profile.update(&block));
            }
        });
        self.rows = self.rows.saturating_add(batch.num_rows() as u64);
        self.batches += 1;
    }

    fn finish(mut self, settings: &InferSettings) -> Inference {
        self.profiles.par_iter_mut().for_each(Profile::finish);
        let mut found = Found { settings, constraints: Vec::new(), evidence: Vec::new(), left_out: Vec::new() };
        let everywhere = |profile: &&Profile| profile.batches == self.batches;
        let names: Vec<String> = self.profiles.iter().filter(everywhere).map(|p| p.column.clone()).collect();
        let observed = format!("{} columns in every batch", names.len());
        let exact = names.len() == self.profiles.len();
        found.add("columns".to_owned(), Rule::Columns { names, exact }, 0.0, self.rows, observed);
        for profile in &self.profiles {
            match &profile.trouble {
                Some(reason) => found.leave_out(profile, reason),
                None if !everywhere(&profile) => found.leave_out(profile, "it is not in all batches"),
                None => found.column(profile),
            }
        }
        let Found { constraints, evidence, left_out, .. } = found;
        Inference { rows: self.rows, constraints: Constraints { constraints }, evidence, left_out }
    }
}

struct Found<'a> {
    settings: &'a InferSettings,
    constraints: Vec<Constraint>,
    evidence: Vec<Evidence>,
    left_out: Vec<LeftOut>,
}

impl Found<'_> {
    fn add(&mut self, name: String, rule: Rule, tolerance: f64, rows: u64, observed: String) {
        self.evidence.push(Evidence { constraint: name.clone(), rows, observed });
        let severity = self.settings.severity;
        self.constraints.push(Constraint { name, severity, tolerance, rule });
    }

    /// Adds a rule about the values of a column that are present.
    fn add_to(&mut self, profile: &Profile, name: &str, rule: Rule, observed: String) {
        self.add(format!("{}.{name}", profile.column), rule, 0.0, profile.present(), observed);
    }

    fn leave_out(&mut self, profile: &Profile, reason: &str) {
        self.left_out.push(LeftOut { column: profile.column.clone(), reason: reason.to_owned() });
    }

    fn column(&mut self, profile: &Profile) {
        match (&profile.data_type, profile.column_type()) {
            (Some(data_type), is) if is != ColumnType::Null => {
                let rule = Rule::of_type(&profile.column, is);
                let name = format!("{}.type", profile.column);
                self.add(name, rule, 0.0, profile.rows, type_name(data_type).into());
            }
            _ => self.leave_out(profile, "it is nothing but nulls by type"),
        }
        self.not_null(profile);
        let has_set = self.set(profile);
        if !has_set {
            self.range(profile);
            self.length(profile);
        }
        self.key(profile);
        self.order(profile);
    }

    fn not_null(&mut self, profile: &Profile) {
        let missing = profile.missing as f64 / profile.rows as f64;
        let tolerance = match profile.missing {
            0 => 0.0,
            _ => missing + self.settings.missing_margin,
        };
        if profile.rows > 0 && tolerance < 1.0 {
            let observed = format!("{} missing", profile.missing);
            self.add(
                format!("{}.not_null", profile.column),
                Rule::not_null(&profile.column),
                tolerance,
                profile.rows,
                observed,
            );
        }
    }

    /// Adds the set of values if they are few and come often.
    fn set(&mut self, profile: &Profile) -> bool {
        let Some(distinct) = profile.distinct.as_ref().filter(|distinct| !distinct.is_empty()) else { return false };
        let is_trivial = profile.column_type() == ColumnType::Boolean && distinct.len() == 2;
        let needs = self.settings.min_rows.max(10 * distinct.len() as u64);
        if is_trivial || profile.present() < needs {
            return false;
        }
        let mut values: Vec<&KeptCell> = distinct.values().collect();
        values.sort_by(|a, b| a.cell().compare(b.cell()).unwrap_or(std::cmp::Ordering::Equal));
        let rule =
            Rule::OneOf { column: profile.column.clone(), values: values.into_iter().filter_map(label).collect() };
        self.add_to(profile, "one_of", rule, format!("{} distinct", distinct.len()));
        true
    }

    fn range(&mut self, profile: &Profile) {
        let Some((least, most)) = &profile.extremes else { return };
        let observed = format!("from {} to {}", least.cell().readable(), most.cell().readable());
        let margin = self.settings.range_margin;
        let (min, max) = match (least, most) {
            (KeptCell::Integer(least), KeptCell::Integer(most)) | (KeptCell::Span(least), KeptCell::Span(most)) => {
                let (min, max) = widened(*least, *most, margin);
                (Some(integer_at_most(min)), Some(integer_at_least(max)))
            }
            (KeptCell::Float(_), KeptCell::Float(_)) if profile.has_infinity => (None, None),
            (KeptCell::Float(least), KeptCell::Float(most)) => {
                let (min, max) = widened_floats(*least, *most, margin);
                (Some(min.into()), Some(max.into()))
            }
            (KeptCell::Instant(least), KeptCell::Instant(most)) => {
                (instant_at_most(widened(*least, *most, margin).0, profile.column_type()), None)
            }
            _ => return,
        };
        // Keys and counters go on where the reference ends.
        let max = max.filter(|_| !(self.is_key(profile) || self.is_in_order(profile)));
        if min.is_none() && max.is_none() {
            return self.leave_out(profile, "no range: it holds infinities, or times before 1677");
        }
        self.add_to(profile, "range", Rule::Range { column: profile.column.clone(), min, max }, observed);
    }

    fn length(&mut self, profile: &Profile) {
        if let Some((least, most)) = profile.lengths
            && least == most
            && profile.present() >= self.settings.min_rows
        {
            let observed = format!("always {least} characters");
            self.add_to(profile, "length", Rule::length(&profile.column, least..=most), observed);
        }
    }

    fn key(&mut self, profile: &Profile) {
        if self.is_key(profile) {
            let observed = format!("{} distinct", profile.present());
            self.add_to(profile, "unique", Rule::unique([profile.column.as_str()]), observed);
        }
    }

    fn is_key(&self, profile: &Profile) -> bool {
        profile.is_unique() && profile.present() >= self.settings.min_rows.max(2)
    }

    fn order(&mut self, profile: &Profile) {
        if self.is_in_order(profile) {
            let strict = profile.is_strictly_increasing();
            let observed = if strict { "each greater than the one before" } else { "none less than the one before" };
            let rule = Rule::Increasing { column: profile.column.clone(), strict };
            self.add_to(profile, "increasing", rule, observed.to_owned());
        }
    }

    fn is_in_order(&self, profile: &Profile) -> bool {
        let is_constant = profile.extremes.as_ref().is_none_or(|(least, most)| least == most);
        !is_constant && profile.is_increasing() && profile.present() >= self.settings.min_rows
    }
}

fn label(cell: &KeptCell) -> Option<Scalar> {
    match cell {
        KeptCell::Bool(value) => Some(Scalar::Bool(*value)),
        KeptCell::Integer(value) => Some(Scalar::Integer(*value)),
        KeptCell::Text(value) => Some(Scalar::Text(value.clone())),
        KeptCell::Float(_) | KeptCell::Instant(_) | KeptCell::Span(_) => None,
    }
}

/// Adds a share of the width at both ends; what has no negative value gets none.
fn widened(least: i128, most: i128, margin: f64) -> (i128, i128) {
    let margin = saturated(((most - least) as f64 * margin).ceil());
    let min = least.saturating_sub(margin);
    (if least >= 0 { min.max(0) } else { min }, most.saturating_add(margin))
}

fn widened_floats(least: f64, most: f64, margin: f64) -> (f64, f64) {
    // Half of each, for the width of all floats is not a float.
    let margin = ((most / 2.0 - least / 2.0) * margin).min(f64::MAX / 2.0) * 2.0;
    let (min, max) = (least - margin, most + margin);
    (if least >= 0.0 { min.max(0.0) } else { min.max(f64::MIN) }, max.min(f64::MAX))
}

/// Returns a limit that is not above an integer and that every format can carry: beyond 63 bits a float.
fn integer_at_most(value: i128) -> Scalar {
    match i64::try_from(value) {
        Ok(value) => value.into(),
        Err(_) => {
            Scalar::Float(if saturated(value as f64) > value { (value as f64).next_down() } else { value as f64 })
        }
    }
}

/// Returns a limit that is not below an integer and that every format can carry: beyond 63 bits a float.
fn integer_at_least(value: i128) -> Scalar {
    match i64::try_from(value) {
        Ok(value) => value.into(),
        Err(_) => Scalar::Float(if saturated(value as f64) < value { (value as f64).next_up() } else { value as f64 }),
    }
}

/// Returns a limit of times that is not after a moment, a day for a column of days; `None` before the year 1677.
fn instant_at_most(nanos: i128, of: ColumnType) -> Option<Scalar> {
    match i64::try_from(nanos) {
        Ok(_) => {
            let text = instant(nanos);
            let day = text.get(..10).filter(|_| of == ColumnType::Date);
            Some(Scalar::Text(day.map_or_else(|| text.clone(), str::to_owned)))
        }
        Err(_) if nanos > 0 => Some(Timestamp::MAX.into()),
        Err(_) => None,
    }
}
