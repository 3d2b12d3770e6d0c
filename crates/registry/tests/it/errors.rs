use lineal_core::{Digest, ErrorKind};
use lineal_registry::Error;

use crate::support::{chain, champion, key, model};

#[test]
fn messages_name_the_object_and_kinds_say_what_to_do() {
    let corrupt = lineal_core::Error::BlobCorrupt { expected: Digest::of(b"a"), actual: Digest::of(b"b") };
    let all = [
        Error::Unreadable { what: "file w".into(), digest: Digest::of(b"a"), source: Box::new(corrupt) },
        Error::NoSuchVersion { model: model(), version: 3 },
        Error::AliasMoved { alias: Box::new(champion()), expected: None, found: Some(2) },
        Error::Revoked { model: model(), version: 2, reason: "leak".into() },
        Error::SignerLost { evidence: Digest::of(b"e"), key: key(0) },
        Error::NoPolicy { environment: champion().environment },
        Error::BadBundle { why: "it ends too early" },
    ];
    let lines: Vec<String> = all.iter().map(|error| format!("[{}] {}", error.kind(), chain(error))).collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    [corrupt] file w ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb cannot be read: blob ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb: content hashes to 3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d
    [not found] model late15 has no version 3
    [conflict] late15@prod/champion is at version 2, not at no version
    [denied] version 2 of late15 was revoked: leak
    [denied] evidence 3f79bb7b435b05321651daefd374cdc681dc06faa65e374e38337b88ca046dea: the signature of key 34750f98bd59fcfc946da45aaabe933be154a4b5094e1c4abf42866505f3c97e that a decision rests on does not verify
    [not found] environment prod has no policy
    [corrupt] bundle: it ends too early
    ");
    assert!(size_of::<Error>() < 128, "{}", size_of::<Error>());
    assert_eq!(all[0].kind(), ErrorKind::Corrupt);
}
