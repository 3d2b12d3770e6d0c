use super::*;
use crate::{Actor, CanonicalError, ErrorKind, EvidenceKind, Subject, Timestamp};

/// "Signs" by hashing key and message: enough to tell keys, messages and failures apart.
#[derive(Debug)]
struct Toy(KeyId);

impl Toy {
    fn new(name: &str) -> Self {
        Self(KeyId::of(name.as_bytes()))
    }
}

impl Signer for Toy {
    fn key_id(&self) -> &KeyId {
        &self.0
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        let signed = [self.0.as_digest().as_bytes(), message].concat();
        Ok(Digest::of(&signed).as_bytes().to_vec())
    }
}

#[derive(Debug)]
struct Toys {
    known: Vec<Toy>,
    away: Option<KeyId>,
}

impl Toys {
    fn new(names: &[&str]) -> Self {
        Self { known: names.iter().map(|name| Toy::new(name)).collect(), away: None }
    }
}

impl Verifier for Toys {
    fn verify(&self, key: &KeyId, message: &[u8], signature: &[u8]) -> Result<(), SignError> {
        if self.away == Some(*key) {
            let source = "connection refused".into();
            return Err(SignError::Unavailable { key: *key, source });
        }
        let toy = self.known.iter().find(|toy| toy.0 == *key);
        let toy = toy.ok_or(SignError::UnknownKey { key: *key })?;
        if toy.sign(message)? == signature { Ok(()) } else { Err(SignError::Mismatch { key: *key }) }
    }
}

fn statement() -> Statement {
    let subjects = vec![Subject::new("late15", Digest::of(b"weights"))];
    let by = Actor::new("ana").unwrap();
    Statement::new(EvidenceKind::Approval, subjects, "fit", by, Timestamp::EPOCH).unwrap()
}

fn envelope(signers: &[&str]) -> Envelope {
    signers
        .iter()
        .fold(Envelope::unsigned(&statement()).unwrap(), |envelope, name| envelope.sign(&Toy::new(name)).unwrap())
}

fn key(name: &str) -> KeyId {
    Toy::new(name).0
}

#[test]
fn the_test_vector_of_dsse() {
    assert_eq!(
        pae("http://example.com/HelloWorld", b"hello world"),
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    );
    // Lengths count bytes, and make the encoding unambiguous.
    assert_eq!(pae("é", b""), "DSSEv1 2 é 0 ".as_bytes());
    assert_ne!(pae("a 1", b"b"), pae("a", b"1 b"));
}

#[test]
fn only_true_signatures_count() {
    let signed = envelope(&["ana", "bo", "cy"]);
    assert_eq!(signed.verify(&Toys::new(&["cy", "ana"])).unwrap(), [key("ana"), key("cy")]);
    assert_eq!(signed.statement().unwrap(), statement());

    let mut forged = signed.clone();
    forged.payload[0] ^= 1;
    let refused = forged.verify(&Toys::new(&["ana"])).unwrap_err();
    assert_eq!(refused.to_string(), "none of 3 signatures is valid");
    assert_eq!(refused.kind(), ErrorKind::Denied);

    let mut retyped = signed.clone();
    retyped.payload_type.push('x');
    assert!(retyped.verify(&Toys::new(&["ana"])).is_err());
    assert!(matches!(retyped.statement(), Err(SignError::PayloadType { .. })));

    let mut moved = signed;
    moved.signatures[0].key = key("bo");
    assert_eq!(moved.verify(&Toys::new(&["ana", "bo"])).unwrap(), [key("bo")]);
}

#[test]
fn one_key_counts_once() {
    let mut signed = envelope(&["ana"]);
    signed.signatures.push(signed.signatures[0].clone());
    assert_eq!(signed.verify(&Toys::new(&["ana"])).unwrap(), [key("ana")]);
    assert_eq!(envelope(&["ana", "bo", "ana"]).signatures.len(), 2);
}

#[test]
fn reasons_are_told_apart() {
    let toys = Toys::new(&["ana"]);
    assert!(matches!(envelope(&[]).verify(&toys), Err(SignError::Unsigned)));
    let unknown = envelope(&["eve"]).verify(&toys).unwrap_err();
    assert!(
        matches!(unknown, SignError::NotVerified { source, .. } if matches!(*source, SignError::UnknownKey { .. }))
    );
    let away = Toys { away: Some(key("ana")), ..toys };
    let unavailable = envelope(&["eve", "ana"]).verify(&away).unwrap_err();
    assert_eq!(unavailable.kind(), ErrorKind::Unavailable);
    assert!(size_of::<SignError>() < 128);
}

#[test]
fn too_many_signatures_are_not_tried() {
    let mut signed = envelope(&["ana"]);
    signed.signatures = vec![signed.signatures[0].clone(); 65];
    let bytes = to_canonical(&signed).unwrap();
    for refused in [
        signed.verify(&Toys::new(&["ana"])).unwrap_err(),
        signed.to_bytes().unwrap_err(),
        Envelope::from_bytes(&bytes).unwrap_err(),
    ] {
        assert!(matches!(refused, SignError::TooManySignatures { count: 65, limit: 64 }));
    }
}

#[test]
fn bytes_survive_and_others_are_refused() {
    let signed = envelope(&["ana", "bo"]);
    let bytes = signed.to_bytes().unwrap();
    assert_eq!(Envelope::from_bytes(&bytes).unwrap(), signed);
    assert_eq!(signed.digest().unwrap(), Digest::of(&bytes));
    let text = String::from_utf8(bytes).unwrap();
    for (from, to) in [
        ("\"payload\":\"", "\"payload\":\" "),
        ("{\"payload\"", "{\"more\":1,\"payload\""),
        ("\"keyid\":\"", "\"keyid\":\"0"),
        ("\"sig\"", "\"signature\""),
    ] {
        assert!(text.contains(from));
        let refused = Envelope::from_bytes(text.replace(from, to).as_bytes()).unwrap_err();
        assert!(matches!(refused, SignError::Envelope(CanonicalError::Decode(_))), "{from} {refused:?}");
        assert_eq!(refused.kind(), ErrorKind::Corrupt);
    }
}

#[test]
fn a_payload_that_is_no_statement_is_refused() {
    let envelope = Envelope::new(STATEMENT_TYPE, b"{}".to_vec());
    assert!(matches!(envelope.statement(), Err(SignError::Statement(_))));
    assert!(envelope.evidence(vec![]).is_err());
}

#[test]
fn evidence_refers_to_the_stored_bytes() {
    let signed = envelope(&["ana"]);
    let signers = signed.verify(&Toys::new(&["ana"])).unwrap();
    let evidence = signed.evidence(signers).unwrap();
    assert_eq!(evidence.digest, Digest::of(&signed.to_bytes().unwrap()));
    assert_eq!(evidence.kind, EvidenceKind::Approval);
    assert_eq!(evidence.subjects, [Digest::of(b"weights")]);
    assert_eq!(evidence.signers, [key("ana")]);
    let bytes = to_canonical(&evidence).unwrap();
    assert_eq!(from_canonical::<Evidence>(&bytes).unwrap(), evidence);
}
