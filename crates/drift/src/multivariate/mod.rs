//! Drift of rows as a whole: what no column shows alone, and embeddings, whose columns mean nothing alone.
//!
//! Rows are matrices of shape (observations, columns); [`embedding_rows`] makes one from an Arrow column of lists. Tables are Arrow
//! record batches with numbers and labels.
//!
//! | question | method | time for n and m rows of d numbers |
//! | --- | --- | --- |
//! | did anything change? | [`mmd_test`], [`energy_test`]: p-values by permutation | (n + m)² (d + draws) |
//! | the same, of millions of rows | [`linear_mmd`] | (n + m) d |
//! | did the means move? | [`hotelling`] | (n + m) d² + d³ |
//! | can rows be told apart, and by which columns? | [`DomainClassifier`], also of tables | (n + m) d, some hundred times |
//! | do columns still belong together? | [`Reconstruction`] of tables, [`RowReconstruction`] | (n + m) d² + d³ |

mod auc; // how well scores tell two sides apart
mod covariance; // sums of products of columns
mod domain_classifier; // logistic regression, cross-fitted
mod embeddings; // lists of numbers to rows
mod encoding; // columns to numbers, as the reference has them
mod energy_test; // energy distance with a p-value
mod features; // columns of both sides to numbers
mod hotelling; // Student's test for many columns
mod kernel_width; // the median distance
mod linear_mmd; // maximum mean discrepancy in one pass
mod logistic; // logistic regression by L-BFGS
mod mmd_test; // maximum mean discrepancy with a p-value
mod permuted_sums; // sums over pairs for many permutations at once
mod principal; // directions of the greatest variance
mod reconstruction; // what few directions leave of a row
pub(crate) mod rows; // finite rows of both sides
mod table; // columns of record batches, row by row

pub use self::{
    domain_classifier::{DomainClassification, DomainClassifier, FeatureWeight},
    embeddings::embedding_rows,
    energy_test::energy_test,
    hotelling::{Hotelling, hotelling},
    kernel_width::kernel_width,
    linear_mmd::{LinearMmd, linear_mmd, linear_mmd_test},
    mmd_test::mmd_test,
    reconstruction::{Reconstruction, RowReconstruction},
};
