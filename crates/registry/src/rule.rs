//! Rules over evidence, as data.

use std::{collections::BTreeSet, fmt};

use lineal_core::{Compatibility, EvidenceKind, KeyId, Real};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Alias;

/// One rule of a policy.
///
/// Stored as `{"rule": name, "with": parameters}`. A rule of a later release is kept as [`Rule::Unknown`] and never
/// passes, negated or not. Where a rule reads evidence of some kind, the statement attached last that speaks of the
/// matter counts, so that a correction replaces what it corrects; all of them stay visible in the decision. `by` limits
/// whose evidence is believed; empty means every trusted key.
///
/// ```
/// use lineal_registry::{Op, Rule};
///
/// let rule = Rule::All(vec![Rule::metric("auc", Op::AtLeast, 0.7), Rule::approvals(1)]);
/// assert_eq!(rule.to_string(), "all of 2");
/// let later: Rule = serde_json::from_str(r#"{"rule": "carbon", "with": {"max": 3}}"#)?;
/// assert!(matches!(later, Rule::Unknown(_)));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self", tag = "rule", content = "with", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Rule {
    /// Every rule passes; passes if there are none.
    All(Vec<Self>),
    /// At least one rule passes; fails if there are none.
    Any(Vec<Self>),
    /// The rule fails. What cannot be told stays so: lack of evidence never passes.
    Not(Box<Self>),
    /// A measured value lies on the right side of a bound.
    Metric {
        /// Whose measurements count.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        by: Vec<KeyId>,
        /// The metric.
        key: String,
        /// The side.
        op: Op,
        /// One slice, or `*` for every slice stated, of which there must be one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        slice: Option<String>,
        /// The bound.
        value: Real,
    },
    /// A paired comparison shows an improvement over the version that holds an alias; passes while nothing holds it.
    Better {
        /// Whose comparisons count.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        by: Vec<KeyId>,
        /// The metric.
        key: String,
        /// Least improvement, in units of the metric.
        margin: Real,
        /// Largest p-value.
        max_p: Real,
        /// The method the comparison must have used.
        test: String,
        /// The alias.
        than: Alias,
    },
    /// Enough different people approve, none of whom is one of the parties named.
    Approvals {
        /// Who may approve; empty means every trusted key.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        by: Vec<KeyId>,
        /// How many.
        n: u32,
        /// Who must not. A party that no signed evidence names cannot be excluded, so the rule does not pass then.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        not: Vec<Party>,
    },
    /// The schema agrees with that of the version that holds an alias; passes while nothing holds it.
    Compatible {
        /// In which way.
        mode: Compatibility,
        /// The alias.
        with: Alias,
    },
    /// Golden cases were run and all of them passed.
    Golden {
        /// Whose runs count.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        by: Vec<KeyId>,
    },
    /// A named test passed.
    Test {
        /// Whose results count.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        by: Vec<KeyId>,
        /// The test.
        name: String,
    },
    /// Evidence of a kind is signed by one of these keys.
    Signed {
        /// The keys.
        by: Vec<KeyId>,
        /// The kind: a predicate type.
        kind: EvidenceKind,
    },
    /// The model card has these fields, and they are not empty.
    Card {
        /// The fields, by their names at the top of the card.
        fields: Vec<String>,
    },
    /// The version says where it comes from.
    Lineage {
        /// What it must say.
        require: Vec<LineagePart>,
    },
    /// A rule that this release does not know, or not with these parameters; never passes.
    #[serde(skip)]
    Unknown(serde_json::Value),
}

impl Rule {
    /// Demands a metric over all rows, by anybody trusted.
    #[must_use]
    pub fn metric(key: impl Into<String>, op: Op, value: f64) -> Self {
        Self::Metric { by: Vec::new(), key: key.into(), op, slice: None, value: value.into() }
    }

    /// Demands approvals by `n` people other than trainer and submitter.
    #[must_use]
    pub fn approvals(n: u32) -> Self {
        Self::Approvals { by: Vec::new(), n, not: vec![Party::Trainer, Party::Submitter] }
    }

    /// Demands every part of the lineage.
    #[must_use]
    pub fn lineage_complete() -> Self {
        use LineagePart::{CleanCode, Code, Data, Environment, Run};
        Self::Lineage { require: vec![Run, Data, Code, CleanCode, Environment] }
    }

    fn children(&self) -> &[Self] {
        match self {
            Self::All(rules) | Self::Any(rules) => rules,
            Self::Not(rule) => std::slice::from_ref(rule),
            _ => &[],
        }
    }

    /// Collects the aliases whose holders the rule looks at.
    pub(crate) fn aliases<'a>(&'a self, into: &mut BTreeSet<&'a Alias>) {
        match self {
            Self::Better { than: alias, .. } | Self::Compatible { with: alias, .. } => {
                into.insert(alias);
            }
            _ => self.children().iter().for_each(|child| child.aliases(into)),
        }
    }

    /// Returns the rule that a policy with this one would break.
    pub(crate) fn flaw(&self, depth: usize) -> Option<&'static str> {
        match self {
            Self::Unknown(_) => Some("it has a rule that this release does not know, or with other parameters"),
            _ if depth > MAX_DEPTH => Some("rules are nested at most 16 levels deep"),
            Self::Approvals { n: 0, .. } => Some("a rule about approvals demands at least one"),
            Self::Metric { value, .. } if value.get().is_nan() => Some("a bound is a number"),
            Self::Better { margin, max_p, .. } if margin.get().is_nan() || !(0.0..=1.0).contains(&max_p.get()) => {
                Some("a margin is a number, and a p-value lies within 0..=1")
            }
            Self::Signed { by, .. } if by.is_empty() => Some("a rule about signatures names keys"),
            _ => self.children().iter().find_map(|child| child.flaw(depth + 1)),
        }
    }
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Unknown(value) => value.serialize(serializer),
            known => Self::serialize(known, serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Rule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        Ok(Self::deserialize(&value).unwrap_or(Self::Unknown(value)))
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(rules) => write!(f, "all of {}", rules.len()),
            Self::Any(rules) => write!(f, "any of {}", rules.len()),
            Self::Not(_) => f.write_str("not"),
            Self::Metric { key, op, value, slice: None, .. } => write!(f, "{key} {op} {value}"),
            Self::Metric { key, op, value, slice: Some(slice), .. } => write!(f, "{key} {op} {value} in {slice}"),
            Self::Better { key, margin, max_p, test, than, .. } => {
                write!(f, "{key} better than {than} by {margin} (p at most {max_p}, {test})")
            }
            Self::Approvals { n, not, .. } => {
                write!(f, "{n} approval{}", if *n == 1 { "" } else { "s" })?;
                let mut parties = not.iter();
                parties.next().map_or(Ok(()), |party| write!(f, " by others than {party}"))?;
                parties.try_for_each(|party| write!(f, ", {party}"))
            }
            Self::Compatible { with, mode } => write!(f, "schema {mode} compatible with {with}"),
            Self::Golden { .. } => f.write_str("golden cases pass"),
            Self::Test { name, .. } => write!(f, "test {name} passes"),
            Self::Signed { kind, .. } => write!(f, "{kind} signed by a named key"),
            Self::Card { fields } => write!(f, "card has {}", fields.join(", ")),
            Self::Lineage { require } => write!(f, "lineage of {} parts", require.len()),
            Self::Unknown(value) => {
                let name = value.get("rule").and_then(serde_json::Value::as_str).unwrap_or_default();
                write!(f, "unknown rule \"{}\"", name.chars().take(60).flat_map(char::escape_debug).collect::<String>())
            }
        }
    }
}

/// On which side of a bound a value must lie. `NaN` lies on none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Op {
    /// `>=`
    AtLeast,
    /// `<=`
    AtMost,
    /// `>`
    Above,
    /// `<`
    Below,
}

impl Op {
    pub(crate) fn holds(self, value: f64, bound: f64) -> bool {
        match self {
            Self::AtLeast => value >= bound,
            Self::AtMost => value <= bound,
            Self::Above => value > bound,
            Self::Below => value < bound,
        }
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AtLeast => "at least",
            Self::AtMost => "at most",
            Self::Above => "above",
            Self::Below => "below",
        })
    }
}

/// A role in the making of a version, established by signatures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Party {
    /// Whoever signed [`EvidenceKind::Provenance`] of the version.
    Trainer,
    /// Whoever signed an [`EvidenceKind::Card`] of the version.
    Author,
    /// Whoever signed its registration.
    Submitter,
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Trainer => "trainer",
            Self::Author => "author",
            Self::Submitter => "submitter",
        })
    }
}

/// A part of where a version comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LineagePart {
    /// The run.
    Run,
    /// At least one dataset version.
    Data,
    /// The code's commit.
    Code,
    /// The code as committed, or with its difference kept.
    CleanCode,
    /// The environment.
    Environment,
}

impl fmt::Display for LineagePart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Run => "run",
            Self::Data => "data",
            Self::Code => "code",
            Self::CleanCode => "clean code",
            Self::Environment => "environment",
        })
    }
}

const MAX_DEPTH: usize = 16;
