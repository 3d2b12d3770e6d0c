//! Without faults, the disk and the wrappers are object stores like any other.

use std::sync::Arc;

use lineal_core::Store;
use lineal_core::test_util::back_end_suite;
use lineal_testkit::{FaultStore, Faults, SimDisk, World};
use object_store::integration::{
    copy_if_not_exists, copy_rename_nonexistent_object, get_opts, list_uses_directories_correctly, list_with_delimiter,
    list_with_offset_exclusivity, multipart_out_of_order, multipart_race_condition, put_get_attributes,
    put_get_delete_list, put_opts, rename_and_copy, stream_get,
};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode};

async fn upstream_suite(store: Box<dyn ObjectStore>) {
    put_get_delete_list(&store).await;
    get_opts(&*store).await;
    list_uses_directories_correctly(&store).await;
    list_with_delimiter(&store).await;
    list_with_offset_exclusivity(&store).await;
    rename_and_copy(&store).await;
    copy_if_not_exists(&store).await;
    copy_rename_nonexistent_object(&store).await;
    multipart_out_of_order(&*store).await;
    multipart_race_condition(&*store, true).await;
    put_get_attributes(&*store).await;
    put_opts(&*store, false).await;
}

#[tokio::test]
async fn the_disk_passes_the_suites() {
    let disk: Arc<dyn ObjectStore> = Arc::new(SimDisk::new());
    stream_get(&Arc::clone(&disk)).await;
    back_end_suite(&Store::new(Arc::clone(&disk), "disk"), "suite").await;
    upstream_suite(Box::new(SimDisk::new())).await;
}

#[tokio::test]
async fn a_store_without_faults_passes_the_suites() {
    let store = |disk| FaultStore::new(Arc::new(disk), Faults::none(), 1);
    stream_get(&store(SimDisk::new())).await;
    back_end_suite(&Store::new(Arc::new(store(SimDisk::new())), "faultless"), "suite").await;
    upstream_suite(Box::new(store(SimDisk::new()))).await;
}

#[test]
fn a_slow_store_passes_the_suite_in_a_world() {
    let world = World::new(1);
    let store = world.store(Arc::new(SimDisk::new()), Faults { delay: 0.3, ..Faults::none() });
    world.block_on(upstream_suite(Box::new(store)));
}

#[tokio::test]
async fn files_meet_the_faults_of_bodies() {
    let dir = tempfile::tempdir().unwrap();
    let files = LocalFileSystem::new_with_prefix(dir.path()).unwrap();
    files.put(&Path::from("a"), "0123456789".into()).await.unwrap();
    let store = FaultStore::new(Arc::new(files), Faults { short_body: 1.0, ..Faults::none() }, 1);
    let short = store.get(&Path::from("a")).await.unwrap().bytes().await.unwrap();
    assert!(short.len() < 10 && b"0123456789".starts_with(&short));
    store.set_faults(Faults { broken_body: 1.0, ..Faults::none() });
    assert!(store.get(&Path::from("a")).await.unwrap().bytes().await.is_err());
    store.set_faults(Faults { own_conflict: 1.0, ..Faults::none() });
    let created = store.put_opts(&Path::from("b"), "mine".into(), PutMode::Create.into()).await;
    assert!(matches!(created, Err(Error::AlreadyExists { .. })));
    store.set_faults(Faults::none());
    assert_eq!(store.get(&Path::from("b")).await.unwrap().bytes().await.unwrap(), "mine");
}
