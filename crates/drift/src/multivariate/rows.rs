use ndarray::ArrayView2;

use crate::error::{Error, Side};

/// Finite rows of one side, one behind the other.
pub(crate) struct Rows {
    pub(crate) values: Vec<f64>,
    pub(crate) width: usize,
    count: usize,
}

impl Rows {
    pub(crate) fn new(side: Side, rows: ArrayView2<'_, f64>) -> Result<Self, Error> {
        let (count, width) = rows.dim();
        if count == 0 || width == 0 {
            return Err(Error::Empty { what: WHAT, side });
        }
        let values: Vec<f64> = rows.iter().copied().collect();
        match values.iter().filter(|v| !v.is_finite()).count() {
            0 => Ok(Self { values, width, count }),
            count => Err(Error::Infinite { what: WHAT, side, count }),
        }
    }

    /// Reads both sides and checks that their rows have the same length.
    pub(crate) fn both(reference: ArrayView2<'_, f64>, current: ArrayView2<'_, f64>) -> Result<(Self, Self), Error> {
        let (x, y) = (Self::new(Side::Reference, reference)?, Self::new(Side::Current, current)?);
        if x.width == y.width {
            return Ok((x, y));
        }
        Err(Error::Shape { what: WHAT, reference: x.width, current: y.width })
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    pub(crate) fn count(&self) -> f64 {
        self.count as f64
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = &[f64]> {
        self.values.chunks_exact(self.width)
    }

    /// Puts the rows of another side behind these.
    pub(crate) fn joined(mut self, other: &Self) -> Self {
        self.values.extend_from_slice(&other.values);
        self.count += other.count;
        self
    }
}

pub(crate) fn square_distance(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).map(|(a, b)| (a - b) * (a - b)).sum()
}

const WHAT: &str = "rows";
