use serde::{Deserialize, Deserializer, Serialize, Serializer, de::IgnoredAny};

use super::{Stamp, State, checkpoint::UNTYPED};

/// Reads a journal of any kind without understanding its events: for collectors, mirrors and auditors.
///
/// A `Journal<Untyped>` verifies, follows and streams entries, and records barriers; it folds no domain state and
/// writes no checkpoints.
#[derive(Debug, Clone, Copy, Default)]
pub struct Untyped;

impl State for Untyped {
    type Event = serde_json::Value;
    const KIND: &'static str = UNTYPED;

    fn apply(&mut self, _: &serde_json::Value, _: &Stamp) {}
}

impl Serialize for Untyped {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }
}

impl<'de> Deserialize<'de> for Untyped {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}
