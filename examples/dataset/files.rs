//! Versions as files on disk, and files that stay where they are.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use lineal_core::{NoProgress, SystemClock, object_store::local::LocalFileSystem};
use lineal_data::{
    Error,
    local::{CheckoutSettings, Difference, Directory, FilePool},
};
use lineal_examples::{Outcome, ensure};

use crate::studio::{Studio, TABLE};

/// A version as files, twice, and what was done to them.
pub(crate) async fn on_disk(studio: &Studio, place: &Path) -> Outcome<()> {
    println!("5. A version as files");
    let version = studio.repository.at("2013-09").await?;
    let pool = place.join("pool");
    let settings = CheckoutSettings::default().with_pool(FilePool::clones(&pool));
    let (one, other) = (place.join("one"), place.join("other"));
    for place in [&one, &other] {
        let there = Directory::new(place, Arc::new(SystemClock));
        let done = version.checkout(&there, None, &settings, &NoProgress).await?;
        println!("   {} file checked out to {}", done.written, place.display());
    }
    ensure(files_in(&pool)? == 1, "both checkouts took the table from one pool, which fetched it once")?;
    fs::write(one.join("notes.txt"), "looked at by hand")?;
    let status = version.status(&Directory::new(&one, Arc::new(SystemClock)), &NoProgress).await?;
    let [Difference::Added(path)] = status.differences.as_slice() else { return Err("one file is new".into()) };
    println!("   both from a pool that fetched it once; since then {path} is new in the first");
    ensure(path.as_str() == "notes.txt", "the note is all that differs")
}

fn files_in(directory: &Path) -> Outcome<usize> {
    let (mut files, mut open) = (0, vec![directory.to_owned()]);
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            match entry.file_type()?.is_dir() {
                true => open.push(entry.path()),
                false => files += 1,
            }
        }
    }
    Ok(files)
}

/// A file too large to copy, say, is versioned where it lies.
pub(crate) async fn elsewhere(studio: &Studio, lake: &Path) -> Outcome<()> {
    println!("6. A file that stays where it is");
    fs::create_dir_all(lake)?;
    let file: PathBuf = lake.join("radar.bin");
    fs::write(&file, vec![7; 1 << 20])?;
    let source = Arc::new(LocalFileSystem::new_with_prefix(lake)?);
    let repository = studio.repository.clone().with_source("lake://radar", source)?;
    let (before, draft) = (studio.stored_bytes()?, repository.commit("main"));
    draft.put_reference("radar.bin", "lake://radar/radar.bin").message("Radar").commit(&studio.robot).await?;
    let version = repository.at("main").await?;
    ensure(version.read("radar.bin").await?.len() == 1 << 20, "it is read there")?;
    let grown = studio.stored_bytes()? - before;
    println!("   {} bytes are part of the version, the store grew by {} KB", 1 << 20, grown / 1000);
    fs::write(&file, vec![8; 1 << 20])?;
    let Err(error @ Error::SourceChanged { .. }) = version.read("radar.bin").await else {
        return Err("a change over there is noticed".into());
    };
    println!("   after somebody wrote to it: {error}");
    ensure(version.file(TABLE).await?.rows() > Some(0), "the rest of the version is as it was")
}
