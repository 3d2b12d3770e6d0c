//! A domain that names blobs and forgets them, for the tests of collections.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, LazyLock},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use lineal_artifacts::{CollectSettings, Collector, PackBlobs, PackSettings};
use lineal_core::{
    Actor, At, Batch, BlobStore, Digest, Error, Head, Host, Journal, Name, NoLinks, PutHints, Receipt, Roots,
    SeededIds, Stamp, State, Store, TransactError, Txn, object_store::ObjectStore,
};
use lineal_testkit::Sim;
use serde::{Deserialize, Serialize};

use crate::support::noise;

/// Names blobs one by one, and forgets them.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Shelf {
    pub(crate) held: BTreeSet<Digest>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Move {
    Hold(Digest),
    Forget(Digest),
}

impl State for Shelf {
    type Event = Move;
    const KIND: &'static str = "toy.shelf";

    fn apply(&mut self, event: &Move, _: &Stamp) {
        match event {
            Move::Hold(digest) => drop(self.held.insert(*digest)),
            Move::Forget(digest) => drop(self.held.remove(digest)),
        }
    }
}

#[derive(Debug)]
pub(crate) struct ShelfRoots;

#[async_trait]
impl Roots for ShelfRoots {
    fn kind(&self) -> Name {
        Name::new(Shelf::KIND).unwrap()
    }

    async fn live(&self, store: &Store, prefix: &str, upto: Head) -> Result<BTreeMap<Digest, String>, Error> {
        let state = Journal::<Shelf>::builder(store, prefix).open().await?.as_of(At::Seq(upto.seq)).await?.state;
        Ok(state.held.into_iter().map(|digest| (digest, "toy/leaf".to_owned())).collect())
    }
}

pub(crate) fn txn() -> Txn {
    Txn::by(Actor::new("toy").unwrap())
}

pub(crate) async fn shelf(store: &Store) -> Result<Journal<Shelf>, Error> {
    Journal::builder(store, "shelf").open().await
}

/// Opens with packs so small that a few blobs fill one.
pub(crate) async fn open(store: &Store) -> Result<PackBlobs, Error> {
    let settings = PackSettings::default().with_pack_bytes(64 * 1024);
    Ok(PackBlobs::open(store, "blobs").await?.with_settings(settings))
}

/// Packs so small that a blob fills several, which are sent in parts; no bucket would take parts as small.
pub(crate) fn in_parts() -> PackSettings {
    let mut settings = PackSettings::default();
    (settings.pack_bytes, settings.part_bytes) = (20 * 1024, 6 * 1024);
    settings
}

/// Collects all garbage, however little of a pack it is.
pub(crate) fn collector(blobs: &PackBlobs) -> Collector {
    let settings = CollectSettings::default().with_sparse_below(1.0);
    let links = Arc::new(NoLinks::new("toy/leaf"));
    Collector::new(blobs).with_roots(Arc::new(ShelfRoots)).with_links(links).with_settings(settings)
}

/// A blob of the shared blocks that the bits of `number` name, so that blobs have much in common and nothing alone.
pub(crate) fn content(number: u64) -> Bytes {
    static POOL: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| (0..BLOCKS).map(|block| noise(block, BLOCK)).collect());
    let blocks = (0..).zip(POOL.iter()).filter(|(bit, _)| number >> bit & 1 == 1);
    blocks.flat_map(|(_, block)| block).copied().collect::<Vec<u8>>().into()
}

/// Puts it cut at its blocks.
pub(crate) async fn put(batch: &dyn Batch, number: u64) -> Result<Digest, Error> {
    let points = (1..=BLOCKS).map(|at| at * BLOCK as u64).collect();
    batch.put(content(number), PutHints::default().with_cut_points(points)).await
}

pub(crate) async fn put_one(blobs: &PackBlobs, number: u64) -> Result<Receipt, Error> {
    let batch = blobs.begin().await?;
    put(batch.as_ref(), number).await?;
    batch.commit().await
}

pub(crate) async fn hold(
    journal: &Journal<Shelf>,
    receipt: Receipt,
) -> Result<Vec<Digest>, TransactError<std::convert::Infallible>> {
    let digests = receipt.digests().to_vec();
    let moves = || digests.iter().copied().map(Move::Hold).collect();
    journal.transact(&txn().with_receipt(receipt), |_| Ok(moves())).await?;
    Ok(digests)
}

pub(crate) fn machine(sim: &Sim, objects: Arc<dyn ObjectStore>, ids: u64) -> Store {
    let clock = sim.skewed_clock(Duration::from_secs(30 * 86_400));
    let host = Host::system()
        .with_clock(Arc::new(clock))
        .with_ids(Arc::new(SeededIds::new(ids)))
        .with_timer(Arc::new(sim.timer()));
    Store::new(objects, "disk").with_host(host)
}

const BLOCKS: u64 = 6;
const BLOCK: usize = 8 * 1024;
