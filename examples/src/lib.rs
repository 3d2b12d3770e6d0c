//! Shared pieces of the examples.

pub mod learn;

use std::error::Error;

/// What the steps of an example return.
pub type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Fails with `promise` unless it holds: what an example says, it has checked.
///
/// # Errors
/// The promise.
pub fn ensure(holds: bool, promise: &str) -> Outcome<()> {
    if holds { Ok(()) } else { Err(format!("broken promise: {promise}").into()) }
}
