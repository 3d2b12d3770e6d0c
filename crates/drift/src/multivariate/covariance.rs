use rayon::prelude::*;

/// Returns the sums of products of the columns of rows that stand one behind the other, divided by `divisor`, as a full matrix.
///
/// O(n d²) time. Rows are cut into at most `PARTS` parts that depend on their number alone, and added in order.
pub(super) fn correlations(rows: &[f64], width: usize, divisor: f64) -> Vec<Vec<f64>> {
    if width == 0 {
        return Vec::new();
    }
    let part_rows = (rows.len() / width).div_ceil(PARTS).max(LEAST_ROWS);
    let partial: Vec<Vec<f64>> = rows.par_chunks(part_rows * width).map(|part| products(part, width)).collect();
    let mut sums = vec![0.0; width * width];
    for part in partial {
        sums.iter_mut().zip(part).for_each(|(sum, more)| *sum += more);
    }
    let mut matrix: Vec<Vec<f64>> =
        sums.chunks(width).map(|row| row.iter().map(|sum| sum / divisor).collect()).collect();
    for i in 1..width {
        let (above, below) = matrix.split_at_mut(i);
        let Some(row) = below.first_mut() else { continue };
        for (place, other) in row.iter_mut().zip(above) {
            *place = other.get(i).copied().unwrap_or_default();
        }
    }
    matrix
}

/// Sums the products of each column with itself and those behind it.
fn products(rows: &[f64], width: usize) -> Vec<f64> {
    let mut sums = vec![0.0; width * width];
    // Four rows at a time: the sums go through memory a quarter as often.
    for four in rows.chunks(4 * width) {
        let row = |at: usize| four.chunks(width).nth(at).unwrap_or_default();
        let (a, b, c, d) = (row(0), row(1), row(2), row(3));
        let at = |row: &[f64], i: usize| row.get(i).copied().unwrap_or_default();
        for (i, line) in sums.chunks_mut(width).enumerate() {
            let (fa, fb, fc, fd) = (at(a, i), at(b, i), at(c, i), at(d, i));
            let behind = |row| -> &[f64] { <[f64]>::get(row, i..).unwrap_or_default() };
            let line = line.get_mut(i..).unwrap_or_default();
            if d.is_empty() {
                for (f, row) in [(fa, a), (fb, b), (fc, c)] {
                    line.iter_mut().zip(behind(row)).for_each(|(sum, value)| *sum += f * value);
                }
            } else {
                let four = behind(a).iter().zip(behind(b)).zip(behind(c)).zip(behind(d));
                for (sum, (((a, b), c), d)) in line.iter_mut().zip(four) {
                    *sum += (fa * a + fb * b) + (fc * c + fd * d);
                }
            }
        }
    }
    sums
}

const PARTS: usize = 16;
const LEAST_ROWS: usize = 1024;
