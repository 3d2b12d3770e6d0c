use lineal_core::FilePath;

use crate::{Change, CommitHook, Proposal, Refusal, TableStatistics, Value};

/// Demands that files and commits stay small enough.
///
/// ```
/// use lineal_data::SizeLimit;
///
/// let limit = SizeLimit::default().of_file(5 << 30).of_commit(50 << 30);
/// # drop(limit);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SizeLimit {
    file_bytes: Option<u64>,
    commit_bytes: Option<u64>,
}

impl SizeLimit {
    /// Allows a file to have so many bytes.
    #[must_use]
    pub fn of_file(self, bytes: u64) -> Self {
        Self { file_bytes: Some(bytes), ..self }
    }

    /// Allows the files that one commit puts or replaces to have so many bytes together.
    #[must_use]
    pub fn of_commit(self, bytes: u64) -> Self {
        Self { commit_bytes: Some(bytes), ..self }
    }
}

impl CommitHook for SizeLimit {
    fn check(&self, proposal: &Proposal<'_>) -> Result<(), Refusal> {
        let mut sum = 0_u64;
        for entry in proposal.changes.iter().filter_map(Change::new_entry) {
            let size = entry.size_bytes;
            if let Some(limit) = self.file_bytes.filter(|limit| size > *limit) {
                return Err(refusal(&entry.path, &format!("it has {size} bytes, at most {limit} are allowed")));
            }
            sum = sum.saturating_add(size);
        }
        match self.commit_bytes.filter(|limit| sum > *limit) {
            Some(limit) => Err(Refusal::new(SIZE, format!("{sum} bytes in one commit, at most {limit} are allowed"))),
            None => Ok(()),
        }
    }
}

fn refusal(path: &FilePath, flaw: &str) -> Refusal {
    Refusal::new(SIZE, format!("{path}: {flaw}"))
}

/// Demands that the statistics of every table below a prefix are plausible: what a bad batch mostly breaks.
///
/// Looks at the statistics that are stored beside each table (see [`Version::statistics`](crate::Version::statistics)), not at
/// its rows. They are of the whole table as the commit would leave it. Files that were not written as tables pass;
/// [`SchemaContract`](crate::SchemaContract) refuses those.
///
/// ```
/// use lineal_data::StatisticsContract;
///
/// let contract = StatisticsContract::new("flights/")
///     .rows_at_least(20_000)
///     .nulls_at_most("dep_delay", 0.05)
///     .within("month", 1, 12);
/// # drop(contract);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct StatisticsContract {
    prefix: String,
    rules: Vec<Rule>,
}

#[derive(Debug, Clone, PartialEq)]
enum Rule {
    Rows(u64),
    Nulls(String, f64),
    Within(String, Value, Value),
}

impl StatisticsContract {
    /// Guards the tables whose path begins with `prefix`.
    #[must_use]
    pub fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned(), rules: Vec::new() }
    }

    /// Demands so many rows.
    #[must_use]
    pub fn rows_at_least(self, rows: u64) -> Self {
        self.with(Rule::Rows(rows))
    }

    /// Demands that at most this share of a column is null, `0.0..=1.0`.
    #[must_use]
    pub fn nulls_at_most(self, column: &str, fraction: f64) -> Self {
        self.with(Rule::Nulls(column.to_owned(), fraction))
    }

    /// Demands that the values of a column lie between `min` and `max`, both included; nulls and NaN are passed over.
    #[must_use]
    pub fn within(self, column: &str, min: impl Into<Value>, max: impl Into<Value>) -> Self {
        self.with(Rule::Within(column.to_owned(), min.into(), max.into()))
    }

    fn with(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }
}

impl Rule {
    /// Returns what is wrong with a table.
    fn flaw(&self, table: &TableStatistics) -> Option<String> {
        match self {
            Self::Rows(least) => {
                (table.rows < *least).then(|| format!("it has {} rows, at least {least} are demanded", table.rows))
            }
            Self::Nulls(name, most) => match table.column(name) {
                None => Some(missing(name)),
                // A share of no rows is none.
                Some(column) => {
                    let share = column.nulls as f64 / (table.rows as f64).max(1.0);
                    let broken = !matches!(share.partial_cmp(most), Some(order) if order.is_le());
                    broken.then(|| {
                        format!(
                            "{:.1} % of column {name:?} are null, at most {:.1} % are allowed",
                            share * 100.0,
                            most * 100.0
                        )
                    })
                }
            },
            Self::Within(name, min, max) => {
                match table.column(name) {
                    None => Some(missing(name)),
                    Some(column) => {
                        let (Some(least), Some(greatest)) = (&column.min, &column.max) else { return None };
                        // Values of another kind are in no order with the limits: refused, too.
                        let fits = least >= min && greatest <= max;
                        (!fits).then(|| {
                            format!("column {name:?} has values from {least} to {greatest}, {min} to {max} are allowed")
                        })
                    }
                }
            }
        }
    }
}

fn missing(name: &str) -> String {
    format!("column {name:?} is missing")
}

impl CommitHook for StatisticsContract {
    fn check(&self, proposal: &Proposal<'_>) -> Result<(), Refusal> {
        let guarded = proposal.statistics.iter().filter(|(path, _)| path.as_str().starts_with(&self.prefix));
        for (path, table) in guarded {
            if let Some(flaw) = self.rules.iter().find_map(|rule| rule.flaw(table)) {
                return Err(Refusal::new("statistics contract", format!("{path}: {flaw}")));
            }
        }
        Ok(())
    }
}

const SIZE: &str = "size limit";
