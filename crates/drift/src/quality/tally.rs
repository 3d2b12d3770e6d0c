//! Counts of a constraint and its first examples; texts cut to a readable length.

use super::report::Example;

/// What has been counted so far.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    pub(super) checked: u64,
    pub(super) violating: u64,
    /// In the order of the rows.
    pub(super) examples: Vec<Example>,
    max_examples: usize,
}

impl Tally {
    pub(super) fn new(max_examples: usize) -> Self {
        Self { checked: 0, violating: 0, examples: Vec::new(), max_examples }
    }

    /// Counts a violation; `value` is only asked for if it is among the first.
    pub(super) fn violation(&mut self, row: u64, value: impl FnOnce() -> String) {
        self.violating += 1;
        self.example(row, value);
    }

    /// Keeps an example without counting it.
    pub(super) fn example(&mut self, row: u64, value: impl FnOnce() -> String) {
        if self.wants_examples() {
            self.examples.push(Example { row, value: value() });
        }
    }

    pub(super) fn wants_examples(&self) -> bool {
        self.examples.len() < self.max_examples
    }

    pub(super) fn max_examples(&self) -> usize {
        self.max_examples
    }

    /// Adds what was counted in rows that follow, of which the first has number `offset`.
    pub(super) fn merge(&mut self, later: Self, offset: u64) {
        self.checked += later.checked;
        self.violating += later.violating;
        let shifted = later.examples.into_iter().map(|e| Example { row: e.row.saturating_add(offset), ..e });
        self.examples.extend(shifted);
        self.settle();
    }

    /// Sorts the examples, and drops those beyond the number wanted.
    pub(super) fn settle(&mut self) {
        self.examples.sort_by_key(|example| example.row);
        self.examples.truncate(self.max_examples);
    }
}

/// Returns a text in quotes, cut, with control characters escaped.
pub(super) fn quoted(text: &str) -> String {
    let cut: String = text.chars().take(READABLE).collect();
    format!("{cut:?}{}", if cut.len() < text.len() { "…" } else { "" })
}

/// Returns a name, cut, with control characters replaced.
pub(super) fn shortened(text: &str) -> String {
    let readable = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    let cut: String = text.chars().take(READABLE).map(readable).collect();
    if text.chars().nth(READABLE).is_some() { cut + "…" } else { cut }
}

/// Characters of a text that are written out.
const READABLE: usize = 40;
