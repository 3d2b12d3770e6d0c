use std::sync::Arc;

use bytes::Bytes;
use lineal_artifacts::{
    Artifacts, Content, Draft, MANIFEST_MEDIA_TYPE, ManifestLinks, PackBlobs, PackSettings, transfer,
};
use lineal_core::{BlobStore, BlobStoreExt, Digest, Error, Links, LooseBlobs, NoLinks, NoProgress, Store};
use lineal_testkit::{FaultStore, Faults, SimDisk};

use crate::support::noise;

fn links() -> Vec<Arc<dyn Links>> {
    vec![Arc::new(ManifestLinks), Arc::new(NoLinks::new("application/octet-stream"))]
}

async fn packs() -> PackBlobs {
    PackBlobs::open(&Store::open("memory:///").unwrap(), "blobs").await.unwrap()
}

/// An artifact of many small files and a large one, with a subject.
async fn filled(blobs: Arc<dyn BlobStore>, large: &[u8]) -> Digest {
    let artifacts = Artifacts::new(blobs);
    let mut draft = Draft::new("application/x-model").with_file("large.bin", Content::bytes(large.to_vec()));
    for at in 0..40 {
        draft = draft.with_file(format!("small/{at}"), Content::bytes(noise(at, 150_000)));
    }
    let model = artifacts.put(draft, &NoProgress).await.unwrap().digest;
    let report = Draft::new("application/x-report").with_file("text", Content::bytes("fine")).with_subject(model);
    artifacts.put(report, &NoProgress).await.unwrap().digest
}

#[tokio::test]
async fn a_transfer_takes_along_what_is_named_and_sends_nothing_twice() {
    let large = noise(99, 6 << 20);
    let from = Arc::new(LooseBlobs::open(&Store::open("memory:///").unwrap(), "blobs").await.unwrap());
    let root = filled(Arc::<LooseBlobs>::clone(&from), &large).await;
    let to = packs().await;
    let roots = [(root, MANIFEST_MEDIA_TYPE.to_owned())];
    let first = transfer(from.as_ref(), &to, &roots, &links(), &NoProgress).await.unwrap();
    assert_eq!((first.sent, first.kept), (44, 0), "two manifests and 42 files");
    assert_eq!(first.receipt.digests().len(), 44);
    let artifacts = Artifacts::new(Arc::new(to.clone()));
    let model = artifacts.get(&root).await.unwrap().manifest().subject().unwrap();
    assert!(artifacts.verify(&model, &NoProgress).await.unwrap().is_intact());
    let again = transfer(from.as_ref(), &to, &roots, &links(), &NoProgress).await.unwrap();
    assert_eq!((again.sent, again.sent_bytes, again.kept), (0, 0, 44));
    assert_eq!(again.receipt.digests(), first.receipt.digests());
    // And back, from packs to another engine.
    let back = LooseBlobs::open(&Store::open("memory:///").unwrap(), "blobs").await.unwrap();
    assert_eq!(transfer(&to, &back, &roots, &links(), &NoProgress).await.unwrap().sent, 44);
    assert_eq!(back.read_all(&Digest::of(&large)).await.unwrap(), large);
}

#[tokio::test]
async fn a_transfer_that_broke_goes_on_where_it_was() {
    let from = packs().await;
    let root = filled(Arc::new(from.clone()), &noise(98, 12 << 20)).await;
    let roots = [(root, MANIFEST_MEDIA_TYPE.to_owned())];
    let disk = SimDisk::new();
    let faults = FaultStore::new(Arc::new(disk.clone()), Faults::none(), 1);
    let store = Store::new(Arc::new(faults.clone()), "disk");
    let settings = PackSettings::default().with_pack_bytes(1 << 20);
    let to = PackBlobs::open(&store, "blobs").await.unwrap().with_settings(settings.clone());
    faults.set_faults(Faults { denied: 0.15, ..Faults::none() });
    let mut broken = 0;
    let done = loop {
        match transfer(&from, &to, &roots, &links(), &NoProgress).await {
            Ok(done) => break done,
            Err(_) => broken += 1,
        }
        if broken == 20 {
            faults.set_faults(Faults::none());
        }
    };
    assert!(broken > 0, "nothing was shown");
    let stored: usize = disk.paths().iter().filter_map(|path| disk.read(path)).map(|bytes| bytes.len()).sum();
    // Each break may leave the pack that was under way; what had landed was not sent again.
    let most = (18 << 20) + (broken + 1) * (2 << 20);
    assert!(stored < most, "{stored} bytes after {broken} breaks");
    let receipt = done.receipt;
    assert_eq!(receipt.digests().len(), 44);
    assert!(to.stat(receipt.digests()).await.unwrap().iter().all(Option::is_some));
}

#[tokio::test]
async fn what_is_missing_or_not_understood_is_said() {
    let (from, to) = (packs().await, packs().await);
    let absent = Digest::of(b"absent");
    let leaf = |digest| [(digest, "application/octet-stream".to_owned())];
    let refused = transfer(&from, &to, &leaf(absent), &links(), &NoProgress).await.unwrap_err();
    assert!(matches!(refused, Error::BlobMissing { digest } if digest == absent));
    let odd = from.put_one(Bytes::from_static(b"odd")).await.unwrap().digests()[0];
    let refused = transfer(&from, &to, &[(odd, "of/the-future".to_owned())], &links(), &NoProgress).await.unwrap_err();
    assert!(matches!(refused, Error::Collection { .. }));
}
