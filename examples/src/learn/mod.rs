//! A small model of late flights: their rows, features, a logistic regression.
#![allow(
    missing_docs,
    clippy::missing_errors_doc,
    clippy::must_use_candidate,
    reason = "for the examples alone; the errors say what they hold"
)]

mod cholesky;
pub mod features; // what the model sees
pub mod flights; // rows of the year
pub mod learn_error;
pub mod model; // a regularised logistic regression
pub mod split; // which rows train
