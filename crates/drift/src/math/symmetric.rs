//! Eigenvalues and eigenvectors of symmetric matrices.

use super::tridiagonal;

/// A symmetric matrix as its eigenvalues, each with its vector of length one; in no particular order.
pub(crate) struct Eigen {
    pub(crate) pairs: Vec<(f64, Vec<f64>)>,
}

impl Eigen {
    /// Decomposes a matrix, given by rows: small ones by Jacobi's rotations, in O(n³) for each of about ten sweeps, larger ones by way
    /// of a tridiagonal one, in O(n³).
    ///
    /// Source: Golub and Van Loan, Matrix Computations, 8.5 and 8.3. Small eigenvalues of small positive matrices keep their digits.
    pub(crate) fn of(a: Vec<Vec<f64>>) -> Self {
        if a.len() > LARGE { Self { pairs: tridiagonal::eigen(a) } } else { Self::by_rotations(a) }
    }

    fn by_rotations(mut a: Vec<Vec<f64>>) -> Self {
        let n = a.len();
        let mut vectors: Vec<Vec<f64>> =
            (0..n).map(|i| (0..n).map(|j| f64::from(u8::from(i == j))).collect()).collect();
        for _ in 0..MOST_SWEEPS {
            let mut rotated = false;
            for p in 0..n {
                for q in p + 1..n {
                    rotated |= rotate(&mut a, &mut vectors, p, q);
                }
            }
            if !rotated {
                break;
            }
        }
        let value = |i: usize| a.get(i).and_then(|row| row.get(i)).copied().unwrap_or_default();
        Self { pairs: vectors.into_iter().enumerate().map(|(i, vector)| (value(i), vector)).collect() }
    }

    /// Returns v' A⁺ v and the rank of A, where directions with eigenvalues below `tolerance` times the greatest count as zero.
    pub(crate) fn inverse_form(&self, v: &[f64], tolerance: f64) -> (f64, usize) {
        let greatest = self.pairs.iter().fold(0.0, |most: f64, (value, _)| most.max(value.abs()));
        let kept = self.pairs.iter().filter(|(value, _)| value.abs() > tolerance * greatest);
        kept.fold((0.0, 0), |(sum, rank), (value, vector)| {
            let along: f64 = vector.iter().zip(v).map(|(a, b)| a * b).sum();
            (sum + along * along / value, rank + 1)
        })
    }
}

/// Makes the element (p, q) zero; false if it is so already. Rows of `vectors` are the eigenvectors in the end.
fn rotate(a: &mut [Vec<f64>], vectors: &mut [Vec<f64>], p: usize, q: usize) -> bool {
    let at = |i: usize, j: usize| a.get(i).and_then(|row| row.get(j)).copied().unwrap_or_default();
    let (app, aqq, apq) = (at(p, p), at(q, q), at(p, q));
    if apq.abs() <= f64::EPSILON * 0.01 * (app * aqq).abs().sqrt() || apq == 0.0 {
        return false;
    }
    let theta = (aqq - app) / (2.0 * apq);
    let t = theta.signum() / (theta.abs() + theta.hypot(1.0));
    let c = 1.0 / t.hypot(1.0);
    let s = t * c;
    let turn = |x: f64, y: f64| (c * x - s * y, s * x + c * y);
    for row in a.iter_mut() {
        turn_pair(row, p, q, turn);
    }
    turn_rows(a, p, q, turn);
    turn_rows(vectors, p, q, turn);
    true
}

fn turn_pair(row: &mut [f64], p: usize, q: usize, turn: impl Fn(f64, f64) -> (f64, f64)) {
    if let (Some(&x), Some(&y)) = (row.get(p), row.get(q)) {
        let (x, y) = turn(x, y);
        row.iter_mut().skip(p).take(1).for_each(|v| *v = x);
        row.iter_mut().skip(q).take(1).for_each(|v| *v = y);
    }
}

fn turn_rows(rows: &mut [Vec<f64>], p: usize, q: usize, turn: impl Fn(f64, f64) -> (f64, f64)) {
    let (head, tail) = rows.split_at_mut(q);
    if let (Some(one), Some(other)) = (head.get_mut(p), tail.first_mut()) {
        for (x, y) in one.iter_mut().zip(other) {
            (*x, *y) = turn(*x, *y);
        }
    }
}

const MOST_SWEEPS: usize = 60;

/// Up to here rotations take milliseconds.
const LARGE: usize = 48;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_product_gives_the_matrix_back() {
        let a = vec![vec![4.0, 1.0, -2.0], vec![1.0, 2.0, 0.5], vec![-2.0, 0.5, 3.0]];
        let eigen = Eigen::of(a.clone());
        for (i, row) in a.iter().enumerate() {
            for (j, expected) in row.iter().enumerate() {
                let sum: f64 = eigen.pairs.iter().map(|(value, vector)| value * vector[i] * vector[j]).sum();
                assert!((sum - expected).abs() < 1e-13);
            }
        }
    }

    #[test]
    fn a_singular_matrix_has_a_rank() {
        let eigen = Eigen::of(vec![vec![1.0, 2.0], vec![2.0, 4.0]]);
        let (form, rank) = eigen.inverse_form(&[1.0, 2.0], 1e-15);
        assert_eq!(rank, 1);
        assert!((form - 1.0).abs() < 1e-12, "{form}");
    }
}
