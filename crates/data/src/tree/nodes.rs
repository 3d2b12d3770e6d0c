use std::{
    collections::{BTreeMap, HashMap},
    mem,
    sync::{Arc, Mutex, PoisonError},
};

use lineal_core::{BlobStore, Digest, on_cpu};

use super::node::{Link, MAX_BYTES, Node};
use crate::{
    Error,
    bounded::{read_bounded, read_one_bounded},
    error::FormatFlaw,
};

/// Reads nodes, and keeps those that were used last: trees share most of theirs.
#[derive(Debug)]
pub(crate) struct Nodes {
    blobs: Arc<dyn BlobStore>,
    kept: Mutex<Kept>,
    /// What is read in place of nodes with bytes of purged files.
    substitutes: Mutex<BTreeMap<Digest, Digest>>,
}

/// Two generations: what is used goes to the young one; when that is full, it becomes the old one.
#[derive(Debug, Default)]
struct Kept {
    young: HashMap<Digest, Arc<Node>>,
    old: HashMap<Digest, Arc<Node>>,
}

impl Nodes {
    pub(crate) fn new(blobs: Arc<dyn BlobStore>) -> Self {
        Self { blobs, kept: Mutex::default(), substitutes: Mutex::default() }
    }

    /// Reads other nodes in place of some, from now on.
    pub(crate) fn substitute(&self, substitutes: &BTreeMap<Digest, Digest>) {
        let mut known = self.substitutes.lock().unwrap_or_else(PoisonError::into_inner);
        if substitutes.iter().any(|(digest, by)| known.get(digest) != Some(by)) {
            known.extend(substitutes);
            self.kept(|kept| *kept = Kept::default());
        }
    }

    pub(crate) fn has_substitutes(&self) -> bool {
        !self.substitutes.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Returns the blob that is read for a node.
    pub(super) fn blob_of(&self, digest: Digest) -> Digest {
        let substitutes = self.substitutes.lock().unwrap_or_else(PoisonError::into_inner);
        substitutes.get(&digest).copied().unwrap_or(digest)
    }

    /// Reads the node at the top of a tree, of which nothing is known.
    pub(crate) async fn root(&self, digest: Digest) -> Result<Arc<Node>, Error> {
        if let Some(node) = self.kept(|kept| kept.get(&digest)) {
            return Ok(node);
        }
        let blob = self.blob_of(digest);
        let bytes = read_one_bounded(self.blobs.as_ref(), "tree", blob, MAX_BYTES).await?;
        let node = Arc::new(Node::decode(&bytes).map_err(|flaw| malformed(digest, flaw))?);
        self.kept(|kept| kept.insert(digest, Arc::clone(&node)));
        Ok(node)
    }

    /// Reads a node that another one names.
    pub(crate) async fn below(&self, level: u8, link: &Link) -> Result<Arc<Node>, Error> {
        let nodes = self.all_below(level, std::slice::from_ref(link)).await?;
        nodes.into_iter().next().ok_or_else(|| lineal_core::Error::BlobMissing { digest: link.digest }.into())
    }

    /// Reads nodes that one of `level` names, in order; what lies side by side in the store in one request.
    pub(crate) async fn all_below(&self, level: u8, links: &[Link]) -> Result<Vec<Arc<Node>>, Error> {
        let mut found: Vec<Option<Arc<Node>>> =
            links.iter().map(|link| self.kept(|kept| kept.get(&link.digest))).collect();
        let missing: Vec<Digest> =
            links.iter().zip(&found).filter(|(_, found)| found.is_none()).map(|(link, _)| link.digest).collect();
        let mut read = self.read(&missing).await?.into_iter();
        for (link, found) in links.iter().zip(&mut found) {
            if found.is_none()
                && let Some(node) = read.next()
            {
                self.kept(|kept| kept.insert(link.digest, Arc::clone(&node)));
                *found = Some(node);
            }
        }
        let checked = links.iter().zip(found).map(|(link, node)| {
            let node = node.ok_or(lineal_core::Error::BlobMissing { digest: link.digest })?;
            if node.level().checked_add(1) == Some(level) && node.link(link.digest).as_ref() == Some(link) {
                return Ok(node);
            }
            let what = "it is not what the node above says of it".to_owned();
            Err(malformed(link.digest, FormatFlaw::Content(what)))
        });
        checked.collect()
    }

    async fn read(&self, digests: &[Digest]) -> Result<Vec<Arc<Node>>, Error> {
        use rayon::prelude::*;

        if digests.is_empty() {
            return Ok(Vec::new());
        }
        let blobs: Vec<(Digest, u64)> = digests.iter().map(|digest| (self.blob_of(*digest), MAX_BYTES)).collect();
        let bytes = read_bounded(self.blobs.as_ref(), "tree", &blobs).await?;
        let named: Vec<_> = digests.iter().copied().zip(bytes).collect();
        let decode = move || {
            let decode = |(digest, bytes): (Digest, bytes::Bytes)| {
                Node::decode(&bytes).map(Arc::new).map_err(|flaw| malformed(digest, flaw))
            };
            named.into_par_iter().map(decode).collect::<Result<Vec<_>, Error>>()
        };
        on_cpu(decode).await?
    }

    fn kept<T>(&self, with: impl FnOnce(&mut Kept) -> T) -> T {
        with(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Kept {
    fn get(&mut self, digest: &Digest) -> Option<Arc<Node>> {
        if let Some(node) = self.young.get(digest) {
            return Some(Arc::clone(node));
        }
        let node = self.old.remove(digest)?;
        self.insert(*digest, Arc::clone(&node));
        Some(node)
    }

    fn insert(&mut self, digest: Digest, node: Arc<Node>) {
        if self.young.len() >= GENERATION {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(digest, node);
    }
}

pub(super) fn malformed(digest: Digest, flaw: FormatFlaw) -> Error {
    Error::Format { what: "tree", digest, source: Box::new(flaw) }
}

/// Nodes of a generation: of about 60 KiB each, with what their fields take in memory about 20 MB.
const GENERATION: usize = 128;
