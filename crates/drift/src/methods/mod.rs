//! The methods that compare two samples of one column: one file each, with definition, source and row of the table.

// Order of the values
pub(crate) mod anderson_darling; // k-sample Anderson-Darling test
pub(crate) mod cramer_von_mises; // area of squared differences of the distribution functions
pub(crate) mod energy; // energy distance
pub(crate) mod ks; // Kolmogorov-Smirnov test
pub(crate) mod kuiper; // Kolmogorov-Smirnov for circles and tails
pub(crate) mod mann_whitney; // rank sums
pub(crate) mod wasserstein; // Wasserstein-1, raw and normed

// Moments
pub(crate) mod epps_singleton; // characteristic functions
pub(crate) mod t_test; // Student's and Welch's tests of the means

// Counts, and numbers by bins
pub(crate) mod chi_square; // Pearson's test of homogeneity
pub(crate) mod g_test; // the likelihood ratio test
pub(crate) mod hellinger; // Hellinger distance
pub(crate) mod jensen_shannon; // distance of counts, and of numbers by common bins
pub(crate) mod kullback_leibler; // divergence from the reference
pub(crate) mod l_infinity; // the largest difference of shares
pub(crate) mod proportions; // two by two: Fisher's exact test and the z test
pub(crate) mod psi; // population stability index
pub(crate) mod total_variation; // half the sum of differences of shares

// Rows of several columns
pub(crate) mod mmd; // maximum mean discrepancy, and energy in many dimensions
