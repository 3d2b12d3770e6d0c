//! A repository written by the first release, which every later one reads.

use std::{path::Path, sync::Arc};

use futures::TryStreamExt;
use lineal_core::{LooseBlobs, NoProgress, Store};
use lineal_data::{Level, Repository, arrow::compute::concat_batches};

use crate::support::{World, ana, flights};

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/compat/v1");

#[tokio::test]
#[ignore = "writes the fixture of a format, once"]
async fn write_fixture() {
    assert!(!Path::new(FIXTURE).exists(), "the fixture of a format never changes");
    // The store must not remember the machine it was made on.
    let objects = lineal_core::Store::open(&format!("file://{FIXTURE}")).unwrap();
    let world = World::on(Store::new(Arc::clone(objects.objects()), "fixture")).await;
    let main = || world.repository.commit("main");
    let first = main().put("readme.md", "# Flights").put_table("2013.parquet", &[flights(0, 100)]);
    first.message("January").metadata("source", "generated").commit(&ana()).await.unwrap();
    world.repository.tag("v1", "main", &ana()).await.unwrap();
    world.repository.create_branch("side", "main", &ana()).await.unwrap();
    world.repository.commit("side").remove("readme.md").message("No readme").commit(&ana()).await.unwrap();
    main().append_table("2013.parquet", &[flights(100, 150)]).message("February").commit(&ana()).await.unwrap();
    world.repository.delete_branch("side", &ana()).await.unwrap();
}

#[tokio::test]
async fn the_first_format_is_readable_for_ever() {
    assert!(Path::new(FIXTURE).exists());
    let store = Store::open(&format!("file://{FIXTURE}")).unwrap();
    let blobs = LooseBlobs::open(&store, "blobs").await.unwrap();
    let repository = Repository::open(&store, "flights", Arc::new(blobs)).await.unwrap();
    let verified = repository.verify(Level::Rehash, &NoProgress).await.unwrap();
    assert!(verified.is_intact(), "{verified:?}");
    assert_eq!((verified.entries, verified.commits, verified.files), (7, 3, 4), "two tables and their page tables");
    let log: Vec<_> = repository.log("main").await.unwrap().try_collect().await.unwrap();
    let lines: Vec<_> =
        log.iter().map(|commit| format!("{} {} {}", commit.id(), commit.time(), commit.message())).collect();
    insta::assert_snapshot!(lines.join("\n"));
    let read = repository.at("main").await.unwrap().read_table("2013.parquet").await.unwrap();
    assert_eq!(concat_batches(&read[0].schema(), &read).unwrap(), flights(0, 150));
    assert_eq!(repository.at("v1").await.unwrap().read("readme.md").await.unwrap(), "# Flights");
}
