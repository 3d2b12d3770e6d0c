//! Ed25519 keys (RFC 8032) for signing and verifying.

use std::{collections::BTreeMap, fmt, str::FromStr};

use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};

use crate::{Actor, Hasher, IdSource, KeyId, ParseError, SignError, Signer, Verifier, hex};

/// A secret Ed25519 key.
///
/// It is never stored by Lineal, `Debug` shows its public name only, and its memory is wiped when it is dropped.
///
/// ```
/// use lineal_core::{Ed25519Key, OsIds, Signer};
///
/// let key = Ed25519Key::generate(&OsIds);
/// assert_eq!(key.public().key_id(), *key.key_id());
/// assert_eq!(key.sign(b"a message")?.len(), 64);
/// # Ok::<(), lineal_core::SignError>(())
/// ```
pub struct Ed25519Key {
    secret: SigningKey,
    id: KeyId,
}

impl Ed25519Key {
    /// Takes a secret key of 32 bytes, such as one kept in a file or a secret manager.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let secret = SigningKey::from_bytes(seed);
        let id = KeyId::of(secret.verifying_key().as_bytes());
        Self { secret, id }
    }

    /// Makes a new key out of 256 bits from `ids`; only as secret as those are.
    #[must_use]
    pub fn generate(ids: &dyn IdSource) -> Self {
        let mut hasher = Hasher::new();
        hasher.update(b"lineal-ed25519-seed\0");
        hasher.update(&ids.next_id());
        hasher.update(&ids.next_id());
        Self::from_seed(hasher.finish().as_bytes())
    }

    /// Returns the public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.secret.verifying_key())
    }
}

impl fmt::Debug for Ed25519Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ed25519Key({:?})", self.id)
    }
}

impl Signer for Ed25519Key {
    fn key_id(&self) -> &KeyId {
        &self.id
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        Ok(self.secret.sign(message).to_bytes().to_vec())
    }
}

/// A public Ed25519 key.
///
/// `Display`, `FromStr` and serde use 64 lower-case hex digits: the key, not its [`KeyId`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Takes the 32 bytes of a public key.
    ///
    /// # Errors
    /// [`SignError::PublicKey`] if they are no point of the curve, or one of small order, for which anybody can sign.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, SignError> {
        let rule = match VerifyingKey::from_bytes(bytes) {
            Ok(key) if !key.is_weak() => return Ok(Self(key)),
            Ok(_) => "must not be of small order",
            Err(_) => NOT_A_POINT,
        };
        Err(SignError::PublicKey { rule })
    }

    /// Returns the 32 bytes of the key.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// Returns the name of the key.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        KeyId::of(self.as_bytes())
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::write(f, self.as_bytes())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl FromStr for PublicKey {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let bytes = hex::decode("public key", text)?;
        Self::from_bytes(&bytes).map_err(|error| match error {
            SignError::PublicKey { rule } => ParseError::new("public key", text, rule),
            _ => ParseError::new("public key", text, NOT_A_POINT),
        })
    }
}

crate::__serde_as_text!(PublicKey, "an Ed25519 public key as 64 lower-case hex digits");

/// The public keys that are trusted, and whose each is.
///
/// An actor may have several keys; a key has one actor, so that rules about different people can be rules about keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyRing {
    keys: BTreeMap<KeyId, (PublicKey, Actor)>,
}

impl KeyRing {
    /// Trusts `key` to speak for `actor`. Doing it again changes nothing.
    ///
    /// # Errors
    /// [`SignError::KeyTaken`] if it speaks for somebody else.
    pub fn add(&mut self, key: PublicKey, actor: Actor) -> Result<(), SignError> {
        let id = key.key_id();
        let (_, owner) = self.keys.entry(id).or_insert_with(|| (key, actor.clone()));
        if *owner != actor {
            return Err(SignError::KeyTaken { key: id, actor: owner.clone() });
        }
        Ok(())
    }

    /// Returns whose the key is; `None` if it is not trusted.
    #[must_use]
    pub fn actor_of(&self, key: &KeyId) -> Option<&Actor> {
        self.keys.get(key).map(|(_, actor)| actor)
    }

    /// Returns all keys with their actors, in the order of their ids.
    pub fn keys(&self) -> impl Iterator<Item = (&PublicKey, &Actor)> {
        self.keys.values().map(|(key, actor)| (key, actor))
    }
}

impl Verifier for KeyRing {
    /// Refuses besides all signatures that could be changed and stay valid.
    fn verify(&self, key: &KeyId, message: &[u8], signature: &[u8]) -> Result<(), SignError> {
        let (public, _) = self.keys.get(key).ok_or(SignError::UnknownKey { key: *key })?;
        ed25519_dalek::Signature::from_slice(signature)
            .and_then(|signature| public.0.verify_strict(message, &signature))
            .map_err(|_| SignError::Mismatch { key: *key })
    }
}

const NOT_A_POINT: &str = "must be a point of the curve";

#[cfg(test)]
mod tests;
