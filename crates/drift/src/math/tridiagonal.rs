//! Eigenvalues of symmetric matrices by way of a tridiagonal one.
//!
//! Sizes are fixed by the matrix at the beginning, and every index stays below them.

use rayon::prelude::*;

use super::dot::dot;

/// Returns the eigenvalues of a symmetric matrix, given by rows, each with its vector of length one.
///
/// Householder's reflections make it tridiagonal, implicit QL steps with Wilkinson's shifts diagonal. O(n³) time; rows are updated in
/// parallel, each by itself. Source: Golub and Van Loan, Matrix Computations, 8.3; Martin and Wilkinson, The Implicit QL Algorithm (1968).
pub(super) fn eigen(a: Vec<Vec<f64>>) -> Vec<(f64, Vec<f64>)> {
    let Tridiagonal { mut diagonal, mut beside, mut vectors } = Tridiagonal::of(a);
    for first in 0..diagonal.len() {
        for _ in 0..MOST_STEPS {
            let last = block_end(&diagonal, &beside, first);
            if last == first {
                break;
            }
            step(&mut diagonal, &mut beside, &mut vectors, first, last);
        }
    }
    diagonal.into_iter().zip(vectors).collect()
}

struct Tridiagonal {
    diagonal: Vec<f64>,
    /// Element i stands between i and i + 1; the last is 0.
    beside: Vec<f64>,
    /// The rows turn the matrix into the tridiagonal one.
    vectors: Vec<Vec<f64>>,
}

impl Tridiagonal {
    fn of(mut a: Vec<Vec<f64>>) -> Self {
        let n = a.len();
        let mut reflections: Vec<Vec<f64>> = Vec::with_capacity(n);
        for k in 0..n.saturating_sub(2) {
            let mut mirror = a[k][k + 1..].to_vec();
            let length = dot(&mirror, &mirror).sqrt();
            let onto = if mirror[0] > 0.0 { -length } else { length };
            mirror[0] -= onto;
            let size = dot(&mirror, &mirror).sqrt();
            if size > 0.0 {
                mirror.iter_mut().for_each(|v| *v /= size);
            }
            reflect(&mut a[k + 1..], k + 1, &mirror);
            a[k][k + 1] = onto;
            reflections.push(mirror);
        }
        let diagonal = (0..n).map(|i| a[i][i]).collect();
        let beside = (0..n).map(|i| if i + 1 < n { a[i][i + 1] } else { 0.0 }).collect();
        Self { diagonal, beside, vectors: product(n, &reflections) }
    }
}

/// Reflects the rows and columns from `from` on: A - 2 (v w' + w v') with w = A v - (v' A v) v.
fn reflect(rows: &mut [Vec<f64>], from: usize, mirror: &[f64]) {
    let mut w: Vec<f64> = rows.par_iter().with_min_len(MIN_ROWS).map(|row| dot(&row[from..], mirror)).collect();
    let along = dot(&w, mirror);
    w.iter_mut().zip(mirror).for_each(|(w, v)| *w -= along * v);
    let sides = w.par_iter().zip(mirror.par_iter());
    rows.par_iter_mut().zip(sides).with_min_len(MIN_ROWS).for_each(|(row, (wi, vi))| {
        let (wi, vi) = (2.0 * wi, 2.0 * vi);
        for ((value, w), v) in row[from..].iter_mut().zip(&w).zip(mirror) {
            *value -= vi * w + wi * v;
        }
    });
}

/// Multiplies the reflections, the last one first, so that only the lower right corner has been touched so far.
fn product(n: usize, reflections: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let mut rows: Vec<Vec<f64>> = (0..n).map(|i| (0..n).map(|j| f64::from(u8::from(i == j))).collect()).collect();
    for (k, mirror) in reflections.iter().enumerate().rev() {
        rows[k + 1..].par_iter_mut().with_min_len(MIN_ROWS).for_each(|row| {
            let row = &mut row[k + 1..];
            let twice = 2.0 * dot(row, mirror);
            row.iter_mut().zip(mirror).for_each(|(value, v)| *value -= twice * v);
        });
    }
    rows
}

/// Returns the first place from `first` on with nothing beside it.
fn block_end(diagonal: &[f64], beside: &[f64], first: usize) -> usize {
    let end = diagonal.len() - 1;
    (first..end).find(|&i| beside[i].abs() <= f64::EPSILON * (diagonal[i].abs() + diagonal[i + 1].abs())).unwrap_or(end)
}

/// One implicit QL step on the block from `first` to `last`.
fn step(d: &mut [f64], e: &mut [f64], vectors: &mut [Vec<f64>], first: usize, last: usize) {
    let half = (d[first + 1] - d[first]) / (2.0 * e[first]);
    let mut g = d[last] - d[first] + e[first] / (half + half.hypot(1.0).copysign(half));
    let (mut s, mut c, mut p) = (1.0, 1.0, 0.0);
    for i in (first..last).rev() {
        let (f, b) = (s * e[i], c * e[i]);
        let r = f.hypot(g);
        e[i + 1] = r;
        if r == 0.0 {
            d[i + 1] -= p;
            e[last] = 0.0;
            return;
        }
        (s, c) = (f / r, g / r);
        g = d[i + 1] - p;
        let r = (d[i] - g) * s + 2.0 * c * b;
        p = s * r;
        d[i + 1] = g + p;
        g = c * r - b;
        turn(vectors, i, s, c);
    }
    d[first] -= p;
    e[first] = g;
    e[last] = 0.0;
}

fn turn(vectors: &mut [Vec<f64>], i: usize, s: f64, c: f64) {
    let (head, tail) = vectors.split_at_mut(i + 1);
    for (x, y) in head[i].iter_mut().zip(&mut tail[0]) {
        (*x, *y) = (c * *x - s * *y, s * *x + c * *y);
    }
}

const MOST_STEPS: usize = 60;

/// Fewer rows than this are not worth another thread.
const MIN_ROWS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(n: usize, rank: usize) -> Vec<Vec<f64>> {
        let mut rng = lineal_core::Rng::new(n as u64, "matrix");
        let factors: Vec<Vec<f64>> = (0..n).map(|_| (0..rank).map(|_| rng.normal()).collect()).collect();
        factors.iter().map(|a| factors.iter().map(|b| dot(a, b)).collect()).collect()
    }

    #[test]
    fn the_product_gives_the_matrix_back() {
        for (n, rank) in [(1, 1), (2, 2), (3, 1), (10, 10), (90, 90), (70, 5)] {
            let a = matrix(n, rank);
            let pairs = eigen(a.clone());
            let scale = rank as f64 * n as f64;
            for (i, row) in a.iter().enumerate() {
                for (j, expected) in row.iter().enumerate() {
                    let sum: f64 = pairs.iter().map(|(value, vector)| value * vector[i] * vector[j]).sum();
                    assert!((sum - expected).abs() < 1e-13 * scale, "{n}: {sum} {expected}");
                }
            }
            for (at, (_, vector)) in pairs.iter().enumerate() {
                for (other, (_, there)) in pairs.iter().enumerate() {
                    let expected = f64::from(u8::from(at == other));
                    assert!((dot(vector, there) - expected).abs() < 1e-12);
                }
            }
            assert_eq!(pairs.iter().filter(|(value, _)| value.abs() > 1e-10 * scale).count(), rank);
        }
    }

    #[test]
    fn nothing_and_nonsense_end() {
        assert!(eigen(Vec::new()).is_empty());
        assert_eq!(eigen(vec![vec![0.0; 3]; 3]).len(), 3);
        assert_eq!(eigen(vec![vec![f64::NAN; 60]; 60]).len(), 60);
        assert_eq!(eigen(vec![vec![f64::INFINITY; 4]; 4]).len(), 4);
    }
}
