//! Collection without locks or clocks, shown by a toy collector over loose blobs and two journals of different kinds.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use futures::TryStreamExt;
use lineal_core::{
    Actor, At, BlobStore, BlobStoreExt, Digest, Enrolment, Error, Head, Host, Journal, Links, LooseBlobs, Name,
    NoLinks, Roots, SeededIds, Stamp, State, Store, TransactError, Txn, Untyped,
};
use lineal_testkit::{Dice, Faults, SimDisk, World, for_each_seed};
use serde::{Deserialize, Serialize};

use crate::support::{clock, memory};

/// Names blobs one by one, and forgets them.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Shelf {
    held: BTreeSet<Digest>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
enum Move {
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

/// Names a list of blobs, which is a blob itself: its children are found through [`Links`].
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Album {
    lists: BTreeSet<Digest>,
}

impl State for Album {
    type Event = Digest;
    const KIND: &'static str = "toy.album";

    fn apply(&mut self, list: &Digest, _: &Stamp) {
        self.lists.insert(*list);
    }
}

#[derive(Debug)]
struct ShelfRoots;

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

#[derive(Debug)]
struct AlbumRoots;

#[async_trait]
impl Roots for AlbumRoots {
    fn kind(&self) -> Name {
        Name::new(Album::KIND).unwrap()
    }

    async fn live(&self, store: &Store, prefix: &str, upto: Head) -> Result<BTreeMap<Digest, String>, Error> {
        let state = Journal::<Album>::builder(store, prefix).open().await?.as_of(At::Seq(upto.seq)).await?.state;
        Ok(state.lists.into_iter().map(|digest| (digest, "toy/list".to_owned())).collect())
    }
}

/// A list blob: digests, one on each line.
#[derive(Debug)]
struct ListLinks;

impl Links for ListLinks {
    fn media_type(&self) -> &str {
        "toy/list"
    }

    fn children(&self, bytes: &[u8]) -> Result<Vec<(Digest, String)>, Error> {
        let text = String::from_utf8_lossy(bytes);
        Ok(text.lines().filter_map(|line| line.parse().ok()).map(|digest| (digest, "toy/leaf".to_owned())).collect())
    }
}

/// Marks, condemns, sets barriers, rescues, sweeps. Holds no lock and reads no clock.
struct Collector {
    store: Store,
    blobs: LooseBlobs,
    roots: Vec<Box<dyn Roots>>,
    links: Vec<Box<dyn Links>>,
}

impl Collector {
    fn new(store: &Store, blobs: &LooseBlobs) -> Self {
        let roots: Vec<Box<dyn Roots>> = vec![Box::new(ShelfRoots), Box::new(AlbumRoots)];
        let links: Vec<Box<dyn Links>> = vec![Box::new(ListLinks), Box::new(NoLinks::new("toy/leaf"))];
        Self { store: store.clone(), blobs: blobs.clone(), roots, links }
    }

    /// One whole round; returns how many blobs it deleted.
    async fn collect(&self) -> Result<u64, Error> {
        let collection = self.blobs.collection();
        if let Some(open) = collection.state().await?.open_epoch() {
            // Somebody's collector died: finish its epoch. Rescuing from the start of the journals is always safe.
            let journals: Vec<Enrolment> = collection.peek().enrolled().collect();
            return self.finish(open, &journals, &BTreeMap::new()).await;
        }
        let mark = collection.mark().await?;
        let mut heads = BTreeMap::new();
        let mut live = BTreeSet::new();
        for journal in &mark.journals {
            let untyped = Journal::<Untyped>::builder(&self.store, &journal.prefix).open().await?;
            let Some(head) = untyped.head() else { continue };
            heads.insert(journal.prefix.clone(), head.seq);
            for (digest, media_type) in self.roots_of(journal)?.live(&self.store, &journal.prefix, head).await? {
                self.reach(digest, media_type, &mut live).await?;
            }
        }
        let stored: BTreeSet<Digest> = self.blobs.list().await?.into_iter().map(|(digest, _)| digest).collect();
        let condemned: Vec<Digest> = stored.difference(&live).copied().collect();
        if condemned.is_empty() {
            return Ok(0);
        }
        let epoch = collection.condemn(&mark, condemned).await?;
        self.finish(epoch, &mark.journals, &heads).await
    }

    /// Barriers, rescue, sweep: repeatable from anywhere in the middle.
    async fn finish(&self, epoch: u64, journals: &[Enrolment], heads: &BTreeMap<String, u64>) -> Result<u64, Error> {
        let mut rescued = BTreeSet::new();
        for journal in journals {
            let untyped = Journal::<Untyped>::builder(&self.store, &journal.prefix).open().await?;
            let barrier = untyped.record_barrier(self.blobs.id(), epoch).await?;
            let from = heads.get(&journal.prefix).map_or(0, |seq| seq + 1);
            let mut entries = untyped.entries(from, barrier);
            while let Some(entry) = entries.try_next().await? {
                let txns = entry.payload.into_iter().flat_map(|payload| payload.txns);
                for digest in txns.flat_map(|txn| txn.adds).flat_map(|adds| adds.blobs) {
                    rescued.insert(digest);
                }
            }
        }
        let condemned = self.blobs.collection().list(epoch).await?;
        let mut deleted = 0;
        for digest in condemned.iter().filter(|digest| !rescued.contains(digest)) {
            self.blobs.delete_condemned(digest).await?;
            deleted += 1;
        }
        let spared = condemned.len() as u64 - deleted;
        self.blobs.collection().swept(epoch, deleted, spared).await?;
        Ok(deleted)
    }

    fn roots_of(&self, journal: &Enrolment) -> Result<&dyn Roots, Error> {
        let found = self.roots.iter().find(|roots| roots.kind() == journal.kind);
        found.map(AsRef::as_ref).ok_or_else(|| Error::Collection { reason: format!("no roots for {}", journal.kind) })
    }

    async fn reach(&self, root: Digest, media_type: String, live: &mut BTreeSet<Digest>) -> Result<(), Error> {
        let mut open = vec![(root, media_type)];
        while let Some((digest, media_type)) = open.pop() {
            if !live.insert(digest) {
                continue;
            }
            let links = self.links.iter().find(|links| links.media_type() == media_type);
            let links = links.ok_or_else(|| Error::Collection { reason: format!("no links for {media_type}") })?;
            if media_type != "toy/leaf" {
                open.extend(links.children(&self.blobs.read_all(&digest).await?)?);
            }
        }
        Ok(())
    }
}

fn txn() -> Txn {
    Txn::by(Actor::new("toy").unwrap())
}

async fn shelf(store: &Store) -> Result<Journal<Shelf>, Error> {
    Journal::builder(store, "shelf").open().await
}

async fn hold(journal: &Journal<Shelf>, blobs: &LooseBlobs, content: &str) -> Result<Digest, TransactError<()>> {
    let receipt = blobs.put_one(content.to_owned().into()).await?;
    let digest = receipt.digests()[0];
    journal.transact(&txn().with_receipt(receipt), |_| Ok(vec![Move::Hold(digest)])).await?;
    Ok(digest)
}

#[tokio::test]
async fn garbage_goes_and_what_is_reachable_stays() {
    let store = memory(&clock());
    let blobs = LooseBlobs::open(&store, "blobs").await.unwrap();
    let shelf = shelf(&store).await.unwrap();
    let album = Journal::<Album>::builder(&store, "album").open().await.unwrap();
    let kept = hold(&shelf, &blobs, "kept").await.unwrap();
    let forgotten = hold(&shelf, &blobs, "forgotten").await.unwrap();
    shelf.transact(&txn(), |_| Ok::<_, ()>(vec![Move::Forget(forgotten)])).await.unwrap();
    let picture = blobs.put_one("a picture".into()).await.unwrap();
    let list = blobs.put_one(picture.digests()[0].to_string().into()).await.unwrap();
    let root = list.digests()[0];
    let both = txn().with_receipt(picture.clone()).with_receipt(list);
    album.transact(&both, |_| Ok::<_, ()>(vec![root])).await.unwrap();
    let orphan = blobs.put_one("never named".into()).await.unwrap();

    assert_eq!(Collector::new(&store, &blobs).collect().await.unwrap(), 2);
    for digest in [kept, root, picture.digests()[0]] {
        assert!(blobs.contains(&digest).await.unwrap());
    }
    for digest in [forgotten, orphan.digests()[0]] {
        assert!(!blobs.contains(&digest).await.unwrap());
    }
    // A receipt from before the collection is no longer good; putting again is, under a new physical name.
    let stale = txn().with_receipt(orphan.clone());
    let refused = shelf.transact(&stale, |_| Ok::<_, ()>(vec![Move::Hold(orphan.digests()[0])])).await;
    assert!(matches!(refused, Err(TransactError::Journal(Error::Condemned { count: 1, .. }))), "{refused:?}");
    hold(&shelf, &blobs, "never named").await.unwrap();
    assert_eq!(blobs.read_all(&orphan.digests()[0]).await.unwrap(), "never named");
    // A late sweep of the old epoch deletes nothing new, and the next round keeps it.
    Collector::new(&store, &blobs).collect().await.unwrap();
    assert_eq!(blobs.read_all(&orphan.digests()[0]).await.unwrap(), "never named");
}

#[tokio::test]
async fn an_unknown_kind_condemns_nothing() {
    let store = memory(&clock());
    let blobs = LooseBlobs::open(&store, "blobs").await.unwrap();
    blobs.put_one("garbage".into()).await.unwrap();
    let kind = Name::new("of.the.future").unwrap();
    let journal = Journal::<Shelf>::builder(&store, "shelf").open().await.unwrap();
    hold(&journal, &blobs, "kept").await.unwrap();
    blobs.enrol(&Enrolment { kind, prefix: "future".to_owned() }).await.unwrap();
    let album = Journal::<Album>::builder(&store, "future").open().await.unwrap();
    album.transact(&txn(), |_| Ok::<_, ()>(vec![Digest::of(b"x")])).await.unwrap();
    assert!(matches!(Collector::new(&store, &blobs).collect().await, Err(Error::Collection { .. })));
    assert!(blobs.contains(&Digest::of(b"garbage")).await.unwrap());
}

#[tokio::test]
async fn a_journal_enrolled_after_the_mark_stops_the_condemning() {
    let store = memory(&clock());
    let blobs = LooseBlobs::open(&store, "blobs").await.unwrap();
    let mark = blobs.collection().mark().await.unwrap();
    hold(&shelf(&store).await.unwrap(), &blobs, "late").await.unwrap();
    let refused = blobs.collection().condemn(&mark, vec![Digest::of(b"late")]).await;
    assert!(matches!(refused, Err(Error::Collection { .. })), "{refused:?}");
}

/// Writers and a collector that runs all the time, among faults, crashes and clocks that are a month apart: whatever
/// a journal names at the end is there.
#[test]
fn a_collection_never_takes_what_a_journal_names() {
    let deleted: u64 = for_each_seed(50, collect_among_writers).into_iter().sum();
    assert!(deleted > 0, "nothing was ever collected, so nothing was shown");
}

fn collect_among_writers(seed: u64) -> u64 {
    let world = World::new(seed);
    let disk = SimDisk::new();
    let mut dice = world.dice();
    for writer in 0..3 {
        let (store, timer, mut dice) = (machine(&world, &disk, &mut dice, writer), world.timer(), dice.fork("writer"));
        let life = async move {
            let Ok(blobs) = LooseBlobs::open(&store, "blobs").await else { return };
            let Ok(journal) = shelf(&store).await else { return };
            for _ in 0..6 {
                // Few contents, so that writers name the same blobs while they are being collected.
                let content = format!("content {}", dice.below(4));
                let put = blobs.put_one(content.into()).await;
                timer.sleep(dice.duration(Duration::from_secs(20))).await;
                let Ok(receipt) = put else { continue };
                let digest = receipt.digests()[0];
                let held =
                    journal.transact(&txn().with_receipt(receipt), |_| Ok::<_, ()>(vec![Move::Hold(digest)])).await;
                if held.is_ok() && dice.chance(0.7) {
                    journal.transact(&txn(), |_| Ok::<_, ()>(vec![Move::Forget(digest)])).await.ok();
                }
            }
        };
        let task = world.spawn(&format!("writer {writer}"), life);
        if seed.is_multiple_of(4) {
            task.crash_within(300);
        }
    }
    for collector in 0..2 {
        let (store, timer, mut dice) =
            (machine(&world, &disk, &mut dice, 50 + collector), world.timer(), dice.fork("gc"));
        let life = async move {
            let Ok(blobs) = LooseBlobs::open(&store, "blobs").await else { return };
            for _ in 0..12 {
                Collector::new(&store, &blobs).collect().await.ok();
                timer.sleep(dice.duration(Duration::from_secs(10))).await;
            }
        };
        let task = world.spawn("collector", life);
        if collector == 0 && seed.is_multiple_of(3) {
            task.crash_within(400);
        }
    }
    world.run();
    let quiet = Store::new(Arc::new(disk.clone()), "disk").with_host(host(&world, 99, seed));
    world.block_on(async move {
        let blobs = LooseBlobs::open(&quiet, "blobs").await.unwrap();
        let state = shelf(&quiet).await.unwrap().peek(Clone::clone);
        for digest in &state.held {
            blobs.read_all(digest).await.unwrap_or_else(|error| panic!("seed {seed}: {digest} is held: {error}"));
        }
        // Left in peace, two rounds take all garbage.
        let mut deleted = 0;
        for _ in 0..3 {
            deleted += Collector::new(&quiet, &blobs).collect().await.unwrap();
        }
        let stored: BTreeSet<Digest> = blobs.list().await.unwrap().into_iter().map(|(digest, _)| digest).collect();
        assert_eq!(stored, state.held, "seed {seed}: garbage is left after two quiet rounds");
        deleted + blobs.collection().state().await.unwrap().epoch()
    })
}

fn machine(world: &World, disk: &SimDisk, dice: &mut Dice, number: u64) -> Store {
    let faults = Faults { broken_list: 0.0, ..Faults::rough() };
    let salt = dice.next_u64();
    Store::new(world.store(Arc::new(disk.clone()), faults), "disk").with_host(host(world, number, salt))
}

fn host(world: &World, number: u64, salt: u64) -> Host {
    Host::system()
        .with_clock(Arc::new(world.skewed_clock(Duration::from_secs(30 * 86_400))))
        .with_ids(Arc::new(SeededIds::new(salt ^ number)))
        .with_timer(Arc::new(world.timer()))
}
