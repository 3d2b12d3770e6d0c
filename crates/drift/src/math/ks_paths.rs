//! The exact null law of the two-sample Kolmogorov-Smirnov statistics, by counting lattice paths.

/// Which boundary a path must reach to count as at least as extreme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Boundary {
    /// Either one.
    Both,
    /// Reference ahead: F - G reaches the bound.
    Greater,
    /// Current ahead: G - F reaches the bound.
    Less,
}

/// Returns the probability that a random interleaving of `n` and `m` distinct values reaches the distance `d`.
///
/// Walks the probability mass that has not yet reached the boundary through the lattice and adds up what reaches it; only positive
/// terms are added, so small probabilities keep their digits. O(n m) time, less for small `d`; O(m) memory.
/// Source: Hodges, The Significance Probability of the Smirnov Two-Sample Test (1958).
pub(crate) fn exceedance(n: u32, m: u32, d: f64, boundary: Boundary) -> f64 {
    let divisor = gcd(n, m).max(1);
    let (n, m) = (i64::from(n), i64::from(m));
    // In units of 1/lcm every difference F - G is an integer: i * up - j * across.
    let (up, across) = (m / i64::from(divisor), n / i64::from(divisor));
    let bound = nearest(d * (up * n) as f64);
    if bound <= 0 {
        return 1.0;
    }
    let row_ends = |i: i64| {
        let first = if boundary == Boundary::Less { 0 } else { (i * up - bound).div_euclid(across) + 1 };
        let last = if boundary == Boundary::Greater { m } else { (i * up + bound - 1).div_euclid(across) };
        (first.max(0), last.min(m))
    };
    let mut row = vec![0.0; column(m) + 1];
    let mut next = row.clone();
    if let Some(start) = row.first_mut() {
        *start = 1.0;
    }
    let mut reached = 0.0;
    for i in 0..=n {
        let (first, last) = row_ends(i);
        let (next_first, next_last) = row_ends(i + 1);
        let mut carried = 0.0;
        for j in first..=last {
            let Some(slot) = row.get_mut(column(j)) else {
                continue;
            };
            let mass = std::mem::take(&mut carried) + std::mem::take(slot);
            let left = (n - i + m - j) as f64;
            if left == 0.0 {
                break;
            }
            carried = mass * ((m - j) as f64 / left);
            let ahead = mass * ((n - i) as f64 / left);
            match next.get_mut(column(j)) {
                Some(below) if (next_first..=next_last).contains(&j) => *below += ahead,
                _ => reached += ahead,
            }
        }
        // What would step past the last free cell of the row reaches the lower boundary (there is no cell past m).
        reached += carried;
        std::mem::swap(&mut row, &mut next);
    }
    reached.clamp(0.0, 1.0)
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a distance of at most 1 times a least common multiple of u32 sizes"
)]
fn nearest(v: f64) -> i64 {
    v.round() as i64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a lattice column between 0 and m")]
fn column(j: i64) -> usize {
    j as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Enumerates every interleaving.
    fn brute_force(n: u32, m: u32, d: f64, boundary: Boundary) -> f64 {
        let (mut hits, mut all) = (0_u32, 0_u32);
        for word in 0_u32..1 << (n + m) {
            if word.count_ones() != n {
                continue;
            }
            all += 1;
            let (mut i, mut j, mut low, mut high) = (0, 0, 0.0_f64, 0.0_f64);
            for bit in 0..n + m {
                if word >> bit & 1 == 1 {
                    i += 1;
                } else {
                    j += 1;
                }
                let difference = f64::from(i) / f64::from(n) - f64::from(j) / f64::from(m);
                (low, high) = (low.min(difference), high.max(difference));
            }
            let reached = match boundary {
                Boundary::Both => high.max(-low),
                Boundary::Greater => high,
                Boundary::Less => -low,
            };
            hits += u32::from(reached >= d - 1e-9);
        }
        f64::from(hits) / f64::from(all)
    }

    #[test]
    fn equals_enumeration() {
        for (n, m) in [(1, 1), (3, 3), (2, 5), (4, 6), (5, 7), (8, 4)] {
            for steps in 0..=n * m {
                let d = f64::from(steps) / f64::from(n * m);
                for boundary in [Boundary::Both, Boundary::Greater, Boundary::Less] {
                    // Only distances that can occur: others round to the nearest multiple of 1/lcm.
                    if steps % gcd(n, m) != 0 {
                        continue;
                    }
                    let (fast, slow) = (exceedance(n, m, d, boundary), brute_force(n, m, d, boundary));
                    assert!((fast - slow).abs() < 1e-13, "{n} {m} {d} {boundary:?}: {fast} {slow}");
                }
            }
        }
    }

    #[test]
    fn tail_keeps_its_digits() {
        // Complete separation of 20 and 20: two interleavings out of C(40, 20).
        let p = exceedance(20, 20, 1.0, Boundary::Both);
        assert!((p * 137_846_528_820.0 / 2.0 - 1.0).abs() < 1e-12);
    }
}
