//! Inner products.

/// Returns the inner product of the first elements that both have.
///
/// Four sums side by side: a processor adds them at once, in the same order everywhere.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let count = a.len().min(b.len());
    let (a, b) = (a.get(..count).unwrap_or_default(), b.get(..count).unwrap_or_default());
    let ((fours_a, rest_a), (fours_b, rest_b)) = (a.as_chunks::<4>(), b.as_chunks::<4>());
    let mut sums = [0.0; 4];
    for (a, b) in fours_a.iter().zip(fours_b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    let rest: f64 = rest_a.iter().zip(rest_b).map(|(a, b)| a * b).sum();
    let [s0, s1, s2, s3] = sums;
    (s0 + s1) + (s2 + s3) + rest
}
