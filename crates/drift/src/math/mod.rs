//! Mathematics underneath: laws, sums and decompositions that more than one method needs.

pub(crate) mod beta; // incomplete beta and Student's t
pub(crate) mod cramer_von_mises_law; // limit law of the Cramér-von Mises statistic
pub(crate) mod dot; // inner products
pub(crate) mod gamma; // log-gamma and the chi-square tail
pub(crate) mod histogram; // common binning of two samples
pub(crate) mod kolmogorov; // one-sample and limit laws of the Kolmogorov statistic
pub(crate) mod ks_paths; // exact two-sample law by lattice paths
pub(crate) mod moments; // sums, mean, spread without cancellation or overflow
pub(crate) mod normal; // tails of the normal law
pub(crate) mod quantile; // linear quantiles
pub(crate) mod sort; // numbers, as integers of the same order
pub(crate) mod steps; // both empirical distribution functions, step by step
pub(crate) mod symmetric; // eigenvalues of symmetric matrices
mod tridiagonal; // the same of larger ones
