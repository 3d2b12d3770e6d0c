//! The walk along two empirical distribution functions at once.

/// Walks two sorted samples value by value.
pub(crate) struct Steps<'a> {
    reference: &'a [f64],
    current: &'a [f64],
    i: usize,
    j: usize,
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
        Self { reference, current, i: 0, j: 0 }
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
            f: self.i as f64 / self.reference.len() as f64,
            g: self.j as f64 / self.current.len() as f64,
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
}
