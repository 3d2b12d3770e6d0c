use std::collections::BTreeSet;

use futures::TryStreamExt;
use lineal_core::{BlobStoreExt, Digest, ErrorKind, EvidenceKind, KeyRing, Name, to_canonical};
use lineal_registry::{Bundle, Decision, Error, GoldenClaim, Manifest};

use crate::support::{BO, CI, World, chain, champion, model, ring, signer};

async fn export(world: &World, version: u64, released: bool) -> Vec<u8> {
    let environment = champion().environment;
    let environment = released.then_some(&environment);
    let stream = world.registry.export_bundle(&model(), version, environment, &signer(CI)).await.unwrap();
    let pieces: Vec<bytes::Bytes> = stream.try_collect().await.unwrap();
    pieces.concat()
}

fn read(bytes: &[u8]) -> Result<Bundle, Error> {
    Bundle::open(bytes, 1 << 20, &ring())
}

#[tokio::test]
async fn a_release_travels_in_one_file() {
    let world = World::with_champions(2).await;
    let bytes = export(&world, 2, true).await;
    assert_eq!(bytes, export(&world, 2, true).await, "same contents, same bytes");
    let bundle = read(&bytes).unwrap();
    assert_eq!(bundle.released_to(), Some(&champion().environment));
    assert_eq!(bundle.model_ref().version, 2);
    assert_eq!(bundle.model().file("weights.json").unwrap(), "[2]");
    assert_eq!(bundle.model().version().digest, world.registry.load(&champion()).await.unwrap().version().digest);
}

#[tokio::test]
async fn a_candidate_travels_too_but_is_not_released() {
    let world = World::with_champions(1).await;
    let version = world.trained("[2]", 0.9).await;
    let golden = GoldenClaim { cases: 1, failed: 0, passed: true };
    world.state(EvidenceKind::Golden, version.manifest, &golden, CI).await;
    let bundle = read(&export(&world, 2, false).await).unwrap();
    assert_eq!(bundle.released_to(), None);
    let environment = champion().environment;
    let refused = world.registry.export_bundle(&model(), 2, Some(&environment), &signer(CI)).await;
    assert!(matches!(refused.err().unwrap(), Error::NotApproved { .. }));
}

/// Packs by hand, as somebody with a trusted key could.
async fn pack(world: &World, decision: &Decision, subject: Digest, endorsement: Digest) -> Vec<u8> {
    let mut digests: BTreeSet<Digest> = decision.basis.evidence.iter().map(|seen| seen.digest).collect();
    digests.extend([decision.basis.policy, endorsement]);
    let mut members: Vec<Vec<u8>> = vec![to_canonical(decision).unwrap()];
    for version in world.registry.versions(&model()).await.unwrap() {
        members.push(to_canonical(&*version.record).unwrap());
        digests.extend([version.record.manifest, version.record.schema]);
        let manifest = world.blobs.read_all(&version.record.manifest).await.unwrap();
        digests.extend(Manifest::from_bytes(&manifest).unwrap().files().iter().map(|file| file.digest));
    }
    for digest in digests {
        members.push(world.blobs.read_all(&digest).await.unwrap().to_vec());
    }
    let list: Vec<_> =
        members.iter().map(|bytes| serde_json::json!({"digest": Digest::of(bytes), "size": bytes.len()})).collect();
    let index = serde_json::json!({
        "decision": decision.digest(), "endorsement": endorsement, "format": 1, "members": list,
        "model": "late15", "registry": "main", "version": 2,
    });
    let kind = EvidenceKind::Custom(Name::new("bundle").unwrap());
    let front = world.envelope(kind, subject, &index, CI).to_bytes().unwrap();
    let length = u64::try_from(front.len()).unwrap().to_be_bytes();
    [b"lineal-bundle/1\n".as_slice(), &length, &front, &members.concat()].concat()
}

#[tokio::test]
async fn a_refusal_or_the_decision_on_another_version_releases_nothing() {
    let world = World::with_champions(1).await;
    world.trained("[2]", 0.8).await;
    let refusal = world.promote(2, Some(1)).await.unwrap();
    world.approve(2, BO).await;
    let approval = world.promote(2, Some(1)).await.unwrap();
    let entries: Vec<_> = world.registry.journal().entries(0, 3).try_collect().await.unwrap();
    let mut events = entries.into_iter().flat_map(|entry| entry.payload.unwrap().txns).flat_map(|txn| txn.events);
    let set = events.find(|event| event["kind"] == "policy-set").unwrap();
    let endorsement: Digest = serde_json::from_value(set["endorsement"].clone()).unwrap();
    let versions = world.registry.versions(&model()).await.unwrap();
    let (first, second) = (versions[0].digest, versions[1].digest);
    let good = read(&pack(&world, &approval, second, endorsement).await).unwrap();
    assert_eq!(good.released_to(), Some(&champion().environment), "the packing itself is right");
    let why = |bundle: Vec<u8>| read(&bundle).unwrap_err().to_string();
    assert!(why(pack(&world, &refusal, second, endorsement).await).ends_with("it was a refusal"));
    assert!(why(pack(&world, &approval, first, endorsement).await).ends_with("it speaks of another version"));
    let other = approval.basis.evidence[0].digest;
    assert!(why(pack(&world, &approval, second, other).await).ends_with("what is signed is about something else"));
}

#[tokio::test]
async fn every_altered_cut_or_grown_bundle_is_refused() {
    let world = World::with_champions(1).await;
    let bytes = export(&world, 1, true).await;
    for at in (0..bytes.len()).step_by(7) {
        let mut altered = bytes.clone();
        altered[at] ^= 1;
        let refused = read(&altered).unwrap_err();
        assert!(matches!(refused.kind(), ErrorKind::Corrupt | ErrorKind::Denied), "{at}: {}", chain(&refused));
    }
    for cut in (0..bytes.len()).step_by(11) {
        assert_eq!(read(&bytes[..cut]).unwrap_err().kind(), ErrorKind::Corrupt, "{cut}");
    }
    assert!(read(&[bytes.as_slice(), b"x"].concat()).is_err());
    let limited = Bundle::open(bytes.as_slice(), 100, &ring()).unwrap_err();
    assert_eq!(limited.to_string(), "bundle: it is larger than the limit");
    let unknown = Bundle::open(bytes.as_slice(), 1 << 20, &KeyRing::default()).unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::Denied);
}
