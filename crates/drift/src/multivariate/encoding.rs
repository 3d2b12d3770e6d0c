use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::table::{Column, Labels};
use crate::error::{Error, Side};
use crate::math::moments::{largest_magnitude, mean, power_of_two_scale, squared_deviations};

/// How values of a column become numbers with mean 0 and deviation 1 in the reference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Encoding {
    values: Values,
    mean: f64,
    deviation: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Values {
    /// Numbers stay; a missing one becomes the mean.
    Numbers { mean: f64 },
    /// A label becomes the share of its rows in the reference, an unknown one 0, a missing one that of the most frequent label.
    Labels { shares: BTreeMap<String, f64>, missing: f64 },
}

impl Encoding {
    /// Learns from a column of the reference and encodes it.
    pub(super) fn learn(column: &Column) -> Result<(Self, Vec<f64>), Error> {
        let values = match column {
            Column::Numbers(values) => Values::Numbers { mean: mean_present(values)? },
            Column::Labels(labels) => learn_labels(labels)?,
        };
        let mut encoding = Self { values, mean: 0.0, deviation: 1.0 };
        let mut encoded = encoding.encode(column, Side::Reference)?;
        let scale = power_of_two_scale(largest_magnitude(&encoded));
        let scaled: Vec<f64> = encoded.iter().map(|v| v / scale).collect();
        let deviation = (squared_deviations(&scaled) / scaled.len() as f64).sqrt();
        encoding.mean = mean(&encoded);
        // A column whose spread is rounding has none; dividing by it would make noise of the size of the other columns.
        let is_constant = deviation * scale <= encoding.mean.abs() * f64::EPSILON * SPREAD_IS_ROUNDING;
        encoding.deviation = if is_constant { 1.0 } else { deviation * scale };
        encoding.standardise(&mut encoded)?;
        Ok((encoding, encoded))
    }

    /// Encodes a column of either side.
    pub(super) fn apply(&self, column: &Column) -> Result<Vec<f64>, Error> {
        let mut encoded = self.encode(column, Side::Current)?;
        self.standardise(&mut encoded)?;
        Ok(encoded)
    }

    fn encode(&self, column: &Column, side: Side) -> Result<Vec<f64>, Error> {
        match (&self.values, column) {
            (Values::Numbers { mean }, Column::Numbers(values)) => {
                match values.iter().filter(|v| v.is_infinite()).count() {
                    0 => Ok(values.iter().map(|v| if v.is_nan() { *mean } else { *v }).collect()),
                    count => Err(Error::Infinite { what: WHAT, side, count }),
                }
            }
            (Values::Labels { shares, missing }, Column::Labels(labels)) => {
                let known: Vec<f64> = labels.names.iter().map(|n| shares.get(n).copied().unwrap_or(0.0)).collect();
                let share = |code: &Option<usize>| code.and_then(|code| known.get(code).copied()).unwrap_or(*missing);
                Ok(labels.codes.iter().map(share).collect())
            }
            (values, column) => Err(Error::TypeChanged { from: values.kind().into(), to: column.kind().into() }),
        }
    }

    fn standardise(&self, values: &mut [f64]) -> Result<(), Error> {
        for value in values {
            *value = (*value - self.mean) / self.deviation;
            if !value.is_finite() {
                return Err(Error::Range { what: WHAT });
            }
        }
        Ok(())
    }
}

impl Values {
    fn kind(&self) -> &'static str {
        match self {
            Self::Numbers { .. } => "numbers",
            Self::Labels { .. } => "labels",
        }
    }
}

fn mean_present(values: &[f64]) -> Result<f64, Error> {
    let present: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    if present.is_empty() && values.iter().all(|v| v.is_nan()) {
        return Err(Error::Empty { what: WHAT, side: Side::Reference });
    }
    Ok(mean(&present))
}

/// Missing rows count as rows of the most frequent label, the first in alphabetical order where several are.
fn learn_labels(labels: &Labels) -> Result<Values, Error> {
    let mut counts: BTreeMap<String, u64> = labels.names.iter().cloned().zip(labels.counts()).collect();
    let most = counts.iter().max_by(|a, b| a.1.cmp(b.1).then_with(|| b.0.cmp(a.0))).map(|(name, _)| name.clone());
    let most = most.ok_or(Error::Empty { what: WHAT, side: Side::Reference })?;
    let missing = labels.codes.iter().filter(|code| code.is_none()).count() as u64;
    *counts.entry(most.clone()).or_default() += missing;
    let rows = labels.codes.len() as f64;
    let shares: BTreeMap<String, f64> = counts.into_iter().map(|(name, count)| (name, count as f64 / rows)).collect();
    let missing = shares.get(&most).copied().unwrap_or_default();
    Ok(Values::Labels { shares, missing })
}

const WHAT: &str = "reconstruction error";

/// A deviation of so many units in the last place of the mean is none.
const SPREAD_IS_ROUNDING: f64 = 8.0;
