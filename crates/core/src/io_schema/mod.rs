//! The model signature: what a model takes and what it gives.

mod allowed; // the set of values a field admits
mod categories; // closed sets of values
mod compat; // Backward, Forward, Full between two schemas
mod data_type; // the frozen scalar types and their text form
mod error; // why a schema is refused
mod field; // one named column or tensor, and its rules
mod incompatibility; // what a comparison found
mod range; // inclusive bounds, exact in integers and decimals
mod schema; // inputs and outputs, validated, with a digest
mod shape; // known and unknown dimensions

#[cfg(feature = "arrow")]
mod check; // a batch against a schema: all violations
#[cfg(feature = "arrow")]
mod convert; // to and from Arrow schemas
#[cfg(feature = "arrow")]
mod elements; // nested lists flattened to their elements
#[cfg(feature = "arrow")]
mod scan; // vectorised tests of values
#[cfg(feature = "arrow")]
mod values; // elements behind a dictionary, or plain
#[cfg(feature = "arrow")]
mod violation; // what a check found

pub use self::{
    categories::Categories,
    compat::Compatibility,
    data_type::{IoType, TimeUnit},
    error::{FieldRule, SchemaError},
    field::IoField,
    incompatibility::{Incompatibilities, Incompatibility, Mismatch},
    range::ValueRange,
    schema::{IoSchema, IoSide},
    shape::Dim,
};
#[cfg(feature = "arrow")]
pub use self::{
    check::ExtraColumns,
    violation::{Violation, ViolationKind, Violations},
};

#[cfg(test)]
mod tests;
