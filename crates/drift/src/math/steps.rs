//! The walk along two empirical distribution functions at once.

/// Walks two sorted samples value by value.
pub(crate) struct Steps<'a> {
    reference: &'a [f64],
    current: &'a [f64],
    i: usize,
    j: usize,
    /// Values of the whole samples.
    sizes: (f64, f64),
}

/// One distinct value and both distribution functions just after it.
pub(crate) struct Step {
    pub(crate) value: f64,
    pub(crate) f: f64,
    pub(crate) g: f64,
    pub(crate) in_reference: bool,
    /// How many values are equal to it, and how many are smaller, of reference and current.
    pub(crate) equal: (usize, usize),
    pub(crate) smaller: (usize, usize),
}

impl Step {
    /// Returns the values of both samples equal to this one.
    pub(crate) fn ties(&self) -> usize {
        self.equal.0 + self.equal.1
    }

    /// Returns the mean rank, from 1, of these values in the pooled sample.
    pub(crate) fn midrank(&self) -> f64 {
        (self.smaller.0 + self.smaller.1) as f64 + (self.ties() as f64 + 1.0) / 2.0
    }
}

impl<'a> Steps<'a> {
    pub(crate) fn new(reference: &'a [f64], current: &'a [f64]) -> Self {
        Self { reference, current, i: 0, j: 0, sizes: (reference.len() as f64, current.len() as f64) }
    }

    /// Cuts the walk into parts that together make the same steps, for threads to share; short ones stay whole.
    pub(crate) fn parts(reference: &'a [f64], current: &'a [f64]) -> Vec<Self> {
        let whole = Self::new(reference, current);
        if reference.len() + current.len() < WORTH_SHARING {
            return vec![whole];
        }
        // Equal values stay together, so no step is cut.
        let start = |value: f64| (reference.partition_point(|v| *v < value), current.partition_point(|v| *v < value));
        let cuts = (1..PARTS).filter_map(|part| reference.get(reference.len() / PARTS * part)).map(|v| start(*v));
        let mut ends: Vec<(usize, usize)> = cuts.collect();
        ends.push((reference.len(), current.len()));
        let mut from = (0, 0);
        let parts = ends.into_iter().map(|end| {
            let (i, j) = std::mem::replace(&mut from, end);
            let (reference, current) =
                (reference.get(..end.0).unwrap_or_default(), current.get(..end.1).unwrap_or_default());
            Self { reference, current, i, j, ..whole }
        });
        parts.collect()
    }
}

impl Iterator for Steps<'_> {
    type Item = Step;

    #[inline]
    fn next(&mut self) -> Option<Step> {
        let value = match (self.reference.get(self.i), self.current.get(self.j)) {
            (Some(a), Some(b)) => a.min(*b),
            (a, b) => *a.or(b)?,
        };
        let smaller = (self.i, self.j);
        self.i = run_end(self.reference, self.i, value);
        self.j = run_end(self.current, self.j, value);
        Some(Step {
            value,
            f: self.i as f64 / self.sizes.0,
            g: self.j as f64 / self.sizes.1,
            in_reference: self.i > smaller.0,
            equal: (self.i - smaller.0, self.j - smaller.1),
            smaller,
        })
    }
}

/// Returns the place behind the values equal to `value` that start at `from`.
///
/// Which sample holds the next value is a coin toss that no branch predictor wins; that it holds the value once is not.
#[inline]
fn run_end(sorted: &[f64], from: usize, value: f64) -> usize {
    let equal = |at: usize| sorted.get(at).is_some_and(|v| *v == value);
    let mut end = from + usize::from(equal(from));
    while equal(end) {
        end += 1;
    }
    end
}

/// From so many values on a walk takes as long as a hundred switches of threads.
const WORTH_SHARING: usize = 1 << 17;
const PARTS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_are_one_step_of_both() {
        let steps: Vec<_> =
            Steps::new(&[1.0, 2.0, 2.0, 4.0], &[-0.0, 2.0]).map(|s| (s.value, s.f, s.g, s.in_reference)).collect();
        assert_eq!(
            steps,
            [(0.0, 0.0, 0.5, false), (1.0, 0.25, 0.5, true), (2.0, 0.75, 1.0, true), (4.0, 1.0, 1.0, true)]
        );
    }

    #[test]
    fn parts_make_the_steps_of_the_whole() {
        let ramp = |n: u32, by: u32| -> Vec<f64> { (0..n).map(|i| f64::from(i / by)).collect() };
        let zeros = || [vec![-0.0; 40_000], vec![0.0; 60_000]].concat();
        let cases = [
            (ramp(100_000, 1), ramp(90_000, 7)),
            (ramp(150_000, 40_000), ramp(3, 1)),
            (vec![5.0; 140_000], ramp(20, 1)),
            (zeros(), zeros()),
            (vec![7.0], ramp(140_000, 1)),
        ];
        for (reference, current) in cases {
            let all = |step: Step| (step.value, step.f, step.g, step.in_reference, step.equal, step.smaller);
            let parts = Steps::parts(&reference, &current);
            assert!(parts.len() == PARTS || reference.len() < PARTS);
            assert!(parts.into_iter().flatten().map(all).eq(Steps::new(&reference, &current).map(all)));
        }
        assert_eq!(Steps::parts(&[1.0], &[2.0]).len(), 1);
    }
}
