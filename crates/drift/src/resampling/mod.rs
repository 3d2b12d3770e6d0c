//! P-values without a law: the statistic is computed anew on samples drawn from both sides together.
//!
//! A permutation deals the rows out anew and is exact where rows do not depend on each other. Rows of a series do, and then the test
//! finds drift that is none far too often; drawing blocks of rows that stand together keeps that dependence ([`Scheme`]).
//!
//! Every p-value is (1 + draws that reach the observed statistic) / (1 + draws), so that it is never 0 and the test never rejects more
//! often than its level for want of draws (Phipson and Smyth, Permutation P-values Should Never Be Zero, 2010).

mod block_length; // how long blocks should be
mod draws; // how many, from which seed
mod resampled_test; // any statistic of two samples
mod scheme; // rows or blocks

pub use self::{
    block_length::BlockLength,
    draws::Draws,
    resampled_test::{ResampledTest, resampled_test},
    scheme::Scheme,
};
