use futures::TryStreamExt;
use lineal_core::{ErrorKind, EvidenceKind, KeyRing};
use lineal_registry::{Bundle, Error, GoldenClaim};

use crate::support::{CI, World, chain, champion, model, ring, signer};

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
