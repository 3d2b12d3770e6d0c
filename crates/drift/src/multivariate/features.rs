use super::table::{Column, Labels, Table};
use crate::error::{Error, Side};
use crate::math::moments::{largest_magnitude, mean, power_of_two_scale, std_population};

/// Columns of both sides together as numbers with mean 0 and deviation 1, rows of the reference first.
pub(super) struct Features {
    pub(super) names: Vec<String>,
    /// Row by row.
    pub(super) values: Vec<f64>,
}

impl Features {
    /// Numbers stay, a missing one becomes the mean and is marked in a column of its own; each of the most frequent labels gets a
    /// column of zeros and ones, and so do all others together, and missing ones.
    pub(super) fn of_tables(names: &[&str], reference: Table, current: Table) -> Result<Self, Error> {
        let sides = (reference.rows, current.rows);
        let mut columns = Vec::new();
        for (name, (r, c)) in names.iter().zip(reference.columns.into_iter().zip(current.columns)) {
            match (r, c) {
                (Column::Numbers(r), Column::Numbers(c)) => columns.extend(numbers(name, &r, &c)?),
                (Column::Labels(r), Column::Labels(c)) => columns.extend(labels(name, &r, &c)),
                (r, c) => return Err(Error::TypeChanged { from: r.kind().into(), to: c.kind().into() }),
            }
        }
        Ok(Self::interleaved(columns, sides.0 + sides.1))
    }

    /// Takes rows of numbers; columns are named by their place.
    pub(super) fn of_rows(values: &[f64], width: usize) -> Self {
        let column = |at: usize| (at.to_string(), values.iter().skip(at).step_by(width).copied().collect::<Vec<f64>>());
        Self::interleaved((0..width).map(column).collect(), values.len() / width.max(1))
    }

    pub(super) fn width(&self) -> usize {
        self.names.len()
    }

    fn interleaved(columns: Vec<(String, Vec<f64>)>, rows: usize) -> Self {
        let (names, mut columns): (Vec<String>, Vec<Vec<f64>>) = columns.into_iter().unzip();
        columns.iter_mut().for_each(|column| standardise(column));
        let mut values = Vec::with_capacity(rows * columns.len());
        for row in 0..rows {
            values.extend(columns.iter().map(|column| column.get(row).copied().unwrap_or_default()));
        }
        Self { names, values }
    }
}

fn numbers(name: &str, reference: &[f64], current: &[f64]) -> Result<Vec<(String, Vec<f64>)>, Error> {
    for (side, values) in [(Side::Reference, reference), (Side::Current, current)] {
        let count = values.iter().filter(|v| v.is_infinite()).count();
        if count > 0 {
            return Err(Error::Infinite { what: "domain classifier", side, count });
        }
    }
    let values: Vec<f64> = reference.iter().chain(current).copied().collect();
    let present: Vec<f64> = values.iter().copied().filter(|v| !v.is_nan()).collect();
    let usual = mean(&present);
    let filled = values.iter().map(|v| if v.is_nan() { usual } else { *v }).collect();
    let mut columns = vec![(name.to_owned(), filled)];
    if present.len() < values.len() {
        columns.push((format!("{name} is missing"), values.iter().map(|v| f64::from(u8::from(v.is_nan()))).collect()));
    }
    Ok(columns)
}

fn labels(name: &str, reference: &Labels, current: &Labels) -> Vec<(String, Vec<f64>)> {
    let frequent = most_frequent(reference, current);
    // The place of each code of a side: a label's own, or that behind all of them for the others.
    let place_of = |side: &Labels| -> Vec<usize> {
        let place = |label: &String| frequent.iter().position(|f| f == label).unwrap_or(frequent.len());
        side.names.iter().map(place).collect()
    };
    let places = [(reference, place_of(reference)), (current, place_of(current))];
    let rows = || {
        places.iter().flat_map(|(side, places)| side.codes.iter().map(move |code| code.map(|c| places.get(c).copied())))
    };
    let column = |wanted: Option<usize>| -> Vec<f64> {
        rows().map(|place| f64::from(u8::from(place.map(Option::unwrap_or_default) == wanted))).collect()
    };
    let mut columns: Vec<(String, Vec<f64>)> =
        frequent.iter().enumerate().map(|(at, label)| (format!("{name} = {label}"), column(Some(at)))).collect();
    columns.push((format!("{name} is another"), column(Some(frequent.len()))));
    columns.push((format!("{name} is missing"), column(None)));
    columns.retain(|(_, values)| values.iter().any(|v| *v > 0.0));
    columns
}

/// The most frequent labels of both sides together, ties in alphabetical order.
fn most_frequent(reference: &Labels, current: &Labels) -> Vec<String> {
    let mut counts = std::collections::BTreeMap::<&str, u64>::new();
    for side in [reference, current] {
        for (label, count) in side.names.iter().zip(side.counts()) {
            *counts.entry(label).or_default() += count;
        }
    }
    let mut counts: Vec<(&str, u64)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts.into_iter().take(MOST_LABELS).map(|(label, _)| label.to_owned()).collect()
}

/// Brings a column to mean 0 and deviation 1; a constant one to 0.
fn standardise(column: &mut [f64]) {
    let scale = power_of_two_scale(largest_magnitude(column));
    column.iter_mut().for_each(|v| *v /= scale);
    let (centre, deviation) = (mean(column), std_population(column));
    if deviation <= centre.abs() * f64::EPSILON * 8.0 {
        return column.fill(0.0);
    }
    column.iter_mut().for_each(|v| *v = (*v - centre) / deviation);
}

const MOST_LABELS: usize = 20;
