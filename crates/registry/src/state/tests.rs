use lineal_core::{RunId, from_canonical, to_canonical};
use proptest::prelude::*;

use super::*;
use crate::{Basis, Lineage, Outcome, Verdict};

fn stamp(seq: u64) -> Stamp {
    let txn = lineal_core::TxnId::from_bytes(*RunId::from_bytes([7; 16]).as_bytes());
    Stamp::new(seq, Timestamp::from_nanos(i64::try_from(seq).unwrap()), txn, Actor::new("ana@example.org").unwrap())
}

fn digest(n: u8) -> Digest {
    Digest::of(&[n])
}

/// Any event at all, sensible or not: a fold takes whatever a journal holds.
fn event() -> impl Strategy<Value = RegistryEvent> {
    let number = prop_oneof![0_u64..4, Just(u64::MAX)];
    let target = (0_usize..2, 0_usize..2).prop_map(|(model, environment)| {
        AliasRef::new(["late15", "other"][model], ["prod", "edge"][environment], "champion").unwrap()
    });
    let step = (any::<u8>(), prop::option::of(number.clone()), target, number.clone())
        .prop_map(|(decision, from, target, to)| AliasMove { decision: digest(decision), from, target, to });
    let model = Name::new("late15").unwrap();
    prop_oneof![
        (0_u8..4, 0_u8..4, number.clone()).prop_map(|(manifest, data, version)| {
            let lineage: Lineage = serde_json::from_value(serde_json::json!({
                "data": [{"repository": "flights", "commit": digest(data)}],
                "parents": [{"registry": "main", "model": "late15", "version": 1, "manifest": digest(manifest)}],
            }))
            .unwrap();
            let record = VersionRecord {
                card: None,
                lineage,
                manifest: digest(manifest),
                model: Name::new("late15").unwrap(),
                registry: Name::new("main").unwrap(),
                schema: digest(9),
            };
            RegistryEvent::VersionRegistered { record, version }
        }),
        (any::<u8>(), prop::collection::vec(0_u8..4, 0..3)).prop_map(|(statement, subjects)| {
            let subjects = subjects.into_iter().map(digest).collect();
            let evidence = Evidence { digest: digest(statement), kind: EvidenceKind::Test, subjects, signers: vec![] };
            RegistryEvent::EvidenceAttached { evidence }
        }),
        any::<u8>().prop_map(|policy| RegistryEvent::PolicySet {
            endorsement: digest(policy),
            environment: Environment::new("prod").unwrap(),
            policy: digest(policy),
            signer: KeyId::of(b"key"),
        }),
        number.clone().prop_map(move |version| {
            let basis = Basis {
                at: Timestamp::EPOCH,
                environment: Environment::new("prod").unwrap(),
                evidence: vec![],
                incumbents: BTreeMap::new(),
                model: model.clone(),
                policy: digest(0),
                subject: digest(1),
                version: version.min(7),
            };
            let verdict = Verdict::leaf(Outcome::Pass, "all of 0", "");
            RegistryEvent::Decided { decision: Decision { aliases: BTreeSet::new(), basis, verdict } }
        }),
        prop::collection::vec(step.clone(), 0..3).prop_map(|moves| RegistryEvent::AliasesMoved { moves }),
        step.prop_map(|back| RegistryEvent::RolledBack { back, reason: "bad".into() }),
        number.prop_map(|version| RegistryEvent::VersionRevoked {
            model: Name::new("late15").unwrap(),
            reason: "bad".into(),
            version,
        }),
    ]
}

proptest! {
    #[test]
    fn the_fold_is_total_and_survives_a_checkpoint_anywhere(events in prop::collection::vec(event(), 0..30), cut in 0_usize..30) {
        let mut straight = RegistryState::default();
        let mut restarted = RegistryState::default();
        for (seq, event) in (0..).zip(&events) {
            straight.apply(event, &stamp(seq));
            restarted.apply(event, &stamp(seq));
            if usize::try_from(seq).unwrap() == cut && !events.iter().any(names_huge) {
                restarted = from_canonical(&to_canonical(&restarted).unwrap()).unwrap();
            }
        }
        prop_assert_eq!(&straight, &restarted);
        prop_assert_eq!(straight.ticks, u64::try_from(events.len()).unwrap());
        for (alias, held) in straight.holders() {
            let line = straight.line(&alias).unwrap();
            prop_assert_eq!(line.stable.last().map(|(version, _)| *version), Some(held.version));
        }
    }
}

/// Numbers that no canonical JSON holds cannot come out of a journal.
fn names_huge(event: &RegistryEvent) -> bool {
    to_canonical(event).is_err()
}
