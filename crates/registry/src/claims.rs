//! What the registry reads in statements: the shapes of their predicates.
//!
//! Specified in `docs/format/evidence.md`. Fields that are not named here may be present and are not read, so that a
//! producer can say more. The registry believes a claim for the keys that signed it, never for its words alone.

use std::collections::BTreeMap;

use lineal_core::{Digest, EvidenceKind, Name, Real, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Environment;

/// Predicate of [`EvidenceKind::Metrics`]: measured quality of a version.
///
/// ```
/// use lineal_registry::MetricsClaim;
///
/// let claim = MetricsClaim::default().with("auc", 0.71).with_in("origin=EWR", "auc", 0.69);
/// let json = serde_json::to_string(&claim)?;
/// assert_eq!(json, r#"{"metrics":{"auc":"0.71"},"slices":{"origin=EWR":{"auc":"0.69"}}}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MetricsClaim {
    /// Values over all rows, by metric.
    pub metrics: BTreeMap<String, Real>,
    /// Values over parts of the rows, by slice and metric; a slice is named like `origin=EWR`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub slices: BTreeMap<String, BTreeMap<String, Real>>,
}

impl MetricsClaim {
    /// States a value over all rows.
    #[must_use]
    pub fn with(mut self, metric: impl Into<String>, value: f64) -> Self {
        self.metrics.insert(metric.into(), value.into());
        self
    }

    /// States a value over one slice.
    #[must_use]
    pub fn with_in(mut self, slice: impl Into<String>, metric: impl Into<String>, value: f64) -> Self {
        self.slices.entry(slice.into()).or_default().insert(metric.into(), value.into());
        self
    }
}

/// Predicate of [`EvidenceKind::Test`]: the result of a test, which may compare two versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestClaim {
    /// What the test compared, if it compared versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comparison: Option<Comparison>,
    /// The test's name.
    pub name: String,
    /// Whether it passed, in its own judgement; comparisons are judged by the policy instead.
    pub passed: bool,
}

/// A paired comparison of a candidate with a baseline on the same examples.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    /// Digest of the baseline: its version or its manifest.
    pub baseline: Digest,
    /// Digest of the candidate: its version or its manifest.
    pub candidate: Digest,
    /// By how much the candidate is better, in units of the metric; positive is better whatever the metric's direction.
    pub improvement: Real,
    /// The metric.
    pub metric: String,
    /// Probability of an improvement at least this large if there is none, one-sided, `0..=1`.
    pub p: Real,
    /// The test's method, such as `paired-bootstrap` or `wilcoxon`.
    pub test: String,
}

/// Predicate of [`EvidenceKind::Golden`]: recorded inputs were run and gave the outputs they must.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoldenClaim {
    /// How many cases were run.
    pub cases: u64,
    /// How many gave something else.
    pub failed: u64,
    /// Whether all is well.
    pub passed: bool,
}

/// Predicate of [`EvidenceKind::Approval`]: somebody lets a version into an environment under a policy, for a time.
///
/// Made by [`Registry::approve`](crate::Registry::approve). The statement's subject is the version's digest, so another
/// training, another policy or another environment voids it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalClaim {
    /// In words of the approver.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub comment: String,
    /// For which environment.
    pub environment: Environment,
    /// Until when a decision may rest on it.
    pub expires: Timestamp,
    /// Under which policy.
    pub policy: Digest,
}

/// Predicate of `https://lineal.dev/evidence/custom/registration/v1`: somebody hands a version in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RegistrationClaim {
    pub(crate) model: Name,
    pub(crate) registry: Name,
}

/// Predicate of `https://lineal.dev/evidence/custom/policy/v1`: somebody puts a policy in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndorsementClaim {
    pub(crate) environment: Environment,
    /// How many policies the environment has had with this one: an endorsement cannot be played again later.
    pub(crate) number: u64,
    /// The policy that it replaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) previous: Option<Digest>,
    pub(crate) registry: Name,
}

pub(crate) fn registration_kind() -> EvidenceKind {
    custom("registration")
}

pub(crate) fn policy_kind() -> EvidenceKind {
    custom("policy")
}

pub(crate) fn bundle_kind() -> EvidenceKind {
    custom("bundle")
}

fn custom(name: &str) -> EvidenceKind {
    EvidenceKind::Custom(Name::new(name).expect("the names above keep the rules"))
}
