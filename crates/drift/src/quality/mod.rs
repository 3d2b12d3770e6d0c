//! Data quality: constraints over columns and tables, checked in one pass over record batches.
//!
//! [`Constraints`] are plain data, to be written by hand, reviewed and kept beside the code, or inferred from data known to be good
//! ([`Constraints::infer`]). Each has a name, a [`Severity`], a tolerance and one [`Rule`]. [`Constraints::check`] reads slices,
//! [`Constraints::check_stream`] a stream of batches, and a [`Checker`] takes them one by one and can be merged with another one.
//! The [`QualityReport`] has a result per constraint with its own status, counts and first examples, so one bad column spoils nothing.
//!
//! One policy for values: null and NaN are missing; [`Rule::NotNull`] counts them, all other rules look at what is present. Integers
//! are compared exactly, also beyond 2^53 and with floats; times in whatever unit they are, those without a zone as if in UTC.
//! Decimals, lists and other nested types are counted and typed, and everything else about them is an error of that constraint.
//!
//! Constraints of different columns are checked in parallel on rayon's current pool; results do not depend on the number of threads,
//! nor on how rows are cut into batches. Memory does not grow with the rows, but for [`Rule::Unique`], which takes 24 to 60 bytes for
//! each distinct key (200 kilobytes at least) and stops at a bound ([`CheckSettings::max_keys`]).
//!
//! ```
//! use std::sync::Arc;
//! use lineal_drift::arrow::array::{Float64Array, RecordBatch, StringArray};
//! use lineal_drift::quality::{CheckSettings, Constraint, Constraints, Rule, Severity};
//!
//! let temp = Float64Array::from(vec![Some(21.5), None, Some(700.0)]);
//! let carrier = StringArray::from(vec!["UA", "AA", "UA"]);
//! let batch = RecordBatch::try_from_iter([("temp", Arc::new(temp) as _), ("carrier", Arc::new(carrier) as _)])?;
//!
//! let constraints = Constraints::default()
//!     .with(Constraint::new("temp in range", Rule::between("temp", -60.0, 60.0)))
//!     .with(Constraint::new("temp is there", Rule::not_null("temp")).with_severity(Severity::Warning).with_tolerance(0.5))
//!     .with(Constraint::new("known carriers", Rule::one_of("carrier", ["AA", "UA", "DL"])));
//! let report = constraints.check(&[batch], &CheckSettings::default())?;
//! assert!(!report.passed());
//! let failed: Vec<String> = report.failed().map(ToString::to_string).collect();
//! assert_eq!(failed, ["FAILED error temp in range: temp is from -60.0 to 60.0; 1 of 2 violates it: row 2 (700.0)"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

// Constraints
mod column_type; // families of types
mod constraint; // name, severity, tolerance, rule
mod limits; // scalars as bounds of a kind of column
mod members; // scalars as a set of a kind of column
mod rule; // what must hold
mod scalar; // one value of a rule
mod validate; // constraints that cannot be meant

// Checking
mod batch; // columns by name, in blocks that fit a cache
mod cell; // one value, and how two compare
mod checker; // all constraints, batch by batch
mod checks; // one file per kind of rule
mod key; // values as 128 bits
mod settings; // limits of a check
mod tally; // counts and first examples
mod task; // one constraint, whatever goes wrong
mod values; // arrays as one of a few kinds

// Results
mod report; // what was found, as plain data

// Inference
mod infer; // from profiles to constraints
mod inference; // what was inferred, and why
mod profile; // one column of the reference

pub use self::checker::Checker;
pub use self::column_type::ColumnType;
pub use self::constraint::{Constraint, Constraints, Severity};
pub use self::inference::{Evidence, InferSettings, Inference, LeftOut};
pub use self::report::{
    ConstraintResult, ConstraintStatus, Example, NotApplicableReason, QualityReport, UncheckedReason,
};
pub use self::rule::{Comparison, Rule};
pub use self::scalar::Scalar;
pub use self::settings::CheckSettings;
