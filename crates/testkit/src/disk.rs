use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use object_store::path::Path;
use object_store::{Attributes, Error, ObjectMeta, Result};

use crate::dice::Dice;
use crate::lock;

/// A disk in memory that knows what would survive a power loss.
///
/// Itself an honest and quiet [`ObjectStore`](object_store::ObjectStore): atomic create-if-absent, no `Update` (as on local
/// files), lists in order. Clones share the disk; [`SimDisk::fork`] copies it. "Last modified" is a counter of writes.
///
/// ```
/// use lineal_testkit::{Dice, Durability, SimDisk};
/// use object_store::{ObjectStoreExt, path::Path};
/// # futures::executor::block_on(async {
/// let disk = SimDisk::new().with_durability(Durability::UntilSync);
/// disk.put(&Path::from("a"), "kept".into()).await?;
/// disk.sync();
/// disk.delete(&Path::from("a")).await?;
/// disk.put(&Path::from("b"), "at risk".into()).await?;
/// disk.lose_power(&mut Dice::new(1));
/// # Ok::<(), object_store::Error>(()) }).unwrap();
/// ```
#[derive(Clone, Debug, Default)]
pub struct SimDisk {
    inner: Arc<Mutex<Inner>>,
}

/// When a change survives a power loss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Durability {
    /// Every change, once it happened: an object store, or local files with fsync.
    #[default]
    AtOnce,
    /// Writes once they happened, deletes only at [`SimDisk::sync`]: what the local store with fsync really does.
    DeletesUntilSync,
    /// Nothing before [`SimDisk::sync`]: local files without fsync.
    UntilSync,
}

#[derive(Clone, Debug, Default)]
struct Inner {
    objects: BTreeMap<Path, Object>,
    /// What the disk holds for sure of each object that changed since the last sync.
    unsynced: BTreeMap<Path, Option<Object>>,
    durability: Durability,
    writes: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct Object {
    pub(crate) bytes: Bytes,
    pub(crate) attributes: Attributes,
    pub(crate) write: u64,
}

impl SimDisk {
    /// Creates an empty disk on which every change is durable at once.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets when a change becomes durable.
    #[must_use]
    pub fn with_durability(self, durability: Durability) -> Self {
        self.inner().durability = durability;
        self
    }

    /// Makes every change so far durable.
    pub fn sync(&self) {
        self.inner().unsynced.clear();
    }

    /// Loses power: each change that is not durable is kept, undone, or torn (cut short or zero-filled), at random.
    pub fn lose_power(&self, dice: &mut Dice) {
        let mut inner = self.inner();
        for (path, before) in std::mem::take(&mut inner.unsynced) {
            match dice.below(4) {
                0 => {}
                1 | 2 => inner.restore(path, before),
                _ => inner.tear(&path, dice),
            }
        }
    }

    /// Copies the disk; what was not durable here is not durable there.
    #[must_use]
    pub fn fork(&self) -> Self {
        let inner = self.inner().clone();
        Self { inner: Arc::new(Mutex::new(inner)) }
    }

    /// Returns the names of all objects, in order.
    #[must_use]
    pub fn paths(&self) -> Vec<Path> {
        self.inner().objects.keys().cloned().collect()
    }

    /// Returns the bytes of an object.
    #[must_use]
    pub fn read(&self, location: &Path) -> Option<Bytes> {
        self.inner().objects.get(location).map(|object| object.bytes.clone())
    }

    /// Changes the bytes of an object behind the store's back, as damage or an attacker does; false if there is none.
    pub fn tamper(&self, location: &Path, change: impl FnOnce(&mut Vec<u8>)) -> bool {
        let mut inner = self.inner();
        let Some(object) = inner.objects.get_mut(location) else {
            return false;
        };
        let mut bytes = object.bytes.to_vec();
        change(&mut bytes);
        object.bytes = bytes.into();
        true
    }

    /// Removes an object behind the store's back; false if there is none.
    #[expect(clippy::must_use_candidate, reason = "called for its effect")]
    pub fn remove(&self, location: &Path) -> bool {
        self.inner().objects.remove(location).is_some()
    }

    /// Writes an object and returns the number of this write. `create`: only if there is none.
    pub(crate) fn write(&self, location: &Path, bytes: Bytes, attributes: Attributes, create: bool) -> Result<u64> {
        self.inner().write(location, bytes, attributes, create)
    }

    pub(crate) fn object(&self, location: &Path) -> Result<Object> {
        self.inner().objects.get(location).cloned().ok_or_else(|| absent(location))
    }

    pub(crate) fn delete_object(&self, location: &Path) {
        let mut inner = self.inner();
        let before = inner.objects.remove(location);
        if before.is_some() && inner.durability != Durability::AtOnce {
            inner.unsynced.entry(location.clone()).or_insert(before);
        }
    }

    /// Copies an object, or moves it, as one atomic change.
    pub(crate) fn duplicate(&self, from: &Path, to: &Path, create: bool, moved: bool) -> Result<()> {
        let mut inner = self.inner();
        let object = inner.objects.get(from).cloned().ok_or_else(|| absent(from))?;
        inner.write(to, object.bytes, object.attributes, create)?;
        drop(inner);
        if moved && from != to {
            self.delete_object(from);
        }
        Ok(())
    }

    /// Lists the objects below a prefix (not the one of that very name), in order.
    pub(crate) fn below(&self, prefix: Option<&Path>) -> Vec<ObjectMeta> {
        let root = Path::default();
        let prefix = prefix.unwrap_or(&root);
        let inner = self.inner();
        let from = inner.objects.range(prefix.clone()..);
        let near = from.take_while(|(path, _)| path.as_ref().starts_with(prefix.as_ref()));
        let under = near.filter(|(path, _)| path.prefix_match(prefix).is_some_and(|mut rest| rest.next().is_some()));
        under.map(|(path, object)| object.meta(path)).collect()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        lock(&self.inner)
    }
}

impl Inner {
    fn write(&mut self, location: &Path, bytes: Bytes, attributes: Attributes, create: bool) -> Result<u64> {
        if create && self.objects.contains_key(location) {
            let path = location.to_string();
            return Err(Error::AlreadyExists { path, source: "the object exists".into() });
        }
        self.writes += 1;
        let write = self.writes;
        let before = self.objects.insert(location.clone(), Object { bytes, attributes, write });
        if self.durability == Durability::UntilSync {
            self.unsynced.entry(location.clone()).or_insert(before);
        } else {
            self.unsynced.remove(location);
        }
        Ok(write)
    }

    fn restore(&mut self, path: Path, before: Option<Object>) {
        match before {
            Some(object) => drop(self.objects.insert(path, object)),
            None => drop(self.objects.remove(&path)),
        }
    }

    fn tear(&mut self, path: &Path, dice: &mut Dice) {
        let Some(object) = self.objects.get_mut(path) else {
            return;
        };
        let mut bytes = object.bytes.to_vec();
        let intact = dice.index(bytes.len());
        if dice.chance(0.5) {
            bytes.truncate(intact);
        } else {
            bytes.iter_mut().skip(intact).for_each(|byte| *byte = 0);
        }
        object.bytes = bytes.into();
    }
}

impl Object {
    pub(crate) fn meta(&self, location: &Path) -> ObjectMeta {
        ObjectMeta {
            location: location.clone(),
            last_modified: (UNIX_EPOCH + Duration::from_secs(self.write)).into(),
            size: self.bytes.len() as u64,
            e_tag: Some(e_tag(self.write)),
            version: None,
        }
    }
}

pub(crate) fn e_tag(write: u64) -> String {
    format!("\"{write}\"")
}

fn absent(location: &Path) -> Error {
    Error::NotFound { path: location.to_string(), source: "no such object".into() }
}
