//! Collections: what goes, what stays, and that nothing named is ever taken, whatever happens meanwhile.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use lineal_artifacts::{Fate, FsckLevel, PackBlobs};
use lineal_core::{
    BlobStore, BlobStoreExt, Digest, Enrolment, Error, Name, NoProgress, Store, TransactError,
    object_store::ObjectStore,
};
use lineal_testkit::{CrashPoints, Dice, Durability, Faults, Sim, SimDisk, World, find_seed, for_each_seed};

use crate::toy::{self, Move, collector, content, hold, machine, put_one, shelf, txn};

async fn memory() -> (Store, PackBlobs) {
    let store = Store::open("memory:///").unwrap();
    let blobs = toy::open(&store).await.unwrap();
    (store, blobs)
}

#[tokio::test]
async fn garbage_goes_and_what_is_named_stays() {
    let (store, blobs) = memory().await;
    let shelf = shelf(&store).await.unwrap();
    let kept = hold(&shelf, put_one(&blobs, 0b00_0111).await.unwrap()).await.unwrap()[0];
    let forgotten = hold(&shelf, put_one(&blobs, 0b11_1100).await.unwrap()).await.unwrap()[0];
    let orphan = put_one(&blobs, 0b10_0001).await.unwrap();
    shelf.transact(&txn(), |_| Ok::<_, ()>(vec![Move::Forget(forgotten)])).await.unwrap();

    let first = collector(&blobs).collect().await.unwrap();
    assert_eq!((first.removed, first.epoch), (0, Some(1)), "what is young may be named yet");
    let plan = collector(&blobs).plan().await.unwrap();
    assert!(plan.freed_bytes() > 3 * 8 * 1024, "{plan:?}");
    let second = collector(&blobs).collect().await.unwrap();
    assert!(second.removed > 0, "{second:?}");
    assert_eq!(blobs.read_all(&kept).await.unwrap(), content(0b00_0111));
    for digest in [forgotten, orphan.digests()[0]] {
        assert!(!blobs.contains(&digest).await.unwrap());
        assert!(matches!(blobs.read_all(&digest).await, Err(Error::BlobMissing { .. })));
    }
    // A receipt from before the collection is no longer good; putting again is, under new physical names.
    let refused = hold(&shelf, orphan.clone()).await;
    assert!(matches!(refused, Err(TransactError::Journal(Error::Condemned { .. }))), "{refused:?}");
    hold(&shelf, put_one(&blobs, 0b10_0001).await.unwrap()).await.unwrap();
    collector(&blobs).collect().await.unwrap();
    collector(&blobs).collect().await.unwrap();
    assert_eq!(blobs.read_all(&orphan.digests()[0]).await.unwrap(), content(0b10_0001));
    assert_eq!(collector(&blobs).plan().await.unwrap().freed_bytes(), 0);
}

#[tokio::test]
async fn what_is_alive_in_a_sparse_pack_moves_and_other_handles_follow() {
    let (store, blobs) = memory().await;
    let reader = toy::open(&store).await.unwrap();
    let shelf = shelf(&store).await.unwrap();
    let batch = blobs.begin().await.unwrap();
    let kept = toy::put(batch.as_ref(), 0b00_0011).await.unwrap();
    let gone = toy::put(batch.as_ref(), 0b11_1100).await.unwrap();
    hold(&shelf, batch.commit().await.unwrap()).await.unwrap();
    assert_eq!(reader.read_all(&kept).await.unwrap(), content(0b00_0011));
    shelf.transact(&txn(), |_| Ok::<_, ()>(vec![Move::Forget(gone)])).await.unwrap();
    collector(&blobs).collect().await.unwrap();
    let plan = collector(&blobs).plan().await.unwrap();
    assert_eq!(plan.packs.iter().filter(|pack| pack.fate == Fate::Sparse).count(), 1, "{plan:?}");
    let done = collector(&blobs).collect().await.unwrap();
    assert_eq!((done.rewritten, done.removed), (1, 1));
    // The reader's index still names the pack that is gone.
    assert_eq!(reader.read_all(&kept).await.unwrap(), content(0b00_0011));
    assert_eq!(toy::open(&store).await.unwrap().read_all(&kept).await.unwrap(), content(0b00_0011));
    assert!(!reader.contains(&gone).await.unwrap());
}

#[tokio::test]
async fn what_is_not_understood_stops_the_collection() {
    let (store, blobs) = memory().await;
    blobs.put_one("garbage".into()).await.unwrap();
    collector(&blobs).collect().await.unwrap();
    let kind = Name::new("of.the.future").unwrap();
    blobs.enrol(&Enrolment { kind, prefix: "future".to_owned() }).await.unwrap();
    assert!(matches!(collector(&blobs).collect().await, Err(Error::Collection { .. })));
    assert!(blobs.contains(&Digest::of(b"garbage")).await.unwrap());
    let store = store.at("other").unwrap();
    let blobs = toy::open(&store).await.unwrap();
    let shelf = shelf(&store).await.unwrap();
    let held = hold(&shelf, put_one(&blobs, 1).await.unwrap()).await.unwrap();
    let without_links = lineal_artifacts::Collector::new(&blobs);
    assert!(matches!(without_links.collect().await, Err(Error::Collection { .. })), "no roots");
    assert!(blobs.contains(&held[0]).await.unwrap());
}

/// Writers with clocks up to a month apart, and two collectors that run all the time, among faults and crashes: whatever
/// the journal names at the end reads back to the byte, and two quiet rounds free all garbage.
#[test]
fn a_collection_never_takes_what_a_journal_names() {
    let done = for_each_seed(24, |seed| collect_among_writers(seed, 3, true));
    let removed: u64 = done.iter().map(|done| done.removed).sum();
    let (held, refused): (u64, u64) =
        (done.iter().map(|done| done.held).sum(), done.iter().map(|done| done.refused).sum());
    println!("seeds {}: {removed} packs removed, {held} blobs named, {refused} receipts refused", done.len());
    assert!(removed > 0 && held > 0, "nothing was shown");
}

#[test]
fn sixty_four_writers_and_a_collector_that_never_rests() {
    for faults in [false, true] {
        let done = collect_among_writers(7, 64, faults);
        assert!(done.held > 100 && done.removed > 0, "with faults: {faults}, {done:?}");
    }
}

#[derive(Debug, Default, Clone, Copy)]
struct Done {
    removed: u64,
    held: u64,
    refused: u64,
}

fn collect_among_writers(seed: u64, writers: u64, faults: bool) -> Done {
    let world = World::new(seed).with_step_limit(20_000_000);
    let disk = SimDisk::new();
    let mut dice = world.dice();
    let tally = Arc::new(Mutex::new(Done::default()));
    for writer in 0..writers {
        let (store, mut own) =
            (on_wire(&world, &disk, &mut dice, writer, faults), dice.fork(&format!("writer {writer}")));
        let (sim, tally) = (world.sim(), Arc::clone(&tally));
        let task = world.spawn(&format!("writer {writer}"), async move { write(&store, &sim, &mut own, &tally).await });
        if faults && seed.is_multiple_of(4) {
            task.crash_within(400);
        }
    }
    for number in 0..2 {
        let (store, mut own) =
            (on_wire(&world, &disk, &mut dice, 500 + number, faults), dice.fork(&format!("gc {number}")));
        let (sim, tally) = (world.sim(), Arc::clone(&tally));
        let life = async move {
            let Ok(blobs) = toy::open(&store).await else { return };
            for _ in 0..12 {
                if let Ok(done) = collector(&blobs).collect().await {
                    tally.lock().unwrap().removed += done.removed;
                }
                if own.chance(0.4) {
                    blobs.index_packs().await.ok();
                }
                sim.timer().sleep(own.duration(Duration::from_secs(8))).await;
            }
        };
        let task = world.spawn("collector", life);
        if faults && number == 0 && seed.is_multiple_of(3) {
            task.crash_within(500);
        }
    }
    world.run();
    let quiet = machine(&world.sim(), Arc::new(disk.clone()), 99 + seed);
    let mut done = *tally.lock().unwrap();
    let (removed, dangling) = world.block_on(async move { settle(&quiet, seed).await });
    assert!(dangling.is_empty(), "seed {seed}: {dangling:?}\n{}", world.log());
    done.removed += removed;
    done
}

async fn write(store: &Store, sim: &Sim, dice: &mut Dice, tally: &Mutex<Done>) {
    let Ok(mut blobs) = toy::open(store).await else { return };
    let Ok(journal) = shelf(store).await else { return };
    if dice.chance(0.5) {
        blobs = blobs.with_settings(toy::in_parts());
    }
    for _ in 0..5 {
        let Ok(batch) = blobs.begin().await else { continue };
        let mut put = true;
        for _ in 0..1 + dice.below(4) {
            put &= toy::put(batch.as_ref(), 1 + dice.below(63)).await.is_ok();
            sim.timer().sleep(dice.duration(Duration::from_secs(5))).await;
        }
        let Ok(receipt) = batch.commit().await else { continue };
        if dice.chance(0.2) {
            blobs.index_packs().await.ok();
        }
        sim.timer().sleep(dice.duration(Duration::from_secs(10))).await;
        if !put {
            continue;
        }
        match hold(&journal, receipt).await {
            Ok(held) => {
                tally.lock().unwrap().held += held.len() as u64;
                if dice.chance(0.7) {
                    let forget = || held.iter().copied().map(Move::Forget).collect();
                    journal.transact(&txn(), |_| Ok::<_, ()>(forget())).await.ok();
                }
            }
            Err(TransactError::Journal(Error::Condemned { .. })) => tally.lock().unwrap().refused += 1,
            Err(_) => {}
        }
    }
}

/// Reads everything that is named, then collects in peace; returns packs removed and what does not read back.
async fn settle(store: &Store, seed: u64) -> (u64, Vec<String>) {
    let blobs = toy::open(store).await.unwrap();
    let known: BTreeMap<Digest, u64> = (0..64).map(|number| (Digest::of(&content(number)), number)).collect();
    let named = shelf(store).await.unwrap().peek(|shelf| shelf.held.clone());
    let mut dangling = Vec::new();
    for digest in &named {
        match blobs.read_all(digest).await {
            Ok(bytes) if bytes == content(known[digest]) => {}
            Ok(_) => dangling.push(format!("{digest} has other bytes")),
            Err(error) => dangling.push(error.to_string()),
        }
    }
    if !dangling.is_empty() {
        return (0, dangling);
    }
    let mut removed = 0;
    if blobs.journal().peek(|state| state.collection().open_epoch()).is_some() {
        // A collector died in the middle of a round.
        removed += collector(&blobs).collect().await.unwrap().removed;
    }
    for _ in 0..2 {
        removed += collector(&blobs).collect().await.unwrap().removed;
    }
    let plan = collector(&blobs).plan().await.unwrap();
    let young = plan.packs.iter().filter(|pack| pack.fate == Fate::Young && pack.live_bytes == 0);
    let left = plan.freed_bytes() + young.map(|pack| pack.size_bytes).sum::<u64>();
    assert!(
        left * 100 <= plan.packs.iter().map(|pack| pack.size_bytes).sum::<u64>(),
        "seed {seed}: {left} bytes of garbage"
    );
    for digest in &named {
        if let Err(error) = blobs.read_all(digest).await {
            dangling.push(format!("after quiet rounds: {error}"));
        }
    }
    blobs.journal().verify().await.unwrap();
    // What indexing was hit by among others, it makes good alone.
    blobs.index_packs().await.unwrap();
    let checked = toy::open(store).await.unwrap().fsck(FsckLevel::Trailers, &NoProgress).await.unwrap();
    assert!(checked.is_clean() && (checked.segments > 0 || checked.packs == 0), "seed {seed}: {checked:?}");
    (removed, dangling)
}

fn on_wire(world: &World, disk: &SimDisk, dice: &mut Dice, number: u64, faults: bool) -> Store {
    let rough = Faults { broken_list: 0.0, ..Faults::rough() };
    let faults = if faults { rough } else { Faults { delay: 0.3, ..Faults::none() } };
    machine(&world.sim(), world.store(Arc::new(disk.clone()), faults), dice.next_u64() ^ number)
}

/// The same writers beside a collector that trusts ages: it deletes what nothing names and what its clock calls old. The
/// simulation must catch it, or it could not catch ours.
#[test]
fn deleting_by_age_is_caught() {
    let found = find_seed(60, |seed| {
        let world = World::new(seed).with_step_limit(20_000_000);
        let disk = SimDisk::new();
        let mut dice = world.dice();
        let tally = Arc::new(Mutex::new(Done::default()));
        for writer in 0..3 {
            let (store, mut own) =
                (on_wire(&world, &disk, &mut dice, writer, false), dice.fork(&format!("writer {writer}")));
            let (sim, tally) = (world.sim(), Arc::clone(&tally));
            world.spawn("writer", async move { write(&store, &sim, &mut own, &tally).await });
        }
        let (store, sim) = (on_wire(&world, &disk, &mut dice, 500, false), world.sim());
        world.spawn("collector", async move {
            for _ in 0..12 {
                sim.timer().sleep(Duration::from_secs(5)).await;
                delete_by_age(&store).await.ok();
            }
        });
        world.run();
        let quiet = machine(&world.sim(), Arc::new(disk.clone()), 99);
        world.block_on(async move {
            let Ok(blobs) = toy::open(&quiet).await else { return Ok(()) };
            for digest in shelf(&quiet).await.unwrap().peek(|shelf| shelf.held.clone()) {
                blobs.read_all(&digest).await.map_err(|error| error.to_string())?;
            }
            Ok::<(), String>(())
        })
    });
    let (seed, fault) = found.expect("deleting by age loses what is named");
    println!("deleting by age, seed {seed}: {fault}");
}

/// Deletes the packs that no named blob needs and that are older than a week by this machine's clock.
async fn delete_by_age(store: &Store) -> Result<(), Error> {
    let blobs = toy::open(store).await?;
    let plan = collector(&blobs).plan().await;
    let Ok(plan) = plan else { return Ok(()) };
    for pack in plan.packs.iter().filter(|pack| pack.live_bytes == 0) {
        let week = 7 * 86_400 * 1_000_000_000_i64;
        let stored = blobs.journal().head().map_or(0, |head| head.time.as_nanos());
        if store.host().clock.now().as_nanos() - stored > week {
            store.delete(&blobs.pack_key(&pack.name)?).await?;
        }
    }
    Ok(())
}

/// Names three blobs, forgets one, collects twice: dead and sparse packs, barriers, rescue, sweep.
async fn program(store: &Store, in_parts: bool, told: &Mutex<Vec<Digest>>) -> Result<(), Error> {
    let blobs = toy::open(store).await?;
    let blobs = if in_parts { blobs.with_settings(toy::in_parts()) } else { blobs };
    let journal = shelf(store).await?;
    for number in [0b00_0111, 0b11_1000, 0b10_1010] {
        let batch = blobs.begin().await?;
        toy::put(batch.as_ref(), number).await?;
        toy::put(batch.as_ref(), number ^ 0b01_0001).await?;
        let Ok(held) = hold(&journal, batch.commit().await?).await else { return Ok(()) };
        told.lock().unwrap().extend(held);
        if number == 0b11_1000 {
            let gone = told.lock().unwrap().remove(0);
            journal.transact(&txn(), |_| Ok::<_, ()>(vec![Move::Forget(gone)])).await.ok();
        }
        collector(&blobs).collect().await?;
    }
    collector(&blobs).collect().await.map(drop)
}

#[test]
fn a_program_that_collects_can_stop_at_every_operation() {
    for (durability, in_parts) in [(Durability::AtOnce, false), (Durability::DeletesUntilSync, true)] {
        let scenario = |sim: Sim, objects: Arc<dyn ObjectStore>, told: Arc<Mutex<Vec<Digest>>>| async move {
            // What it ran into is not known to anybody after the crash.
            program(&machine(&sim, objects, 1), in_parts, &told).await.ok();
        };
        let points = CrashPoints::new().with_durability(durability).run(scenario, |point, disk, told| async move {
            let again = Store::new(Arc::new(disk.clone()), "disk");
            let blobs = toy::open(&again).await.unwrap_or_else(|error| panic!("{point:?}: {error}"));
            let told = told.lock().unwrap().clone();
            for digest in &told {
                blobs.read_all(digest).await.unwrap_or_else(|error| panic!("{point:?}: {digest}: {error}"));
            }
            let open = blobs.journal().peek(|state| state.collection().open_epoch());
            let checked = blobs.fsck(FsckLevel::Hash { part: 0, of: 1 }, &NoProgress).await;
            let checked = checked.unwrap_or_else(|error| panic!("{point:?}: {error}"));
            // While an epoch is open, packs that it condemned may be gone already.
            assert!(checked.is_clean() || open.is_some(), "{point:?}: {checked:?}");
            let named = shelf(&again).await.unwrap().peek(|shelf| shelf.held.clone());
            for _ in 0..4 {
                collector(&blobs).collect().await.unwrap_or_else(|error| panic!("{point:?}: {error}"));
            }
            for digest in &named {
                blobs.read_all(digest).await.unwrap_or_else(|error| panic!("{point:?}: collected {digest}: {error}"));
            }
            assert_eq!(collector(&blobs).plan().await.unwrap().freed_bytes(), 0, "{point:?}: garbage is left");
            let checked = blobs.fsck(FsckLevel::Hash { part: 0, of: 1 }, &NoProgress).await.unwrap();
            assert!(checked.is_clean(), "{point:?}: {checked:?}");
            if point.operation % 5 != 0 {
                return;
            }
            // And the same program runs to its end.
            let rest = Mutex::default();
            program(&again, in_parts, &rest).await.unwrap_or_else(|error| panic!("{point:?}: {error}"));
            assert_eq!(rest.lock().unwrap().len(), 5, "{point:?}");
        });
        assert!(points > 80, "{points} crash points");
    }
}
