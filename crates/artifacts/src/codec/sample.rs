//! Whether a chunk is worth compressing, from the histograms of a sample.

use super::Grouping;

/// What a sample says about a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Estimate {
    /// Less than 5 % could be saved by coding bytes by their frequency, whatever the grouping.
    Noise,
    /// More could be saved, best so.
    Pays(Grouping),
}

/// Judges a chunk by the order-0 entropy of a sample, for each grouping.
///
/// The test for noise is made for the eight lanes of the finest grouping alone, because knowing more about the place
/// of a byte never raises its entropy: if grouping by 8 saves nothing, no other does. And it uses the collision
/// entropy, minus the logarithm of the chance that two bytes of a lane are equal: that is never above Shannon's, it
/// has an estimator without bias even from few bytes, and it needs one pass of integers where most chunks end.
pub(super) fn estimate(raw: &[u8]) -> Estimate {
    let by8 = count(raw);
    let collision_bits = by8.iter().map(collision_entropy).sum::<f32>() / 8.0;
    if collision_bits >= NOISE_BITS {
        return Estimate::Noise;
    }
    let by4: [Histogram; 4] = fold(&by8);
    let by2: [Histogram; 2] = fold(&by4);
    let by1: [Histogram; 1] = fold(&by2);
    // From coarse to fine, and a finer one has to be clearly better: grouping costs time, and repeated words.
    let candidates = [(Grouping::By2, mean(&by2)), (Grouping::By4, mean(&by4)), (Grouping::By8, mean(&by8))];
    let plain = (Grouping::Plain, mean(&by1));
    let (grouping, bits) =
        candidates.into_iter().fold(plain, |best, next| if next.1 < best.1 - CLEARLY_BITS { next } else { best });
    if bits >= NOISE_BITS { Estimate::Noise } else { Estimate::Pays(grouping) }
}

/// How often each byte occurs.
type Histogram = [u16; 256];

/// Counts the bytes of a few pieces spread over the chunk, by position modulo 8.
fn count(raw: &[u8]) -> [Histogram; 8] {
    let mut lanes = [[0; 256]; 8];
    // Pieces begin at multiples of 8, or the lanes would mix.
    let stride = (raw.len() / PIECES / 8 * 8).max(PIECE_BYTES);
    for piece in raw.chunks(stride) {
        let piece = piece.get(..PIECE_BYTES).unwrap_or(piece);
        for element in piece.as_chunks::<8>().0 {
            for (lane, byte) in lanes.iter_mut().zip(element) {
                lane[usize::from(*byte)] += 1;
            }
        }
    }
    lanes
}

/// Adds up the lanes that fall together when grouped by half as many.
fn fold<const N: usize, const HALF: usize>(lanes: &[Histogram; N]) -> [Histogram; HALF] {
    let (first, second) = lanes.split_at(HALF.min(N));
    std::array::from_fn(|half| match (first.get(half), second.get(half)) {
        (Some(first), Some(second)) => std::array::from_fn(|byte| first[byte] + second[byte]),
        _ => [0; 256],
    })
}

/// The collision entropy in bits, from the pairs of equal bytes among all pairs.
#[allow(clippy::cast_precision_loss, reason = "counts of a sample of some KiB")]
fn collision_entropy(histogram: &Histogram) -> f32 {
    let mut total = 0_u32;
    let mut equal = 0_u32;
    for count in histogram {
        let count = u32::from(*count);
        total += count;
        equal += count * count;
    }
    let pairs = (total as f32) * (total.saturating_sub(1) as f32);
    // Without a single pair of equal bytes the estimate would be infinite.
    ((pairs / (equal - total).max(1) as f32).log2()).min(8.0)
}

/// The mean of the lanes' entropies, in bits for each byte.
#[allow(clippy::cast_precision_loss, reason = "8 at most")]
fn mean(lanes: &[Histogram]) -> f32 {
    lanes.iter().map(entropy).sum::<f32>() / lanes.len() as f32
}

/// Shannon's entropy in bits, with the correction of G. Miller and W. Madow for small samples.
fn entropy(histogram: &Histogram) -> f32 {
    let (mut total, mut distinct, mut sum) = (0.0_f32, 0.0_f32, 0.0_f32);
    for count in histogram.iter().filter(|count| **count > 0) {
        // Most counts of a small sample are small, and a logarithm takes longer than all else here.
        let log2 = LOG2.get(usize::from(*count)).copied();
        let count = f32::from(*count);
        total += count;
        distinct += 1.0;
        sum += count * log2.unwrap_or_else(|| count.log2());
    }
    if total == 0.0 {
        return 8.0;
    }
    let bias = (distinct - 1.0) / (2.0 * total * std::f32::consts::LN_2);
    (total.log2() - sum / total + bias).min(8.0)
}

/// Logarithms of the first numbers; that of 0 is never asked for.
const LOG2: [f32; 8] = [0.0, 0.0, 1.0, 1.584_962_5, 2.0, 2.321_928, 2.584_962_5, 2.807_355];
/// How many pieces are sampled.
const PIECES: usize = 16;
/// How long each of them is.
const PIECE_BYTES: usize = 256;
/// Above this entropy less than 5 % can be saved: 95 % of the 8 bits of a byte.
const NOISE_BITS: f32 = 7.6;
/// By how many bits for each byte a finer grouping must be better: 3 % of the chunk.
const CLEARLY_BITS: f32 = 0.24;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_are_those_of_the_machine() {
        for (number, log2) in LOG2.iter().enumerate().skip(1) {
            assert!((log2 - (number as f32).log2()).abs() < 1e-6, "{number}");
        }
    }

    #[test]
    fn lanes_fold_onto_those_of_half_as_many() {
        let raw: Vec<u8> = (0..2000_u32).map(|at| (at * at / 7) as u8).collect();
        let by8 = count(&raw);
        let by4: [Histogram; 4] = fold(&by8);
        for (lane, histogram) in by4.iter().enumerate() {
            let mut expected = [0; 256];
            raw[..2000 / 8 * 8].iter().skip(lane).step_by(4).for_each(|byte| expected[usize::from(*byte)] += 1);
            assert_eq!(*histogram, expected, "lane {lane}");
        }
    }
}
