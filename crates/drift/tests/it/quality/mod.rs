//! Constraints of data quality.

mod data; // columns for tests
mod hostile; // nothing panics, nothing spoils the rest
mod inference; // what is inferred, and that the reference passes it
mod merge; // parts, threads and cuts give one result
mod row_by_row; // counts and examples agree with a plain walk over the rows
mod rules; // each rule: passing, failing, at its edges
mod snapshots; // stored forms
mod types; // every type of column
