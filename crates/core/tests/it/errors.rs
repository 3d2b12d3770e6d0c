use std::{collections::HashSet, error::Error as _, mem};

use lineal_core::{Digest, Error, InDoubt, KeyId, SignError, TxnId, to_canonical};
use object_store::Error as StorageError;

/// One value of each variant, in the order of the source.
fn every_variant() -> Vec<Error> {
    let lost = || StorageError::Generic { store: "S3", source: "connection reset by peer".into() };
    let (journal, what, txn) = ("registry".to_owned(), "entry 7 of journal registry", TxnId::from_key("promote/1"));
    let (digest, actual) = (Digest::of(b"weights"), Digest::of(b"tampered"));
    let key = || KeyId::of(&[7; 32]);
    let float = to_canonical(&serde_json::json!({ "auc": 0.5 })).unwrap_err();
    vec![
        Error::Storage { operation: "read", key: "registry/log/00000000000000000007".into(), source: Box::new(lost()) },
        Error::BadUrl { url: "ftp://models".into(), reason: "scheme ftp cannot be written safely".into() },
        Error::UnsafeStore { store: "s3://models".into(), found: "a second create of one key was accepted" },
        Error::UnknownFormat { what: what.into(), found: "2".into() },
        Error::WrongKind { journal: journal.clone(), expected: "lineal.registry".into(), found: "lineal.data".into() },
        Error::Broken { journal: journal.clone(), seq: 7, why: "it does not continue the entry before it".into() },
        Error::Purged { journal: journal.clone(), seq: 7 },
        Error::NoSuchEntry { journal: journal.clone(), at: "2013-08-15T00:00:00.000000000Z".into() },
        Error::Aborted { journal: journal.clone(), txn, source: Some(Box::new(lost())) },
        Error::InDoubt(Box::new(InDoubt { journal: journal.clone(), journal_id: None, txn, seq: 7 })),
        Error::TooLarge { journal, bytes: 20_000_000, limit: 14_680_064 },
        Error::Condemned { count: 2, first: digest },
        Error::BlobMissing { digest },
        Error::BlobPurged { digest },
        Error::BlobCorrupt { expected: digest, actual },
        Error::Damaged {
            what: format!("blob {digest}"),
            object: "blobs/pack/0a/0a01-7".into(),
            offset: 16,
            why: "its bytes have another hash".into(),
        },
        Error::Fenced { session: "0a01".into() },
        Error::BadRange { digest, start: 5, end: 20, size: 7 },
        Error::Input { source: std::io::Error::other("the pipe was closed") },
        Error::Encode { what: "event", source: Box::new(float) },
        Error::Signature { what: what.into(), source: Box::new(SignError::UnknownKey { key: key() }) },
        Error::Collection { reason: "epoch 3 is not swept yet".into() },
        Error::WorkerPanicked,
    ]
}

fn chain(error: &Error) -> String {
    let mut text = format!("[{}] {error}", error.kind());
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!("\n    caused by: {error}"));
        cause = error.source();
    }
    text
}

#[test]
fn every_error_says_what_happened_and_to_what() {
    let errors = every_variant();
    let distinct: HashSet<_> = errors.iter().map(mem::discriminant).collect();
    // The enum cannot be matched without a wildcard from outside, so the variants are counted in its source.
    let source = include_str!("../../src/store/error.rs");
    let body = source.split("pub enum Error {").nth(1).and_then(|rest| rest.split("\nimpl Error {").next()).unwrap();
    assert_eq!(distinct.len(), body.matches("#[error(").count(), "a variant is missing here");
    let rendered: Vec<_> = errors.iter().map(chain).collect();
    insta::assert_snapshot!(rendered.join("\n"), @r#"
    [unavailable] cannot read registry/log/00000000000000000007
        caused by: Generic S3 error: connection reset by peer
        caused by: connection reset by peer
    [invalid] cannot open store ftp://models: scheme ftp cannot be written safely
    [unsupported] store s3://models ignores create-if-absent: a second create of one key was accepted; refused for writing
    [unsupported] entry 7 of journal registry: unknown format 2
    [invalid] journal registry holds lineal.data, not lineal.registry
    [corrupt] journal registry: entry 7 is broken: it does not continue the entry before it
    [not found] journal registry: the payload of entry 7 was purged
    [not found] journal registry has no entry at 2013-08-15T00:00:00.000000000Z
    [unavailable] journal registry: transaction 56baac586a494b515904570a02ab902c was given up and will not appear
        caused by: Generic S3 error: connection reset by peer
        caused by: connection reset by peer
    [unavailable] journal registry: the outcome of transaction 56baac586a494b515904570a02ab902c is in doubt at entry 7
    [invalid] journal registry: 20000000 bytes of events are more than the 14680064 an entry may hold
    [conflict] 2 of the blobs named were condemned by a collection, first 9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c
    [not found] blob 9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c is not in the store
    [not found] blob 9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c was purged from the store
    [corrupt] blob 9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c: content hashes to d121be3103007b41edf96f8262925f8c7d61894afe9a041843b631f69445bc57
    [corrupt] blob 9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c: blobs/pack/0a/0a01-7 is damaged at byte 16: its bytes have another hash
    [conflict] batch 0a01 was given up by a collection
    [invalid] blob 9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c: range 5..20 is outside its 7 bytes
    [invalid] the bytes to store could not be read to their end
        caused by: the pipe was closed
    [invalid] cannot encode event
        caused by: raw float at "/auc": store it as a `Real`
    [denied] signature of entry 7 of journal registry
        caused by: key 4bb06f8e4e3a7715d201d573d0aa423762e55dabd61a2c02278fa56cc6d294e0 is not known to the verifier
    [conflict] collection refused: epoch 3 is not swept yet
    [internal] a background computation panicked
    "#);
}

#[test]
fn no_message_repeats_its_cause() {
    for error in every_variant() {
        if let Some(cause) = error.source() {
            assert!(!error.to_string().contains(&cause.to_string()), "{error}");
        }
    }
}

#[test]
fn errors_are_small() {
    assert!(mem::size_of::<Error>() <= 128, "{} bytes", mem::size_of::<Error>());
}
