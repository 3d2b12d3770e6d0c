use arrow::array::RecordBatch;
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::covariance::correlations;
use super::encoding::Encoding;
use super::principal::{Principal, reconstruction_errors};
use super::rows::Rows;
use super::table::{Column, Table};
use crate::error::{Error, Side};
use crate::math::moments::mean;
use crate::math::symmetric::Eigen;

/// Tells how badly rows fit the structure of a reference: its columns are compressed to few principal components and back.
///
/// Columns that keep their own distributions but not their relations show here. Labels become their share in the reference (an unknown
/// label 0), missing values the mean or the most frequent label; columns are standardised; as many components are kept as explain more
/// than a share of the variance. The error of a row is the Euclidean distance between it and what comes back, `0.0..`, in deviations.
/// Number for number as `NannyML`'s `DataReconstructionDriftCalculator`. Learning takes O(n d² + d³) time and one copy of the columns;
/// what is learnt has no rows in it, and serialises. Results do not depend on the number of threads.
/// Source: Jackson and Mudholkar, Control Procedures for Residuals Associated with Principal Component Analysis (1979).
///
/// ```
/// use std::sync::Arc;
/// use arrow::array::{Float64Array, RecordBatch};
/// use lineal_drift::{Band, multivariate::Reconstruction};
///
/// // Each column keeps its values, but they no longer move together.
/// let batch = |step: usize| {
///     let a = Float64Array::from_iter_values((0..200).map(|i| (i % 20) as f64));
///     let b = Float64Array::from_iter_values((0..200).map(|i| (i * step % 20) as f64));
///     RecordBatch::try_from_iter([("a", Arc::new(a) as _), ("b", Arc::new(b) as _)])
/// };
/// let (reference, current) = ([batch(1)?], [batch(7)?]);
/// let learnt = Reconstruction::learn(&reference, &["a", "b"], 0.65)?;
/// let usual = Band::learn(&learnt.errors_of_chunks(&reference, 50)?, 3.0)?.within(0.0, f64::INFINITY);
/// assert!(learnt.errors_of_chunks(&current, 50)?.into_iter().all(|error| usual.is_beyond(error)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reconstruction {
    columns: Vec<LearntColumn>,
    principal: Principal,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct LearntColumn {
    name: String,
    encoding: Encoding,
}

impl Reconstruction {
    /// Learns from the named columns of a reference: numbers and times, texts and booleans.
    ///
    /// Components are kept, greatest variance first, until they explain more than `explained_variance` of it, 0 to 1; 0.65 is usual.
    ///
    /// # Errors
    /// [`Error::Setting`] for a share out of range; [`Error::Empty`] without columns or rows, or for a column without any value;
    /// [`Error::Ambiguous`] for a column that is not there exactly once; [`Error::TypeChanged`], [`Error::UnsupportedType`],
    /// [`Error::Infinite`] and [`Error::Range`] as their names say.
    pub fn learn<N: AsRef<str>>(
        reference: &[RecordBatch],
        columns: &[N],
        explained_variance: f64,
    ) -> Result<Self, Error> {
        check_share(explained_variance)?;
        let table = Table::read(reference, columns, Side::Reference)?;
        if table.rows == 0 || table.columns.is_empty() {
            return Err(Error::Empty { what: WHAT, side: Side::Reference });
        }
        let learnt = table.columns.par_iter().map(Encoding::learn).collect::<Result<Vec<_>, _>>()?;
        let (encodings, values): (Vec<Encoding>, Vec<Vec<f64>>) = learnt.into_iter().unzip();
        let principal = principal(&interleaved(&values), values.len(), explained_variance);
        let named = columns.iter().zip(encodings);
        let columns = named.map(|(name, encoding)| LearntColumn { name: name.as_ref().to_owned(), encoding }).collect();
        Ok(Self { columns, principal })
    }

    /// Returns how many components are kept.
    #[must_use]
    pub fn components(&self) -> usize {
        self.principal.components()
    }

    /// Returns the share of the variance that the components explain, 0 to 1.
    #[must_use]
    pub fn explained_variance(&self) -> f64 {
        self.principal.explained()
    }

    /// Returns the error of each row, in order.
    ///
    /// # Errors
    /// As [`Reconstruction::learn`], of the current side; [`Error::TypeChanged`] if numbers became labels or labels numbers.
    pub fn errors(&self, batches: &[RecordBatch]) -> Result<Vec<f64>, Error> {
        let names: Vec<&str> = self.columns.iter().map(|column| column.name.as_str()).collect();
        let table = Table::read(batches, &names, Side::Current)?;
        let pairs: Vec<(&LearntColumn, &Column)> = self.columns.iter().zip(&table.columns).collect();
        let encoded = pairs.par_iter().map(|(learnt, column)| learnt.encoding.apply(column));
        let encoded = encoded.collect::<Result<Vec<_>, _>>()?;
        finite(reconstruction_errors(&self.principal, &interleaved(&encoded), encoded.len()))
    }

    /// Returns the mean error of each chunk of so many rows in order; the last chunk may be shorter.
    ///
    /// Those of the reference teach a [`Band`](crate::Band) of what is usual.
    ///
    /// # Errors
    /// As [`Reconstruction::errors`]; [`Error::Setting`] for chunks of no rows.
    pub fn errors_of_chunks(&self, batches: &[RecordBatch], chunk_rows: usize) -> Result<Vec<f64>, Error> {
        if chunk_rows == 0 {
            return Err(Error::Setting { name: "chunk_rows", value: 0.0, rule: "at least 1" });
        }
        Ok(self.errors(batches)?.chunks(chunk_rows).map(mean).collect())
    }
}

/// The same of rows that are numbers already, such as embeddings: they are centred but not standardised.
///
/// ```
/// use lineal_drift::multivariate::RowReconstruction;
/// use ndarray::Array2;
///
/// let rows = |slope: f64| Array2::from_shape_fn((100, 2), |(i, j)| i as f64 * if j == 0 { 1.0 } else { slope });
/// let learnt = RowReconstruction::learn(rows(2.0).view(), 0.65)?;
/// assert_eq!(learnt.components(), 1);
/// assert!(learnt.errors(rows(2.0).view())?.iter().all(|error| *error < 1e-9));
/// assert!(learnt.errors(rows(-2.0).view())?.iter().sum::<f64>() > 100.0);
/// # Ok::<(), lineal_drift::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RowReconstruction {
    means: Vec<f64>,
    principal: Principal,
}

impl RowReconstruction {
    /// Learns from rows of a reference, shape (n, d); see [`Reconstruction::learn`].
    ///
    /// # Errors
    /// [`Error::Setting`] for a share out of range, [`Error::Empty`] without rows, [`Error::Infinite`] for values that are not finite,
    /// [`Error::Range`] for values whose squares are beyond `f64`.
    pub fn learn(reference: ArrayView2<'_, f64>, explained_variance: f64) -> Result<Self, Error> {
        check_share(explained_variance)?;
        let mut rows = Rows::new(Side::Reference, reference)?;
        let column = |at: usize| -> Vec<f64> { rows.rows().filter_map(|row| row.get(at).copied()).collect() };
        let means: Vec<f64> = (0..rows.width).map(|at| mean(&column(at))).collect();
        centre(&mut rows, &means);
        let principal = principal(&rows.values, rows.width, explained_variance);
        if principal.is_finite() { Ok(Self { means, principal }) } else { Err(Error::Range { what: WHAT }) }
    }

    /// Returns how many components are kept.
    #[must_use]
    pub fn components(&self) -> usize {
        self.principal.components()
    }

    /// Returns the share of the variance that the components explain, 0 to 1.
    #[must_use]
    pub fn explained_variance(&self) -> f64 {
        self.principal.explained()
    }

    /// Returns the error of each row, in order, in the unit of the values.
    ///
    /// # Errors
    /// As [`RowReconstruction::learn`]; [`Error::Shape`] if rows have another length than those of the reference.
    pub fn errors(&self, rows: ArrayView2<'_, f64>) -> Result<Vec<f64>, Error> {
        let mut rows = Rows::new(Side::Current, rows)?;
        if rows.width != self.means.len() {
            return Err(Error::Shape { what: WHAT, reference: self.means.len(), current: rows.width });
        }
        centre(&mut rows, &self.means);
        let errors = reconstruction_errors(&self.principal, &rows.values, rows.width);
        finite(errors)
    }
}

fn finite(errors: Vec<f64>) -> Result<Vec<f64>, Error> {
    if errors.iter().all(|error| error.is_finite()) { Ok(errors) } else { Err(Error::Range { what: WHAT }) }
}

fn centre(rows: &mut Rows, means: &[f64]) {
    for row in rows.values.chunks_mut(rows.width) {
        row.iter_mut().zip(means).for_each(|(value, mean)| *value -= mean);
    }
}

fn principal(rows: &[f64], width: usize, share: f64) -> Principal {
    let count = rows.len() as f64 / width as f64;
    Principal::of(Eigen::of(correlations(rows, width, count)), share)
}

/// Puts columns side by side, row behind row.
fn interleaved(columns: &[Vec<f64>]) -> Vec<f64> {
    let rows = columns.first().map_or(0, Vec::len);
    let matrix = Array2::from_shape_fn((rows, columns.len()), |(row, column)| {
        columns.get(column).and_then(|values| values.get(row)).copied().unwrap_or_default()
    });
    matrix.into_raw_vec_and_offset().0
}

fn check_share(share: f64) -> Result<(), Error> {
    if share > 0.0 && share < 1.0 {
        return Ok(());
    }
    Err(Error::Setting { name: "explained_variance", value: share, rule: "between 0 and 1" })
}

const WHAT: &str = "reconstruction error";
