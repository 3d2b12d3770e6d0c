//! Every chain is walked, every byte hashed; then one stored byte is flipped, and the load must refuse it.

use std::{fs, path::PathBuf};

use lineal_core::{Digest, Journal, NoProgress, Untyped};
use lineal_data::{Level, Repository, Verification};

use crate::{
    report::Check,
    studio::{Outcome, Studio},
    train::MODEL,
};

pub(crate) async fn check(studio: &Studio) -> Outcome<Vec<Check>> {
    let mut checks = vec![
        repository("Dataset: chain, commits, trees and every byte", &studio.flights).await?,
        repository("Predictions: chain, commits, trees and every byte", &studio.predictions).await?,
        chain("Runs: chain of the journal", studio.runs.journal().verify().await),
        chain("Registry: chain of the journal", studio.registry.journal().verify().await),
        chain("Blob store: chain of who names blobs", collection(studio).await?.verify().await),
        decisions(studio).await?,
    ];
    checks.push(flip_one_byte(studio).await?);
    Ok(checks)
}

/// The blob store's own journal, read without knowing what it holds.
async fn collection(studio: &Studio) -> Outcome<Journal<Untyped>> {
    Ok(Journal::builder(&studio.store, "blobs/collection").open().await?)
}

async fn repository(what: &str, repository: &Repository) -> Outcome<Check> {
    let verified = repository.verify(Level::Rehash, &NoProgress).await?;
    let passed = verified.is_intact();
    Ok(verdict(what, passed, if passed { "intact" } else { "damaged" }, describe(&verified)))
}

fn chain(what: &str, verified: Result<lineal_core::Verified, lineal_core::Error>) -> Check {
    match verified {
        Ok(verified) => verdict(what, true, "intact", format!("{} entries", verified.entries)),
        Err(error) => verdict(what, false, "broken", error.to_string()),
    }
}

/// Judges every recorded decision again, from storage.
async fn decisions(studio: &Studio) -> Outcome<Check> {
    let mut count = 0;
    for version in studio.registry.versions(&studio.champion.model).await? {
        let descent = studio.registry.lineage(&studio.champion.model, version.model.version).await?;
        for decision in descent.decisions {
            studio.registry.recheck(&decision.digest()).await?;
            count += 1;
        }
    }
    Ok(verdict("Decisions judged again from what they rested on", true, "same verdicts", format!("{count} decisions")))
}

/// Flips one byte of the champion's stored model, shows that the load refuses it, and puts the byte back.
async fn flip_one_byte(studio: &Studio) -> Outcome<Check> {
    let loaded = studio.registry.load(&studio.champion).await?;
    let path = stored(studio, &Digest::of(loaded.file(MODEL)?));
    let sound = fs::read(&path)?;
    let mut tampered = sound.clone();
    let middle = tampered.len() / 2;
    if let Some(byte) = tampered.get_mut(middle) {
        *byte ^= 1;
    }
    fs::write(&path, &tampered)?;
    let answer = studio.registry.load(&studio.champion).await;
    fs::write(&path, &sound)?;
    let what = "Tampering with one byte of the champion's model";
    let check = match answer {
        Ok(_) => verdict(what, false, "not noticed", "the altered model was loaded".to_owned()),
        Err(error) => verdict(what, true, "detected", chain_of(&error)),
    };
    studio.registry.load(&studio.champion).await?;
    Ok(check)
}

fn stored(studio: &Studio, digest: &Digest) -> PathBuf {
    let hex = digest.to_string();
    studio.root.join("blobs").join(&hex[..2]).join(hex)
}

/// An error with its causes, in one line.
fn chain_of(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        text = format!("{text}: {source}");
        cause = source.source();
    }
    text
}

fn verdict(what: &str, passed: bool, outcome: &str, detail: String) -> Check {
    Check { what: what.to_owned(), passed, outcome: outcome.to_owned(), detail }
}

fn describe(found: &Verification) -> String {
    let Verification { entries, commits, files, size_bytes, damage, .. } = found;
    match damage.first() {
        None => format!("{entries} entries, {commits} commits, {files} files, {:.1} MB", *size_bytes as f64 / 1e6),
        Some(first) => format!("{} of commit {}: {}", first.what, first.commit, first.found),
    }
}
