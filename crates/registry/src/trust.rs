//! Whose signatures a registry believes.

use lineal_core::{Actor, KeyId, Verifier};

/// Verifies signatures and knows whose each key is.
///
/// The `KeyRing` of core is one, with feature `ed25519`. A registry believes nothing else: every metric, approval and policy counts
/// for the keys that have signed it. Removing a key withdraws whatever rests on it: decisions that need its signatures no
/// longer hold, and what they released no longer loads.
///
/// # Contract
/// A key belongs to one actor for ever; [`actor_of`](Trust::actor_of) is `Some` exactly for the keys that
/// [`verify`](Verifier::verify) accepts signatures of. Neither blocks for long.
pub trait Trust: Verifier {
    /// Returns whose the key is; `None` if it is not trusted.
    fn actor_of(&self, key: &KeyId) -> Option<Actor>;
}

#[cfg(feature = "ed25519")]
impl Trust for lineal_core::KeyRing {
    fn actor_of(&self, key: &KeyId) -> Option<Actor> {
        Self::actor_of(self, key).cloned()
    }
}
