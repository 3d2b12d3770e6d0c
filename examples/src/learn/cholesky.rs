//! Solving a symmetric positive definite system by Cholesky's factorisation.

/// Solves `a x = b` and leaves `x` in `b`; `a` is `[n * n]` by rows, of which only the lower triangle is read.
///
/// Returns `None` if `a` is not positive definite to working precision; `a` and `b` are spoiled then. O(n³), with a
/// fixed order of summation, so equal inputs give equal bits.
pub(super) fn solve(a: &mut [f64], b: &mut [f64]) -> Option<()> {
    let n = b.len();
    if a.len() != n * n {
        return None;
    }
    for column in 0..n {
        for row in column..n {
            let inner: f64 = (0..column).map(|k| a[row * n + k] * a[column * n + k]).sum();
            let rest = a[row * n + column] - inner;
            a[row * n + column] = if row > column {
                rest / a[column * n + column]
            } else if rest > 0.0 && rest.is_finite() {
                rest.sqrt()
            } else {
                return None;
            };
        }
    }
    for row in 0..n {
        let inner: f64 = (0..row).map(|k| a[row * n + k] * b[k]).sum();
        b[row] = (b[row] - inner) / a[row * n + row];
    }
    for row in (0..n).rev() {
        let inner: f64 = (row + 1..n).map(|k| a[k * n + row] * b[k]).sum();
        b[row] = (b[row] - inner) / a[row * n + row];
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn solves_a_system_worked_by_hand() {
        // [[4, 2, 2], [2, 5, 3], [2, 3, 6]] = L Lᵀ with L = [[2, 0, 0], [1, 2, 0], [1, 1, 2]]; x = (1, 2, 3).
        let mut a = [4.0, 9e9, 9e9, 2.0, 5.0, 9e9, 2.0, 3.0, 6.0];
        let mut b = [14.0, 21.0, 26.0];
        solve(&mut a, &mut b).unwrap();
        assert_eq!(b, [1.0, 2.0, 3.0]);
        assert_eq!([a[0], a[3], a[4], a[6], a[7], a[8]], [2.0, 1.0, 2.0, 1.0, 1.0, 2.0]);
    }

    #[test]
    fn refuses_what_is_not_positive_definite() {
        assert!(solve(&mut [1.0, 2.0, 2.0, 1.0], &mut [1.0, 1.0]).is_none());
        assert!(solve(&mut [f64::NAN], &mut [1.0]).is_none());
        assert!(solve(&mut [1.0, 0.0], &mut [1.0]).is_none());
    }
}
