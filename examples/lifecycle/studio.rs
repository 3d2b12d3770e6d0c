//! Where the story happens: one store on local disk, its journals, the people and a clock that is driven through 2013.

use std::{error::Error, fs, path::Path, sync::Arc, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};
use lineal_core::{
    Actor, BlobStore, Clock, Digest, Ed25519Key, Envelope, EvidenceKind, Head, Host, KeyRing, LooseBlobs, ManualClock,
    Name, Signer, Statement, Store, Subject, Timestamp,
};
use lineal_data::Repository;
use lineal_registry::{AliasRef, Registry};
use lineal_runner::Experiment;
use serde::Serialize;

pub(crate) type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Everything the steps of the story share.
pub(crate) struct Studio {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) store: Store,
    pub(crate) blobs: Arc<dyn BlobStore>,
    pub(crate) flights: Repository,
    pub(crate) predictions: Repository,
    pub(crate) runs: Experiment,
    pub(crate) registry: Registry,
    pub(crate) trust: Arc<KeyRing>,
    pub(crate) champion: AliasRef,
    /// Trains and submits.
    pub(crate) ana: Person,
    /// Approves; never trains.
    pub(crate) bo: Person,
    /// The pipeline itself: tests, serves, monitors.
    pub(crate) robot: Person,
    /// The directory of the store.
    pub(crate) root: std::path::PathBuf,
    /// Where the bundles of released versions are put.
    pub(crate) bundles: std::path::PathBuf,
}

/// Somebody with a key of their own.
pub(crate) struct Person {
    pub(crate) actor: Actor,
    pub(crate) key: Arc<dyn Signer>,
}

impl Studio {
    /// Opens the stores below `out`, and takes up at the time of the last entry.
    pub(crate) async fn open(out: &Path) -> Outcome<Self> {
        let root = out.join("store");
        let clock = Arc::new(ManualClock::new(day(2013, 1, 1)));
        let host = Host::system().with_clock(Arc::<ManualClock>::clone(&clock));
        let store = Store::open(&format!("file://{}", root.display()))?.with_host(host);
        let blobs: Arc<dyn BlobStore> = Arc::new(LooseBlobs::open(&store, "blobs").await?);
        let (trust, [ana, bo, robot]) = people()?;
        let flights = Repository::open(&store, "flights", Arc::clone(&blobs)).await?;
        let predictions = Repository::open(&store, "predictions", Arc::clone(&blobs)).await?;
        let runs = Experiment::open(&store, "late15", Arc::clone(&blobs)).await?;
        let name = Name::new("airport")?;
        // Every entry is signed, and an unsigned one is refused: write access to the disk moves no alias.
        let registry = Registry::builder(&store, name, Arc::clone(&blobs), Arc::<KeyRing>::clone(&trust) as _)
            .with_signer(Arc::clone(&robot.key))
            .require_signed_entries()
            .open()
            .await?;
        let heads =
            [flights.journal().head(), predictions.journal().head(), runs.journal().head(), registry.journal().head()];
        if let Some(last) = heads.into_iter().flatten().map(|head: Head| head.time).max() {
            clock.set(last);
        }
        let bundles = out.join("bundles");
        fs::create_dir_all(&bundles)?;
        let champion = AliasRef::new("late15", "production", "champion")?;
        Ok(Self {
            clock,
            store,
            blobs,
            flights,
            predictions,
            runs,
            registry,
            trust,
            champion,
            ana,
            bo,
            robot,
            root,
            bundles,
        })
    }

    /// Moves the clock forward to `hour` o'clock of a day in 2013 (month 13 is the January after); never back.
    pub(crate) fn at(&self, month: u8, day_of_month: u8, hour: u64) -> Timestamp {
        let time = moment(month, day_of_month, hour);
        self.clock.set(time.max(self.clock.now()));
        self.clock.now()
    }

    /// Signs a statement of `person` about the model files of a manifest.
    pub(crate) fn state(
        &self,
        person: &Person,
        kind: EvidenceKind,
        manifest: Digest,
        predicate: &impl Serialize,
    ) -> Outcome<Envelope> {
        let subjects = vec![Subject::new("manifest", manifest)];
        let statement = Statement::new(kind, subjects, predicate, person.actor.clone(), self.clock.now())?;
        Ok(Envelope::unsigned(&statement)?.sign(person.key.as_ref())?)
    }

    /// A bar for `steps` steps, drawn only where somebody watches.
    pub(crate) fn bar(&self, task: &str, steps: u64) -> ProgressBar {
        let style = ProgressStyle::with_template("{msg:>24} [{bar:40}] {pos}/{len}");
        let bar = ProgressBar::new(steps).with_message(task.to_owned());
        style.map_or(bar.clone(), |style| bar.with_style(style.progress_chars("=> ")))
    }
}

/// Removes what an earlier run of this example wrote to `out`, and nothing else.
pub(crate) fn clear(out: &Path) -> Outcome<()> {
    for name in ["store", "bundles"] {
        let path = out.join(name);
        if path.exists() {
            fs::remove_dir_all(&path).map_err(|error| format!("cannot remove {}: {error}", path.display()))?;
        }
    }
    Ok(())
}

/// Hour `hour` of a day of 2013 in UTC; month 13 is the January after.
pub(crate) fn moment(month: u8, day_of_month: u8, hour: u64) -> Timestamp {
    let (year, month) = if month > 12 { (2014, month - 12) } else { (2013, month) };
    day(year, month, day_of_month).saturating_add(Duration::from_secs(hour * 3600))
}

fn day(year: u16, month: u8, day: u8) -> Timestamp {
    format!("{year}-{month:02}-{day:02}T00:00:00Z").parse().expect("a date of the story")
}

/// The keys are fixed because nobody is to be kept out of an example; real ones come from a vault or a token.
fn people() -> Outcome<(Arc<KeyRing>, [Person; 3])> {
    let mut ring = KeyRing::default();
    let mut person = |name: &str, seed: u8| -> Outcome<Person> {
        let key = Ed25519Key::from_seed(&[seed; 32]);
        let actor = Actor::new(name)?;
        ring.add(key.public(), actor.clone())?;
        Ok(Person { actor, key: Arc::new(key) })
    };
    let three = [person("ana@example.org", 1)?, person("bo@example.org", 2)?, person("robot/pipeline", 3)?];
    Ok((Arc::new(ring), three))
}
