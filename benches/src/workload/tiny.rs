use futures::TryStreamExt;
use lineal_core::Actor;
use serde_json::json;

use crate::{
    data::{BRANCH, open, report},
    meter::Meter,
    report::text,
    stores,
};

/// Commits files of some 20 bytes, changes one of them by fresh handles, and compares the two versions by fresh handles.
pub(crate) async fn run(place: &str, files: u64) -> Result<(), String> {
    fill(place, files).await?;
    change(place, files / 2).await?;
    diff(place).await
}

async fn fill(place: &str, files: u64) -> Result<(), String> {
    let meter = Meter::start();
    let (store, counting) = stores::open(place)?;
    let repository = open(&store).await?;
    let mut first = 0;
    while first < files {
        let next = files.min(first + FILES_A_COMMIT);
        let mut draft = repository.commit(BRANCH);
        for file in first..next {
            draft = draft.put(&path(file), format!("{{\"label\": {file}}}"));
        }
        draft.commit(&actor()?).await.map_err(text)?;
        first = next;
    }
    report("data-tiny", "fill", meter, json!({ "files": files }), &counting);
    Ok(())
}

async fn change(place: &str, file: u64) -> Result<(), String> {
    let (store, counting) = stores::open(place)?;
    let repository = open(&store).await?;
    let opened = counting.requests();
    counting.forget();
    let meter = Meter::start();
    let draft = repository.commit(BRANCH).put(&path(file), "{\"label\": \"another\"}");
    draft.commit(&actor()?).await.map_err(text)?;
    let more = json!({ "requests_to_open": opened, "objects_read": counting.objects_read() });
    report("data-tiny", "change", meter, more, &counting);
    Ok(())
}

async fn diff(place: &str) -> Result<(), String> {
    let (store, counting) = stores::open(place)?;
    let repository = open(&store).await?;
    counting.forget();
    let meter = Meter::start();
    let (old, new) = (format!("{BRANCH}~1"), BRANCH);
    let changes: Vec<_> = repository.diff(&old, new).await.map_err(text)?.try_collect().await.map_err(text)?;
    let more = json!({ "changes": changes.len(), "objects_read": counting.objects_read() });
    report("data-tiny", "diff", meter, more, &counting);
    Ok(())
}

/// Ten thousand files in a directory, one directory after the other.
fn path(file: u64) -> String {
    format!("{:04}/{file:08}.json", file / 10_000)
}

fn actor() -> Result<Actor, String> {
    Actor::new("workload").map_err(text)
}

const FILES_A_COMMIT: u64 = 250_000;
