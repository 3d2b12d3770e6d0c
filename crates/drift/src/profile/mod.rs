//! Mergeable profiles: what is known of a table without its rows.
//!
//! One pass over record batches ([`TableProfiler`], [`TableProfile::of_stream`]) keeps of each column a few kilobytes: counts, exact sums
//! and moments, extremes, a sketch of the quantiles ([`KllSketch`], in the stored form of Apache `DataSketches`), the number of distinct
//! values, the frequent ones, lengths of texts, and hours, weekdays and months of times. Profiles of days, files or machines merge; a
//! profile of the reference is stored in place of its rows ([`TableProfile::to_bytes`]), and drift is measured between two profiles, or
//! from a profile to rows, with bounds for what the sketches cannot tell ([`TableProfile::drift`]).
//!
//! Memory is bounded whatever a column holds. The result is the same, bit for bit, on any number of threads and however the rows are cut
//! into batches. There is no hidden randomness.

// The pass
mod collect_numbers; // numbers, a sorted block at a time
mod collect_texts; // labels, row by row
mod collector; // one column, array by array
mod profiler; // all columns, batch by batch
mod read; // Arrow to values
mod settings; // what is kept

// What is kept
mod calendar; // hours, weekdays, months
mod column; // all of one column
mod exact_sum; // sums without rounding
mod fixed_histogram; // counts between given edges
mod frequent; // Misra and Gries' summary
mod hyper_log_log; // distinct values
mod kind; // what a column is
mod kll; // quantiles
mod moments; // up to the fourth
mod numbers; // all of the numbers of one column
mod table; // all of one table

// Drift
mod drift; // of columns and tables
mod drift_labels; // over frequent labels
mod drift_numbers; // over distribution functions
mod estimate; // what was found

// Underneath
mod bins; // distances of shares known within bounds
mod codec; // bytes, read with care
mod coin; // seeded
mod count_numbers; // frequent numbers
mod count_texts; // frequent labels
mod hash; // 64 bits of a value
mod key; // what frequent values are counted under
mod kll_bytes; // the form of DataSketches
mod kll_capacity; // the sizes of its levels
mod steps; // distribution functions

pub use self::{
    calendar::Calendar,
    column::{ColumnProfile, FrequentItem},
    estimate::{ColumnDrift, DriftEstimate, NamedDrift, TableDrift},
    fixed_histogram::FixedHistogram,
    kind::ProfileKind,
    kll::KllSketch,
    profiler::TableProfiler,
    settings::ProfileSettings,
    table::TableProfile,
};
