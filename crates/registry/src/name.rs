//! The names of a registry: environments, aliases, and an alias in its full place.

use std::fmt;

use lineal_core::Name;
use serde::{Deserialize, Serialize};

lineal_core::name_type! {
    /// Names an environment, such as `prod`: where models are used, under one policy.
    ///
    /// ```
    /// let prod = lineal_registry::Environment::new("prod")?;
    /// assert_eq!(prod.as_str(), "prod");
    /// # Ok::<(), lineal_core::InvalidName>(())
    /// ```
    pub struct Environment;
}

lineal_core::name_type! {
    /// Names an alias, such as `champion`: a name within an environment that moves from version to version.
    ///
    /// ```
    /// let champion = lineal_registry::Alias::new("champion")?;
    /// assert_eq!(champion.as_str(), "champion");
    /// # Ok::<(), lineal_core::InvalidName>(())
    /// ```
    pub struct Alias;
}

/// An alias in its full place: of a model, in an environment.
///
/// ```
/// use lineal_registry::AliasRef;
///
/// let champion = AliasRef::new("late15", "prod", "champion")?;
/// assert_eq!(champion.to_string(), "late15@prod/champion");
/// # Ok::<(), lineal_core::InvalidName>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AliasRef {
    /// The alias.
    pub alias: Alias,
    /// The environment.
    pub environment: Environment,
    /// The model.
    pub model: Name,
}

impl AliasRef {
    /// Checks the three names.
    ///
    /// # Errors
    /// [`InvalidName`](lineal_core::InvalidName) for the first that breaks a rule.
    pub fn new(model: &str, environment: &str, alias: &str) -> Result<Self, lineal_core::InvalidName> {
        Ok(Self { alias: Alias::new(alias)?, environment: Environment::new(environment)?, model: Name::new(model)? })
    }
}

impl fmt::Display for AliasRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}/{}", self.model, self.environment, self.alias)
    }
}
