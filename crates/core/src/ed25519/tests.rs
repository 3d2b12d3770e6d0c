use super::*;
use crate::{Digest, Envelope, ErrorKind, EvidenceKind, Real, SeededIds, Statement, Subject};

fn ring(key: &Ed25519Key, actor: &str) -> KeyRing {
    let mut ring = KeyRing::default();
    ring.add(key.public(), Actor::new(actor).unwrap()).unwrap();
    ring
}

/// RFC 8032, section 7.1, tests 1 to 3: secret, public, message, signature.
#[test]
fn the_vectors_of_rfc_8032() {
    let vectors = [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            &b""[..],
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            &b"\x72"[..],
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
        (
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            &b"\xaf\x82"[..],
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
    ];
    for (secret, public, message, signature) in vectors {
        let key = Ed25519Key::from_seed(&hex::decode("secret", secret).unwrap());
        assert_eq!(key.public().to_string(), public);
        let signature: [u8; 64] = hex::decode("signature", signature).unwrap();
        assert_eq!(key.sign(message).unwrap(), signature);
        ring(&key, "ana").verify(key.key_id(), message, &signature).unwrap();
    }
}

/// Digest and signature are those of OpenSSL 3 and Python over the same statement.
#[test]
fn an_envelope_is_pinned() {
    let key = Ed25519Key::from_seed(&[7; 32]);
    assert_eq!(key.key_id().to_string(), "fe812c12f3ab4ce6ac5db69ac352f906cb1b11ef43fb33e252ef7ff552263889");
    let subjects = vec![Subject::new("late15", Digest::of(b"weights"))];
    let predicate = serde_json::json!({"auc": Real::from(0.74), "rows": 24_000});
    let (by, at) = (Actor::new("ci/nightly").unwrap(), "2013-08-15T00:00:00Z".parse().unwrap());
    let statement = Statement::new(EvidenceKind::Metrics, subjects, &predicate, by, at).unwrap();
    let bytes = Envelope::unsigned(&statement).unwrap().sign(&key).unwrap().to_bytes().unwrap();
    let text = std::str::from_utf8(&bytes).unwrap();
    assert!(text.starts_with(r#"{"payload":"eyJfdHlwZSI6Imh0dHBzOi8vaW4tdG90by5pby9TdGF0ZW1lbnQvdjEi"#), "{text}");
    assert!(
        text.ends_with(concat!(
            r#"","payloadType":"application/vnd.in-toto+json","signatures":[{"keyid":"#,
            r#""fe812c12f3ab4ce6ac5db69ac352f906cb1b11ef43fb33e252ef7ff552263889","sig":"#,
            r#""y2+zQZDrheqoudT2NZdzfr6A4omiRZ9u1y+KDoSellALPP6kvOalD1MAan1iFSlYNSB1gbd+8NwMduzl0CT5BA=="}]}"#
        )),
        "{text}"
    );
    assert_eq!(Digest::of(&bytes).to_string(), "3278bd4e56a76361234ac1002e4cc4f3a3c57ccca4212cce32f4aa74fef2eec8");
}

#[test]
fn forged_signatures_are_refused() {
    let (ana, eve) = (Ed25519Key::from_seed(&[1; 32]), Ed25519Key::from_seed(&[2; 32]));
    let trusted = ring(&ana, "ana");
    let good = ana.sign(b"message").unwrap();
    for bit in (0..512).step_by(11) {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        let refused = trusted.verify(ana.key_id(), b"message", &bad).unwrap_err();
        assert!(matches!(refused, SignError::Mismatch { .. }));
    }
    for signature in [&[][..], &good[..63], &[good.as_slice(), &[0]].concat()] {
        assert!(trusted.verify(ana.key_id(), b"message", signature).is_err());
    }
    assert!(trusted.verify(ana.key_id(), b"another", &good).is_err());
    let unknown = trusted.verify(eve.key_id(), b"message", &eve.sign(b"message").unwrap()).unwrap_err();
    assert!(matches!(unknown, SignError::UnknownKey { .. }));
    assert_eq!(unknown.kind(), ErrorKind::Denied);
}

#[test]
fn bad_public_keys_are_refused() {
    let mut identity = [0; 32];
    identity[0] = 1;
    assert!(
        matches!(PublicKey::from_bytes(&identity), Err(SignError::PublicKey { rule }) if rule.contains("small order"))
    );
    let mut no_point = [0; 32];
    no_point[0] = 2;
    assert!(matches!(PublicKey::from_bytes(&no_point), Err(SignError::PublicKey { rule: NOT_A_POINT })));
    assert!("02".repeat(31).parse::<PublicKey>().is_err());
    assert!(hex_text(&no_point).parse::<PublicKey>().is_err());
}

fn hex_text(bytes: &[u8; 32]) -> String {
    Digest::from_bytes(*bytes).to_string()
}

#[test]
fn public_keys_survive_their_text() {
    let key = Ed25519Key::generate(&SeededIds::new(1)).public();
    let json = serde_json::to_string(&key).unwrap();
    assert_eq!(serde_json::from_str::<PublicKey>(&json).unwrap(), key);
    assert_eq!(PublicKey::from_bytes(key.as_bytes()).unwrap(), key);
}

#[test]
fn a_key_speaks_for_one_actor() {
    let key = Ed25519Key::from_seed(&[1; 32]);
    let mut ring = ring(&key, "ana");
    ring.add(key.public(), Actor::new("ana").unwrap()).unwrap();
    let refused = ring.add(key.public(), Actor::new("bo").unwrap()).unwrap_err();
    assert_eq!(refused.to_string(), format!("key {} belongs to ana", key.key_id()));
    assert_eq!(refused.kind(), ErrorKind::Conflict);
    assert_eq!(ring.actor_of(key.key_id()).unwrap().as_str(), "ana");
    assert_eq!(ring.keys().count(), 1);
    assert_eq!(ring.actor_of(&KeyId::of(b"")), None);
}

#[test]
fn secrets_do_not_show() {
    let key = Ed25519Key::from_seed(&[7; 32]);
    assert_eq!(format!("{key:?}"), "Ed25519Key(KeyId(fe812c12f3ab))");
    let generated = |seed| Ed25519Key::generate(&SeededIds::new(seed)).public();
    assert_eq!(generated(1), generated(1));
    assert_ne!(generated(1), generated(2));
}
