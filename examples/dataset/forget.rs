//! What must be forgotten.

use std::sync::Arc;

use lineal_artifacts::{CollectSettings, Collector, PurgeCertificate, PurgeOrder};
use lineal_core::{Ed25519Key, Host, KeyRing, NoLinks, NoProgress, Signer};
use lineal_data::{CommitLinks, DataRoots, Error, TreeLinks};
use lineal_examples::{Outcome, ensure};

use crate::studio::{Studio, TABLE};

const CREW: &str = "crew.csv";
const REASON: &str = "request 17: erase what names a person";

/// A file with names of people got into a version, and has to go: from all versions, and from the store.
pub(crate) async fn forget(studio: &Studio) -> Outcome<()> {
    println!("7. What must be forgotten");
    let (repository, robot) = (&studio.repository, &studio.robot);
    let first = repository.commit("main").put(CREW, "captain, Bob").message("Crews").commit(robot).await?;
    repository.commit("main").remove(CREW).message("Without names").commit(robot).await?;
    let old = first.id().to_string();
    ensure(repository.at(&old).await?.read(CREW).await? == "captain, Bob", "removed is not forgotten")?;

    let purged = repository.purge(&[CREW], REASON, robot).await?;
    let version = repository.at(&old).await?;
    ensure(matches!(version.read(CREW).await, Err(Error::Purged { .. })), "no version has it any more")?;

    let collector = Collector::new(&studio.blobs)
        .with_roots(Arc::new(DataRoots))
        .with_links(Arc::new(CommitLinks))
        .with_links(Arc::new(TreeLinks))
        .with_links(Arc::new(NoLinks::new("application/octet-stream")))
        // What commits left behind that came to nothing goes, too.
        .with_settings(CollectSettings::default().with_sparse_below(1.0));
    let key = Arc::new(Ed25519Key::generate(Host::system().ids.as_ref()));
    let mut trust = KeyRing::default();
    trust.add(key.public(), robot.clone())?;
    let signer: Arc<dyn Signer> = key;
    let order = PurgeOrder::new(robot.clone(), REASON);
    let certificate = collector.purge(&purged.blobs, &order, &signer, &NoProgress).await?;
    let proof = PurgeCertificate::verify(&certificate.envelope, &studio.blobs, &trust).await?.proof;
    println!(
        "   {CREW} is gone from all versions; a signed certificate says that none of {} packs with {} records has it",
        proof.packs, proof.records
    );
    ensure(version.file(TABLE).await?.rows() > Some(0), "that version is as it was, but for the file")
}
