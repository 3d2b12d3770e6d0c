use std::collections::BTreeSet;

use lineal_core::{ErrorKind, SeededIds};
use lineal_testkit::Dice;
use proptest::prelude::*;

use super::*;
use crate::SessionId;

const BLOCK: u64 = 1000;
const FILE: u64 = BLOCK + OVERHEAD_BYTES;

fn pack(number: u32) -> PackName {
    PackName { session: SessionId::from_bytes([7; 16]), number }
}

fn moment(secs: i64) -> Moment {
    static IDS: SeededIds = SeededIds::new(7);
    Moment { now: Timestamp::from_unix_secs(1_376_524_800 + secs).unwrap(), id: lineal_core::IdSource::next_id(&IDS) }
}

fn cache(directory: &Path, blocks: u64) -> ReadCache {
    ReadCache::with_blocks(directory, blocks * FILE, BLOCK).unwrap()
}

fn block(seed: u64) -> Bytes {
    let mut dice = Dice::new(seed);
    (0..BLOCK).map(|_| dice.next_u64() as u8).collect()
}

fn put(cache: &ReadCache, at: u64, secs: i64) {
    cache.files.write(pack(0), at, &block(at), moment(secs)).unwrap();
}

/// Reads block `at` as of a pack that is much longer.
fn got(cache: &ReadCache, at: u64, secs: i64) -> Option<Bytes> {
    cache.files.read(pack(0), at, u64::MAX, moment(secs).now)
}

/// All files below, with their sizes.
fn files(directory: &Path) -> Vec<(PathBuf, u64)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
        match fs::symlink_metadata(&entry).unwrap() {
            meta if meta.is_dir() => found.extend(files(&entry)),
            meta => found.push((entry, meta.len())),
        }
    }
    found.sort();
    found
}

fn used(directory: &Path) -> u64 {
    files(directory).iter().map(|(_, size)| size).sum()
}

#[test]
fn what_was_written_is_read_by_every_handle() {
    let directory = tempfile::tempdir().unwrap();
    let (one, two) = (cache(directory.path(), 8), cache(directory.path(), 8));
    assert_eq!(got(&one, 3, 0), None);
    put(&one, 3, 0);
    assert_eq!(got(&two, 3, 0), Some(block(3)));
    assert_eq!(two.files.read(pack(1), 3, u64::MAX, moment(0).now), None, "another pack");
    two.files.remove(pack(0), 3);
    assert_eq!(got(&one, 3, 0), None);
}

#[test]
fn the_last_block_of_a_pack_is_shorter() {
    let directory = tempfile::tempdir().unwrap();
    let cache = cache(directory.path(), 8);
    let short = block(1).slice(..10);
    cache.files.write(pack(0), 1, &short, moment(0)).unwrap();
    assert_eq!(cache.files.read(pack(0), 1, BLOCK + 10, moment(0).now), Some(short));
}

#[test]
fn a_bad_directory_or_bound_is_refused_at_open() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "text").unwrap();
    let refused = ReadCache::open(&file, 1 << 30).unwrap_err();
    assert!(matches!(refused, Error::Local { .. }), "{refused}");
    assert!(matches!(ReadCache::open(&file.join("below"), 1 << 30), Err(Error::Local { .. })));
    let small = ReadCache::open(directory.path(), 1 << 20).unwrap_err();
    assert_eq!(small.kind(), ErrorKind::Invalid);
    assert_eq!(fs::read(&file).unwrap(), b"text");
    ReadCache::open(&directory.path().join("deep/er"), (1 << 20) + 4096).unwrap();
}

#[test]
fn shards_and_ways_stay_below_the_bound() {
    let directory = tempfile::tempdir().unwrap();
    for (blocks, shards, ways) in
        [(1, 1, 1), (63, 1, 63), (64, 2, 32), (1000, 16, 62), (8192, 256, 32), (1_000_000, 256, 3906)]
    {
        let files = cache(directory.path(), blocks).files;
        assert_eq!((files.shards, files.ways), (shards, ways), "{blocks}");
    }
    assert!(files(directory.path()).is_empty(), "opening writes nothing");
}

#[test]
fn what_was_not_used_for_longest_goes_first() {
    let directory = tempfile::tempdir().unwrap();
    let cache = cache(directory.path(), 3);
    (0..3).for_each(|at| put(&cache, at, at as i64));
    // Block 0 is used again, long enough after it was marked; block 1 too soon for another mark.
    assert!(got(&cache, 0, 700).is_some());
    assert!(got(&cache, 1, 500).is_some());
    put(&cache, 3, 800);
    put(&cache, 4, 801);
    let left: Vec<u64> = (0..5).filter(|at| got(&cache, *at, 801).is_some()).collect();
    assert_eq!(left, [0, 3, 4]);
}

#[test]
fn a_clock_that_went_back_renews_marks() {
    let directory = tempfile::tempdir().unwrap();
    let cache = cache(directory.path(), 2);
    put(&cache, 0, 1_000_000);
    put(&cache, 1, 0);
    assert!(got(&cache, 0, -5000).is_some());
    put(&cache, 2, 1);
    assert_eq!(got(&cache, 0, 1), None, "it was used before the others");
    assert!(got(&cache, 1, 1).is_some());
}

#[test]
fn the_bound_holds_for_two_processes_together() {
    let directory = tempfile::tempdir().unwrap();
    // Two shards of 32.
    let bound = 64;
    std::thread::scope(|scope| {
        for seed in 0..2 {
            let cache = cache(directory.path(), bound);
            scope.spawn(move || {
                let mut dice = Dice::new(seed);
                for step in 0..400 {
                    let at = dice.below(200);
                    match got(&cache, at, step) {
                        Some(bytes) => assert_eq!(bytes, block(at)),
                        // The other may take the room or the file away in between.
                        None => drop(cache.files.write(pack(0), at, &block(at), moment(step))),
                    }
                }
            });
            assert!(files_now(directory.path()) <= bound as usize + 4);
        }
    });
    let cache = cache(directory.path(), bound);
    (200..300).for_each(|at| put(&cache, at, 500));
    assert!(used(directory.path()) <= bound * FILE);
    assert!(files(directory.path()).len() <= bound as usize);
    assert!(files(directory.path()).len() >= 56, "it is used, too");
}

/// Counts files while others delete them.
fn files_now(directory: &Path) -> usize {
    let shards = fs::read_dir(directory).unwrap().filter_map(Result::ok);
    shards.map(|shard| fs::read_dir(shard.path()).map_or(0, Iterator::count)).sum()
}

#[test]
fn damaged_files_are_dropped() {
    let directory = tempfile::tempdir().unwrap();
    let cache = cache(directory.path(), 8);
    let damage: [fn(&mut Vec<u8>); 6] = [
        |bytes| bytes[500] ^= 1,
        |bytes| bytes[0] ^= 1,
        |bytes| bytes[9] ^= 1,
        |bytes| bytes.truncate(300),
        |bytes| bytes.push(0),
        Vec::clear,
    ];
    for damage in damage {
        put(&cache, 0, 0);
        let (path, _) = files(directory.path()).remove(0);
        let mut bytes = fs::read(&path).unwrap();
        damage(&mut bytes);
        fs::write(&path, bytes).unwrap();
        assert_eq!(got(&cache, 0, 0), None);
        assert!(files(directory.path()).is_empty());
    }
    // A sound file under the name of another block.
    put(&cache, 0, 0);
    let (path, _) = files(directory.path()).remove(0);
    fs::rename(&path, path.with_extension("1")).unwrap();
    assert_eq!(got(&cache, 1, 0), None);
}

#[test]
fn files_of_others_are_left_alone_and_own_leftovers_count() {
    let directory = tempfile::tempdir().unwrap();
    let cache = cache(directory.path(), 2);
    put(&cache, 0, 0);
    let shard = files(directory.path())[0].0.parent().unwrap().to_owned();
    let own = format!("{}.0", pack(0));
    let foreign = ["notes.txt", "x.tmp", &format!("{own}.bak"), &format!("{own}.xyz.tmp"), &format!("{own}0.0")];
    for name in foreign {
        fs::write(shard.join(name), "mine").unwrap();
    }
    fs::create_dir(shard.join(format!("{}.77", pack(9)))).unwrap();
    // What a process left that died while writing.
    fs::write(shard.join(BlockName::new(pack(0), 5).unfinished([1; 16])), "half").unwrap();
    (1..9).for_each(|at| put(&cache, at, 1_000_000_000 + at as i64));
    let names: BTreeSet<String> =
        fs::read_dir(&shard).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    for name in foreign {
        assert!(names.contains(name), "{name} in {names:?}");
    }
    assert_eq!(names.len(), foreign.len() + 1 + 2, "{names:?}");
    assert!(got(&cache, 8, 1_000_000_000).is_some());
}

#[cfg(unix)]
#[test]
fn links_are_not_followed() {
    use std::os::unix::fs::symlink;

    let (directory, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let cache = cache(directory.path(), 2);
    put(&cache, 0, 0);
    let (path, _) = files(directory.path()).remove(0);
    let target = outside.path().join("target");
    fs::rename(&path, &target).unwrap();
    symlink(&target, &path).unwrap();
    assert_eq!(got(&cache, 0, 0), None);
    assert!(fs::symlink_metadata(&path).is_err(), "the link is gone");
    assert!(target.exists(), "what it led to is not");

    // A link instead of a shard: nothing is read, written or deleted behind it.
    let shard = path.parent().unwrap();
    fs::remove_dir(shard).unwrap();
    fs::rename(&target, outside.path().join(path.file_name().unwrap())).unwrap();
    symlink(outside.path(), shard).unwrap();
    assert_eq!(got(&cache, 0, 0), None);
    assert!(cache.files.write(pack(0), 1, &block(1), moment(0)).is_err());
    cache.files.remove(pack(0), 0);
    cache.files.sweep();
    assert_eq!(files(outside.path()).len(), 1);
}

#[test]
fn a_smaller_bound_takes_effect() {
    let directory = tempfile::tempdir().unwrap();
    let large = cache(directory.path(), 256);
    (0..200).for_each(|at| put(&large, at, at as i64));
    assert!(files(directory.path()).len() > 150);
    let small = cache(directory.path(), 40);
    small.files.sweep();
    assert!(used(directory.path()) <= 40 * FILE);
    small.files.sweep();
    put(&small, 300, 0);
    assert!(got(&small, 300, 0).is_some());
}

#[test]
fn a_directory_that_was_taken_away_stays_away() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("cache");
    let cache = cache(&root, 8);
    put(&cache, 0, 0);
    fs::remove_dir_all(&root).unwrap();
    assert_eq!(got(&cache, 0, 0), None);
    assert!(cache.files.write(pack(0), 0, &block(0), moment(0)).is_err());
    cache.files.sweep();
    assert!(!root.exists());
}

proptest! {
    #[test]
    fn missing_blocks_side_by_side_are_one_range(
        size in 1..20_000_u64, a in 0..20_000_u64, b in 0..20_000_u64, here in any::<u32>(),
    ) {
        let content: Bytes = block(1).iter().copied().cycle().take(size as usize).collect();
        let (a, b) = (a % size, b % size);
        let range = a.min(b)..a.max(b) + 1;
        let first = range.start / BLOCK;
        let count = range.end.div_ceil(BLOCK) - first;
        let of = |range: Range<u64>| content.slice(range.start as usize..range.end as usize);
        let blocks =
            (0..count).map(|at| (here >> at & 1 == 1).then(|| of(block_range(first + at, BLOCK, size)))).collect();
        let mut found = Found { size_bytes: size, block_bytes: BLOCK, first, blocks };
        let missing = found.missing();
        for pair in missing.windows(2) {
            prop_assert!(pair[0].end < pair[1].start);
        }
        let mut filled = 0;
        for range in &missing {
            filled += found.fill(range, of(range.clone())).len();
        }
        prop_assert_eq!(filled as u32, count as u32 - (here & ((1_u64 << count) - 1) as u32).count_ones());
        prop_assert!(found.missing().is_empty());
        prop_assert_eq!(found.cut(&range), Some(of(range)));
    }

    #[test]
    fn hostile_files_and_names_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..200), name in ".{0,80}") {
        prop_assert_eq!(BlockName::new(pack(0), 1).unseal(bytes), None);
        prop_assert!(!block::is_own(&name));
    }
}
