use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use super::CondemnedLists;
use crate::{
    Actor, Digest, Head, Journal, Name, Stamp, State, TransactError, Txn,
    store::{Error, Store},
};

/// A journal that names blobs of a store: where it is and what it holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enrolment {
    /// What the journal holds: which [`Roots`](super::Roots) understands it.
    pub kind: Name,
    /// Its prefix within the object store.
    pub prefix: String,
}

/// Something that happened to a blob store as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum CollectionEvent {
    /// A journal will name blobs from now on.
    Enrolled {
        /// Which.
        journal: Enrolment,
    },
    /// A collection opened the next epoch with a set of blobs that nothing referenced when it looked.
    Condemned {
        /// How many.
        count: u64,
        /// SHA-256 of the object that lists them.
        list: Digest,
    },
    /// The collection of the open epoch is done: what was not rescued is deleted.
    Swept {
        /// Blobs deleted.
        deleted: u64,
        /// Blobs that a journal named in the meantime.
        rescued: u64,
    },
}

/// The state of a blob store's own journal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Collection {
    /// Lists of condemned blobs, one for each epoch from 1 on.
    condemned: Vec<Digest>,
    /// Kinds of the journals that name blobs, by prefix.
    enrolled: BTreeMap<String, Name>,
    /// Epochs that are done.
    swept: u64,
}

impl Collection {
    /// Returns the present epoch: how many collections were opened.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.condemned.len() as u64
    }

    /// Returns the epoch that a collection opened and has not swept yet.
    #[must_use]
    pub fn open_epoch(&self) -> Option<u64> {
        (self.swept < self.epoch()).then(|| self.epoch())
    }

    /// Returns the digest of the list of what was condemned in `epoch`, if there was such an epoch.
    #[must_use]
    pub fn condemned_list(&self, epoch: u64) -> Option<Digest> {
        let index = usize::try_from(epoch.checked_sub(1)?).ok()?;
        self.condemned.get(index).copied()
    }

    /// Decides what makes `journal` known: nothing if it is already.
    #[must_use]
    pub fn enrol(&self, journal: &Enrolment) -> Vec<CollectionEvent> {
        let known = self.enrolled.get(&journal.prefix) == Some(&journal.kind);
        if known { Vec::new() } else { vec![CollectionEvent::Enrolled { journal: journal.clone() }] }
    }

    /// Says what a collection that starts at `head`, of which this is the state, has to mark.
    ///
    /// # Errors
    /// [`Error::Collection`] if the last one is not swept yet: finish it first.
    pub fn mark(&self, head: Option<Head>) -> Result<Mark, Error> {
        match self.open_epoch() {
            Some(epoch) => Err(Error::Collection { reason: format!("epoch {epoch} is not swept yet") }),
            None => Ok(Mark { epoch: self.epoch(), journals: self.enrolled().collect(), head }),
        }
    }

    /// Decides on opening the epoch after `mark` with `count` condemned digests, listed in `list`.
    ///
    /// # Errors
    /// The reason, if a journal was enrolled or another collection began since.
    pub fn condemn(&self, mark: &Mark, count: u64, list: Digest) -> Result<Vec<CollectionEvent>, String> {
        if self.epoch() != mark.epoch {
            return Err("another collection began".to_owned());
        }
        if let Some(new) = self.enrolled().find(|journal| !mark.journals.contains(journal)) {
            return Err(format!("journal {} was enrolled since", new.prefix));
        }
        Ok(vec![CollectionEvent::Condemned { count, list }])
    }

    /// Decides on ending `epoch`: nothing if that was recorded already.
    ///
    /// # Errors
    /// The reason, if it is not the open one.
    pub fn sweep(&self, epoch: u64, deleted: u64, rescued: u64) -> Result<Vec<CollectionEvent>, String> {
        match self.open_epoch() {
            Some(open) if open == epoch => Ok(vec![CollectionEvent::Swept { deleted, rescued }]),
            _ if self.swept >= epoch => Ok(Vec::new()),
            _ => Err(format!("epoch {epoch} is not open")),
        }
    }

    /// Returns the journals that name blobs, by prefix.
    pub fn enrolled(&self) -> impl Iterator<Item = Enrolment> + '_ {
        self.enrolled.iter().map(|(prefix, kind)| Enrolment { kind: kind.clone(), prefix: prefix.clone() })
    }
}

impl State for Collection {
    type Event = CollectionEvent;
    const KIND: &'static str = "lineal.collection";

    fn apply(&mut self, event: &CollectionEvent, _: &Stamp) {
        match event {
            CollectionEvent::Enrolled { journal } => {
                self.enrolled.insert(journal.prefix.clone(), journal.kind.clone());
            }
            CollectionEvent::Condemned { list, .. } => self.condemned.push(*list),
            CollectionEvent::Swept { .. } => self.swept = self.epoch(),
        }
    }
}

/// What a collector saw when it began to mark: what it may condemn later rests on it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mark {
    /// The epoch before the collection.
    pub epoch: u64,
    /// The journals that name blobs; each must be marked.
    pub journals: Vec<Enrolment>,
    /// Head of the store's own journal.
    pub head: Option<Head>,
}

/// A blob store's own journal, with the condemned sets it names.
///
/// Enough for engines that keep nothing else in a journal; others embed [`Collection`] in a state of their own. It knows
/// nothing of how blobs are stored. The order of a collection is: [`mark`] → read the roots
/// of every journal → [`condemn`] → a barrier in every journal → rescue what entries up to the barrier name → delete →
/// [`swept`]. A collector that died in between is continued by the next one from the open epoch.
///
/// [`mark`]: CollectionJournal::mark
/// [`condemn`]: CollectionJournal::condemn
/// [`swept`]: CollectionJournal::swept
#[derive(Debug)]
pub struct CollectionJournal {
    journal: Journal<Collection>,
    lists: CondemnedLists,
}

impl CollectionJournal {
    /// Opens the journal below `prefix` of `store`. Never writes.
    ///
    /// # Errors
    /// As opening any journal.
    pub async fn open(store: &Store, prefix: &str) -> Result<Self, Error> {
        let journal = Journal::builder(store, prefix).open().await?;
        Ok(Self { lists: CondemnedLists::new(store, prefix), journal })
    }

    /// Returns the state, brought up to date.
    ///
    /// # Errors
    /// As reading any journal.
    pub async fn state(&self) -> Result<Collection, Error> {
        self.journal.read(Clone::clone).await
    }

    /// Returns the state as last seen, without a request.
    #[must_use]
    pub fn peek(&self) -> Collection {
        self.journal.peek(Clone::clone)
    }

    /// Makes `journal` known and returns the present epoch.
    ///
    /// # Errors
    /// As [`Journal::transact`].
    pub async fn enrol(&self, journal: &Enrolment) -> Result<u64, Error> {
        let mut epoch = 0;
        self.transact(|state| {
            epoch = state.epoch();
            Ok(state.enrol(journal))
        })
        .await?;
        Ok(epoch)
    }

    /// Returns what a collection that starts now has to mark.
    ///
    /// # Errors
    /// [`Error::Collection`] if the last one is not swept yet: finish it first.
    pub async fn mark(&self) -> Result<Mark, Error> {
        let snapshot = self.journal.snapshot().await?;
        snapshot.state.mark(snapshot.head)
    }

    /// Opens the next epoch with the blobs that the collector of `mark` found unreferenced; returns its number.
    ///
    /// # Errors
    /// [`Error::Collection`] if a journal was enrolled or another collection began since `mark`.
    pub async fn condemn(&self, mark: &Mark, blobs: Vec<Digest>) -> Result<u64, Error> {
        let epoch = mark.epoch + 1;
        let (count, list) = self.lists.write(epoch, blobs).await?;
        self.transact(|state| state.condemn(mark, count, list)).await?;
        Ok(epoch)
    }

    /// Records that the open epoch is done.
    ///
    /// # Errors
    /// [`Error::Collection`] if `epoch` is not the open one.
    pub async fn swept(&self, epoch: u64, deleted: u64, rescued: u64) -> Result<(), Error> {
        self.transact(|state| state.sweep(epoch, deleted, rescued)).await
    }

    /// Returns the blobs condemned in `epoch`, sorted; read once and kept.
    ///
    /// # Errors
    /// [`Error::BlobMissing`] or [`Error::BlobCorrupt`] if the list is not what the journal says.
    pub async fn list(&self, epoch: u64) -> Result<Arc<[Digest]>, Error> {
        let find = |state: &Collection| state.condemned_list(epoch);
        let digest = match self.journal.peek(find) {
            Some(digest) => digest,
            None => self
                .journal
                .read(find)
                .await?
                .ok_or_else(|| Error::Collection { reason: format!("there is no epoch {epoch}") })?,
        };
        self.lists.read(epoch, digest).await
    }

    /// Returns which of `digests` were condemned in an epoch after `since` and up to `upto`.
    ///
    /// # Errors
    /// As [`CollectionJournal::list`].
    pub async fn condemned(&self, since: u64, upto: u64, digests: &[Digest]) -> Result<Vec<Digest>, Error> {
        let mut found = Vec::new();
        for epoch in since.saturating_add(1)..=upto {
            let list = self.list(epoch).await?;
            found.extend(digests.iter().filter(|digest| list.binary_search(digest).is_ok()));
        }
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    async fn transact(
        &self,
        mut decide: impl FnMut(&Collection) -> Result<Vec<CollectionEvent>, String> + Send,
    ) -> Result<(), Error> {
        let actor = Actor::new("lineal/collection").expect("a valid name");
        match self.journal.transact(&Txn::by(actor), &mut decide).await {
            Ok(_) => Ok(()),
            Err(TransactError::Refused(reason)) => Err(Error::Collection { reason }),
            Err(TransactError::Journal(error)) => Err(error),
        }
    }
}
