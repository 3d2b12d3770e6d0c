use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use lineal_artifacts::{
    Artifacts, Catalog, CatalogRoots, Collector, Content, Draft, FsckLevel, Manifest, ManifestLinks, PackBlobs,
    PackSettings,
};
use lineal_core::{Actor, NoLinks, NoProgress, Store};
use serde_json::{Value, json};

use crate::{
    args::{self, ArtifactGet, ArtifactPut},
    meter::{Meter, Reading},
    report::{self, text},
    stores::{self, Counting},
};

/// Stores a file or directory as the next version of a name; opening the store is part of the step.
pub(crate) async fn put(what: ArtifactPut) -> Result<(), String> {
    let meter = Meter::start();
    let (store, counting) = stores::open(&what.store)?;
    let (artifacts, catalog) = open(&store, PackSettings::default().with_profile(what.profile)).await?;
    let stored = artifacts.put(draft(&what.source)?, &NoProgress).await.map_err(text)?;
    let actor = Actor::new("workload").map_err(text)?;
    let version = catalog.name(&what.name, &stored, &actor).await.map_err(text)?;
    report("put", &meter.stop(), &stored.manifest, version, &counting);
    Ok(())
}

/// Writes the latest version of a name below a directory; opening the store is part of the step.
pub(crate) async fn get(what: ArtifactGet) -> Result<(), String> {
    let meter = Meter::start();
    let (store, counting) = stores::open(&what.store)?;
    let (artifacts, catalog) = open(&store, PackSettings::default()).await?;
    let latest = catalog.latest(&what.name).await.map_err(text)?;
    let latest = latest.ok_or_else(|| format!("nothing is named {}", what.name))?;
    let artifact = artifacts.get(&latest.artifact).await.map_err(text)?;
    artifact.export_to(&what.target, &NoProgress).await.map_err(text)?;
    report("get", &meter.stop(), artifact.manifest(), latest.version, &counting);
    Ok(())
}

/// Collects twice: garbage that was young in the first round goes in the second.
pub(crate) async fn gc(what: args::Store) -> Result<(), String> {
    let (store, counting) = stores::open(&what.store)?;
    for round in 1..=2 {
        let (meter, before) = (Meter::start(), (counting.requests(), counting.put_bytes()));
        let blobs = PackBlobs::open(&store, BLOBS).await.map_err(text)?;
        let collector = Collector::new(&blobs)
            .with_roots(Arc::new(CatalogRoots))
            .with_links(Arc::new(ManifestLinks))
            .with_links(Arc::new(NoLinks::new("application/octet-stream")));
        let done = collector.collect().await.map_err(text)?;
        let size = blobs.journal().peek(|state| (state.packs().len(), state.size_bytes()));
        let more = json!({
            "round": round, "removed": done.removed, "removed_bytes": done.removed_bytes, "rewritten": done.rewritten,
            "rescued": done.rescued, "packs": size.0, "store_bytes": size.1,
            "requests": counting.requests() - before.0, "written_bytes": counting.put_bytes() - before.1,
        });
        report::line("artifact-gc", "gc", &meter.stop(), more);
    }
    Ok(())
}

/// Hashes every byte of every pack.
pub(crate) async fn fsck(what: args::Store) -> Result<(), String> {
    let meter = Meter::start();
    let (store, counting) = stores::open(&what.store)?;
    let blobs = PackBlobs::open(&store, BLOBS).await.map_err(text)?;
    let found = blobs.fsck(FsckLevel::Hash { part: 0, of: 1 }, &NoProgress).await.map_err(text)?;
    let more = json!({
        "packs": found.packs, "records": found.hashed, "bytes": found.hashed_bytes, "unrecorded": found.unrecorded,
        "problems": found.problems.len(), "requests": counting.requests(), "store_bytes": 0,
    });
    report::line("artifact-fsck", "fsck", &meter.stop(), more);
    match found.problems.first() {
        None => Ok(()),
        Some(problem) => Err(format!("pack {}: {}", problem.pack, problem.found)),
    }
}

async fn open(store: &Store, settings: PackSettings) -> Result<(Artifacts, Catalog), String> {
    let blobs = PackBlobs::open(store, BLOBS).await.map_err(text)?.with_settings(settings);
    let catalog = Catalog::open(store, CATALOG).await.map_err(text)?;
    Ok((Artifacts::new(Arc::new(blobs)), catalog))
}

/// Collects a file under its own name, or all files below a directory under their paths in it.
fn draft(source: &Path) -> Result<Draft, String> {
    let named = |error| format!("{}: {error}", source.display());
    let draft = Draft::new("application/vnd.lineal.workload");
    if fs::metadata(source).map_err(named)?.is_dir() {
        let mut files = Vec::new();
        walk(source, "", &mut files).map_err(named)?;
        return Ok(files.into_iter().fold(draft, |draft, (name, path)| draft.with_file(name, Content::file(path))));
    }
    let name = source.file_name().ok_or("a file has a name")?.to_string_lossy();
    Ok(draft.with_file(name, Content::file(source)))
}

fn walk(directory: &Path, above: &str, files: &mut Vec<(String, PathBuf)>) -> std::io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = format!("{above}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            walk(&entry.path(), &format!("{name}/"), files)?;
        } else {
            files.push((name, entry.path()));
        }
    }
    Ok(())
}

fn report(step: &str, reading: &Reading, manifest: &Manifest, version: u64, counting: &Counting) {
    let more: Value = json!({
        "bytes": manifest.size_bytes(), "files": manifest.files().len(), "version": version,
        "store_bytes": counting.put_bytes(), "puts": counting.puts(), "requests": counting.requests(),
        "reads": counting.reads(),
    });
    report::line(&format!("artifact-{step}"), step, reading, more);
}

/// Where the blobs lie in a store.
const BLOBS: &str = "blobs";
/// Where their names lie.
const CATALOG: &str = "artifacts";
