//! Policies: a rule, and who may change it.

use std::collections::BTreeSet;

use lineal_core::{Digest, KeyId, from_canonical, to_canonical};
use serde::{Deserialize, Serialize};

use crate::{Alias, Error, Rule};

/// What a version must show to be let into an environment, and who may change that.
///
/// A document of its own, named by the digest of its canonical JSON: approvals bind that digest, so a changed policy
/// voids them.
///
/// ```
/// use lineal_registry::{Op, Policy, Rule};
///
/// let policy = Policy::new(Rule::All(vec![Rule::metric("auc", Op::AtLeast, 0.7), Rule::approvals(1)]))?;
/// assert_eq!(Policy::from_bytes(&policy.to_bytes())?, policy);
/// # Ok::<(), lineal_registry::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    amend: Vec<KeyId>,
    format: u32,
    rule: Rule,
}

impl Policy {
    /// Media type of the stored form.
    pub const MEDIA_TYPE: &str = "application/vnd.lineal.policy.v1+json";

    /// Makes a policy of a rule; mostly a [`Rule::All`].
    ///
    /// # Errors
    /// [`Error::BadPolicy`] with what is wrong: unknown rules, more than 16 levels, 64 KiB, a bound that is no number.
    pub fn new(rule: Rule) -> Result<Self, Error> {
        let policy = Self { amend: Vec::new(), format: FORMAT, rule };
        policy.check().map(|()| policy)
    }

    /// Limits who may put another policy in its place; without, every trusted key may.
    #[must_use]
    pub fn with_amenders(mut self, keys: impl IntoIterator<Item = KeyId>) -> Self {
        self.amend.extend(keys);
        self.amend.sort_unstable();
        self.amend.dedup();
        self
    }

    /// Returns the rule.
    #[must_use]
    pub fn rule(&self) -> &Rule {
        &self.rule
    }

    /// Tells whether `key` may put another policy in its place.
    #[must_use]
    pub fn may_amend(&self, key: &KeyId) -> bool {
        self.amend.is_empty() || self.amend.contains(key)
    }

    /// Writes the policy in canonical JSON.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        // A policy that was read from canonical JSON can be written; `check` writes those that were made here.
        to_canonical(self).unwrap_or_default()
    }

    /// Returns the digest of [`Policy::to_bytes`].
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.to_bytes())
    }

    /// Reads a policy. Rules of later releases are kept as [`Rule::Unknown`], which never pass.
    ///
    /// # Errors
    /// [`Error::Malformed`] if the bytes are none, or none of a format this release knows.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let malformed = |source: Box<dyn std::error::Error + Send + Sync>| Error::Malformed {
            what: "policy".to_owned(),
            digest: Digest::of(bytes),
            source,
        };
        if bytes.len() > MAX_BYTES {
            return Err(malformed(TOO_LARGE.into()));
        }
        let policy: Self = from_canonical(bytes).map_err(|error| malformed(Box::new(error)))?;
        match policy.format {
            FORMAT => Ok(policy),
            other => Err(malformed(format!("format {other} is not known, only {FORMAT}").into())),
        }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        if let Some(rule) = self.rule.flaw(1) {
            return Err(Error::BadPolicy { rule });
        }
        match to_canonical(self) {
            Ok(bytes) if bytes.len() <= MAX_BYTES => Ok(()),
            _ => Err(Error::BadPolicy { rule: TOO_LARGE }),
        }
    }

    /// Returns the aliases whose holders the rules look at.
    pub(crate) fn aliases(&self) -> BTreeSet<&Alias> {
        let mut found = BTreeSet::new();
        self.rule.aliases(&mut found);
        found
    }
}

const FORMAT: u32 = 1;
const MAX_BYTES: usize = 64 * 1024;
const TOO_LARGE: &str = "a policy has at most 64 KiB";
