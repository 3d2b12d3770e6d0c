//! Verifying an experiment: the chain, and every blob that it names.

use std::collections::{BTreeMap, BTreeSet};

use futures::TryStreamExt;
use lineal_core::{Digest, Progress, ProgressEvent, Verified};

use crate::{Attempt, Error, Experiment, RunRecord, Segment, segment};

/// What [`Experiment::verify`] went over.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifiedRuns {
    /// The journal's chain.
    pub journal: Verified,
    /// Runs.
    pub runs: u64,
    /// Points, each decoded and counted.
    pub points: u64,
    /// Different blobs read, each hashed.
    pub blobs: u64,
}

impl Experiment {
    /// Walks the journal's chain, reads every blob that it names against its digest, and every segment against what the
    /// journal says of its points. Reads everything the experiment holds.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Segment`], [`Error::SegmentDiffers`] or [`Error::Provenance`] for the first that does not
    /// hold.
    pub async fn verify(&self, progress: &dyn Progress) -> Result<VerifiedRuns, Error> {
        let journal = self.journal.verify().await?;
        let runs = self.runs().await?;
        let mut seen = VerifiedRuns { journal, runs: runs.len() as u64, points: 0, blobs: 0 };
        progress.report(ProgressEvent::Started { task: TASK, total: Some(seen.runs), unit: "runs" });
        let mut read = BTreeSet::new();
        let mut result = Ok(());
        for run in &runs {
            result = self.verify_run(run, &mut read, &mut seen).await;
            if result.is_err() {
                break;
            }
            progress.report(ProgressEvent::Advanced { task: TASK, by: 1 });
        }
        progress.report(ProgressEvent::Finished { task: TASK });
        seen.blobs = read.len() as u64;
        result.map(|()| seen)
    }

    async fn verify_run(
        &self,
        run: &RunRecord,
        read: &mut BTreeSet<Digest>,
        seen: &mut VerifiedRuns,
    ) -> Result<(), Error> {
        for segment in run.attempts.iter().flat_map(|attempt| &attempt.segments) {
            if read.insert(segment.digest) {
                self.verify_segment(segment).await?;
            }
            seen.points += segment.rows;
        }
        for digest in run.attempts.iter().filter_map(|attempt| attempt.provenance) {
            if read.insert(digest) {
                let provenance = self.load_provenance(digest).await?;
                let diff = provenance.code.and_then(|code| code.diff);
                for child in diff.into_iter().chain(provenance.env.lock) {
                    self.verify_blob(child, read).await?;
                }
            }
        }
        for blob in run.attempts.iter().flat_map(checkpoints).chain(run.outputs.values().map(|output| output.digest)) {
            self.verify_blob(blob, read).await?;
        }
        Ok(())
    }

    async fn verify_segment(&self, segment: &Segment) -> Result<(), Error> {
        let mut metrics = BTreeMap::new();
        segment::summarise(&self.load(segment.digest, segment.rows).await?, &mut metrics);
        if metrics == segment.metrics {
            Ok(())
        } else {
            Err(Error::SegmentDiffers { digest: segment.digest, what: "the summary of its points" })
        }
    }

    /// Reads a blob to its end, once; the store checks it.
    async fn verify_blob(&self, digest: Digest, read: &mut BTreeSet<Digest>) -> Result<(), Error> {
        if read.insert(digest) {
            let mut pieces = self.blobs.stream(&digest).await?;
            while pieces.try_next().await?.is_some() {}
        }
        Ok(())
    }
}

fn checkpoints(attempt: &Attempt) -> impl Iterator<Item = Digest> {
    attempt.checkpoints.iter().map(|checkpoint| checkpoint.digest)
}

const TASK: &str = "verify experiment";
