/// Draws the random decisions of a simulated world from a seed.
///
/// SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014): one
/// addition and a mix for each draw, because a world draws several times for every storage operation.
/// It decides schedules and faults only; code under test takes its randomness from `lineal_core::Rng`.
///
/// ```
/// use lineal_testkit::Dice;
/// let (mut a, mut b) = (Dice::new(7), Dice::new(7));
/// assert_eq!(a.below(100), b.below(100));
/// ```
#[derive(Clone, Debug)]
pub struct Dice {
    state: u64,
}

impl Dice {
    /// Starts a stream; equal seeds give equal streams.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { state: mix(seed) }
    }

    /// Starts an independent stream, fixed by this one's state and `name`; does not advance this one.
    #[must_use]
    pub fn fork(&self, name: &str) -> Self {
        let named = name.bytes().fold(self.state, |hash, byte| mix(hash ^ u64::from(byte)).wrapping_add(GOLDEN));
        Self { state: mix(named) }
    }

    /// Returns 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN);
        mix(self.state)
    }

    /// Returns a number in `0..limit`; 0 if `limit` is 0. The bias is below `limit / 2^64`.
    pub fn below(&mut self, limit: u64) -> u64 {
        let wide = u128::from(self.next_u64()) * u128::from(limit);
        (wide >> 64) as u64
    }

    /// Returns an index in `0..len`; 0 if `len` is 0.
    pub fn index(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    /// Returns a number in `[0, 1)`.
    pub fn fraction(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Returns true with this probability. Nothing is drawn for 0 and less.
    pub fn chance(&mut self, probability: f64) -> bool {
        probability > 0.0 && self.fraction() < probability
    }

    /// Returns a duration in `1 ns..=limit`; zero if `limit` is zero.
    pub fn duration(&mut self, limit: std::time::Duration) -> std::time::Duration {
        let nanos = u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX);
        if nanos == 0 {
            return limit;
        }
        std::time::Duration::from_nanos(1 + self.below(nanos))
    }

    /// Puts the items into a random order (Fisher-Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.index(last + 1));
        }
    }
}

pub(crate) fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splitmix_gives_the_published_sequence() {
        // seed 1234567, from the Rosetta Code test vector of SplitMix64
        let mut dice = Dice { state: 1_234_567 };
        let drawn: Vec<u64> = (0..3).map(|_| dice.next_u64()).collect();
        assert_eq!(drawn, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn draws_stay_in_range_and_reach_every_value() {
        let mut dice = Dice::new(1);
        let mut seen = [false; 5];
        for _ in 0..200 {
            seen[dice.index(5)] = true;
        }
        assert_eq!(seen, [true; 5]);
        assert_eq!((dice.below(0), dice.index(0)), (0, 0));
        assert!(!dice.chance(0.0) && dice.chance(1.0));
    }

    #[test]
    fn forks_differ_by_name_and_shuffle_keeps_every_item() {
        let root = Dice::new(3);
        assert_ne!(root.fork("a").next_u64(), root.fork("b").next_u64());
        let mut items: Vec<u32> = (0..50).collect();
        root.fork("a").shuffle(&mut items);
        assert!(items.windows(2).any(|pair| pair[0] > pair[1]));
        items.sort_unstable();
        assert_eq!(items, (0..50).collect::<Vec<_>>());
    }
}
