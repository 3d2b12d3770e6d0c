//! The repository of the story: packs on local disk, hooks that guard the table, a clock that is driven through 2013.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use lineal_artifacts::PackBlobs;
use lineal_core::{Actor, Host, ManualClock, Store, Timestamp};
use lineal_data::{Repository, SizeLimit, StatisticsContract};
use lineal_examples::Outcome;

/// The table of the story.
pub(crate) const TABLE: &str = "flights.parquet";

pub(crate) struct Studio {
    pub(crate) repository: Repository,
    pub(crate) blobs: Arc<PackBlobs>,
    /// Who brings the batches.
    pub(crate) robot: Actor,
    clock: Arc<ManualClock>,
    root: PathBuf,
}

impl Studio {
    pub(crate) async fn open(root: &Path) -> Outcome<Self> {
        let clock = Arc::new(ManualClock::new(day(1, 1)?));
        let host = Host::system().with_clock(Arc::<ManualClock>::clone(&clock));
        let store = Store::open(&format!("file://{}", root.display()))?.with_host(host);
        let blobs = Arc::new(PackBlobs::open(&store, "blobs").await?);
        let plausible = StatisticsContract::new(TABLE)
            .rows_at_least(20_000)
            .nulls_at_most("dep_delay", 0.06)
            .within("month", 1, 12)
            .within("dep_delay", -120.0, 1_500.0);
        let repository = Repository::open(&store, "flights", Arc::<PackBlobs>::clone(&blobs)).await?;
        let repository =
            repository.with_hook(Arc::new(plausible)).with_hook(Arc::new(SizeLimit::default().of_file(1 << 30)));
        Ok(Self { repository, blobs, robot: Actor::new("robot@example.org")?, clock, root: root.to_owned() })
    }

    /// Makes it the first day of a month.
    pub(crate) fn go_to(&self, month: usize) -> Outcome<()> {
        self.clock.set(day(u8::try_from(month)?, 1)?);
        Ok(())
    }

    /// Returns the beginning of a day of 2013.
    pub(crate) fn day(&self, month: u8, of_month: u8) -> Outcome<Timestamp> {
        day(month, of_month)
    }

    /// Returns what the store takes on disk.
    pub(crate) fn stored_bytes(&self) -> Outcome<u64> {
        let (mut sum, mut open) = (0, vec![self.root.clone()]);
        while let Some(directory) = open.pop() {
            for entry in fs::read_dir(directory)? {
                let entry = entry?;
                match entry.file_type()?.is_dir() {
                    true => open.push(entry.path()),
                    false => sum += entry.metadata()?.len(),
                }
            }
        }
        Ok(sum)
    }
}

fn day(month: u8, of_month: u8) -> Outcome<Timestamp> {
    Ok(format!("2013-{month:02}-{of_month:02}T00:00:00Z").parse()?)
}
