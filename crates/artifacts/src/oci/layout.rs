use std::{
    collections::BTreeSet,
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use futures::{StreamExt, stream};
use lineal_core::Digest;
use serde_json::{Map, Value, json};

use super::{
    OciFlaw, TAG_KEY,
    image::{
        Descriptor, INDEX_MEDIA_TYPE, LAYOUT_VERSION, LayoutFile, ReadIndex, ReadManifest, SCHEMA_VERSION, parse_digest,
    },
};
use crate::{
    Error, FileEntry,
    blocking::blocking,
    export::{holds, write_pieces},
};

/// A directory that holds an OCI image layout, or is to hold one.
///
/// Nothing is read through symbolic links, no document above 4 MiB, and blob paths are made of checked digests only.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    root: PathBuf,
}

impl Layout {
    /// Opens a layout to read.
    pub(super) async fn open(root: &Path) -> Result<Self, Error> {
        let layout = Self { root: root.to_owned() };
        let path = root.join(LAYOUT_FILE);
        let bytes = read_document(&path).await?;
        LayoutFile::check(&bytes).map_err(Error::oci(path))?;
        let directories = [root.join("blobs"), layout.blobs()];
        blocking(move || directories.iter().try_for_each(|path| check_directory(path))).await?;
        Ok(layout)
    }

    /// Opens a layout to add to, or starts one; what lies there and is not a layout is left as it is.
    pub(super) async fn open_or_start(root: &Path) -> Result<Self, Error> {
        let layout = Self { root: root.to_owned() };
        // Before anything is made: an index.json that is none of ours must not be mistaken for one.
        layout.raw_index().await?;
        let (root, blobs) = (root.to_owned(), layout.blobs());
        let make = move || {
            fs::create_dir_all(&root).map_err(Error::local("make", &root))?;
            let has_file = look_at(&root.join(LAYOUT_FILE))?.is_some();
            for path in [root.join("blobs"), blobs] {
                match fs::create_dir(&path) {
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => check_directory(&path)?,
                    made => made.map_err(Error::local("make", path))?,
                }
            }
            Ok(has_file)
        };
        if blocking(make).await? { Self::open(&layout.root).await } else { Ok(layout) }
    }

    pub(super) fn index_path(&self) -> PathBuf {
        self.root.join(INDEX_FILE)
    }

    pub(super) fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.blobs().join(digest.to_string())
    }

    fn blobs(&self) -> PathBuf {
        self.root.join("blobs").join("sha256")
    }

    /// Reads the entries of `index.json`.
    pub(super) async fn entries(&self) -> Result<Vec<Descriptor>, Error> {
        let path = self.index_path();
        let bytes = read_document(&path).await?;
        let index = ReadIndex::decode(&bytes, INDEX_MEDIA_TYPE).map_err(Error::oci(path))?;
        Ok(index.manifests.unwrap_or_default())
    }

    /// Finds what `reference` names: a tag or `sha256:…`; without one, the only manifest or the only one with a tag.
    pub(super) async fn resolve(&self, reference: Option<&str>) -> Result<Descriptor, Error> {
        let entries = self.entries().await?;
        let at_index = |flaw| Error::oci(self.index_path())(flaw);
        let found = match reference {
            Some(text) if text.starts_with("sha256:") || text.starts_with("sha512:") => {
                let digest = parse_digest(text).map_err(at_index)?;
                return self.find(&digest, entries).await;
            }
            Some(tag) => {
                only(entries.into_iter().filter(|entry| entry.annotation(TAG_KEY) == Some(tag)).collect(), tag)
            }
            None => match only(entries.clone(), "") {
                Err(OciFlaw::Ambiguous(count)) => {
                    let tagged = entries.into_iter().filter(|entry| entry.annotation(TAG_KEY).is_some()).collect();
                    only(tagged, "").map_err(|_| OciFlaw::Ambiguous(count))
                }
                found => found,
            },
        };
        found.map_err(at_index)
    }

    /// Finds the entry of `digest` in the index or in the indexes that it names, however they lie within each other.
    async fn find(&self, digest: &Digest, entries: Vec<Descriptor>) -> Result<Descriptor, Error> {
        let (mut level, mut seen) = (entries, BTreeSet::new());
        while !level.is_empty() {
            if let Some(found) = level.iter().find(|entry| entry.digest().is_ok_and(|other| other == *digest)) {
                return Ok(found.clone());
            }
            let mut below = Vec::new();
            for entry in level.iter().filter(|entry| entry.is_index()) {
                let Ok(nested) = entry.digest() else { continue };
                if !seen.insert(nested) {
                    continue;
                }
                if seen.len() > MAX_INDEXES {
                    return Err(Error::oci(self.index_path())(OciFlaw::TooDeep(MAX_INDEXES)));
                }
                match self.index(entry).await {
                    Ok(index) => below.extend(index.manifests.unwrap_or_default()),
                    // A layout may leave out blobs that it names.
                    Err(Error::Oci { source, .. }) if matches!(*source, OciFlaw::Missing) => {}
                    Err(error) => return Err(error),
                }
            }
            level = below;
        }
        Err(Error::oci(self.index_path())(OciFlaw::NoSuchReference(format!("sha256:{digest}"))))
    }

    /// Reads and checks the image manifest that `descriptor` names, and nothing else that it may name.
    pub(super) async fn manifest(&self, descriptor: &Descriptor) -> Result<(PathBuf, ReadManifest), Error> {
        if descriptor.is_index() {
            let digest = descriptor.digest().map_err(Error::oci(self.index_path()))?;
            let listed = self.index(descriptor).await?.manifests.unwrap_or_default();
            let names = listed.into_iter().map(|entry| super::image::excerpt(&entry.digest)).collect();
            return Err(Error::oci(self.blob_path(&digest))(OciFlaw::Index(names)));
        }
        if !descriptor.is_manifest() {
            let found = OciFlaw::MediaType(super::image::excerpt(&descriptor.media_type));
            return Err(Error::oci(self.index_path())(found));
        }
        let (path, bytes) = self.document(descriptor).await?;
        let manifest = ReadManifest::decode(&bytes, &descriptor.media_type).map_err(Error::oci(&path))?;
        Ok((path, manifest))
    }

    async fn index(&self, descriptor: &Descriptor) -> Result<ReadIndex, Error> {
        let (path, bytes) = self.document(descriptor).await?;
        ReadIndex::decode(&bytes, &descriptor.media_type).map_err(Error::oci(path))
    }

    /// Reads a blob that is a document, and checks its size and hash.
    async fn document(&self, descriptor: &Descriptor) -> Result<(PathBuf, Vec<u8>), Error> {
        let digest = descriptor.digest().map_err(Error::oci(self.index_path()))?;
        let path = self.check_blob(&digest, descriptor.size).await?;
        let bytes = read_document(&path).await?;
        let hashed = blocking(move || Ok((Digest::of(&bytes), bytes))).await?;
        match hashed {
            (found, _) if found != digest => Err(Error::oci(path)(OciFlaw::Digest { found })),
            (_, bytes) => Ok((path, bytes)),
        }
    }

    /// Checks that a blob is a plain file of the stated size, and returns its path.
    pub(super) async fn check_blob(&self, digest: &Digest, stated: u64) -> Result<PathBuf, Error> {
        let path = self.blob_path(digest);
        let found = plain_file(&path).await?;
        if found == stated { Ok(path) } else { Err(Error::oci(path)(OciFlaw::Size { stated, found })) }
    }

    /// Tells whether a blob lies there already, whole; other bytes under its name are an error.
    pub(super) async fn holds(&self, digest: &Digest, size_bytes: u64) -> Result<bool, Error> {
        let file = FileEntry { digest: *digest, media_type: String::new(), size_bytes };
        holds(&self.blob_path(digest), &file).await
    }

    /// Writes a blob under a temporary name in the root, where other tools do not look for blobs, and renames it.
    pub(super) async fn write_blob(
        &self,
        digest: &Digest,
        pieces: stream::BoxStream<'static, Result<Bytes, Error>>,
    ) -> Result<(), Error> {
        write_pieces(pieces, &self.root.join(digest.to_string()), &self.blob_path(digest)).await
    }

    /// Writes `oci-layout` if it is not there, and then `index.json`, whose other entries and fields stay as they are.
    pub(super) async fn publish(&self, entries: &[Descriptor]) -> Result<(), Error> {
        let path = self.root.join(LAYOUT_FILE);
        let seek = path.clone();
        if blocking(move || look_at(&seek)).await?.is_none() {
            let file = LayoutFile { image_layout_version: LAYOUT_VERSION.to_owned() };
            self.write_document(&path, &file).await?;
        }
        let before = self.raw_index().await?;
        let mut index = before.clone().unwrap_or_else(new_index);
        for entry in entries {
            merge(&mut index, entry);
        }
        if before.as_ref() != Some(&index) {
            self.write_document(&self.index_path(), &index).await?;
        }
        Ok(())
    }

    /// Reads `index.json` with everything in it, known or not, if there is one.
    async fn raw_index(&self) -> Result<Option<Map<String, Value>>, Error> {
        let path = self.index_path();
        let seek = path.clone();
        if blocking(move || look_at(&seek)).await?.is_none() {
            return Ok(None);
        }
        let bytes = read_document(&path).await?;
        ReadIndex::decode(&bytes, INDEX_MEDIA_TYPE).map_err(Error::oci(&path))?;
        serde_json::from_slice(&bytes).map(Some).map_err(OciFlaw::Json).map_err(Error::oci(path))
    }

    async fn write_document(&self, path: &Path, document: &(impl serde::Serialize + Sync)) -> Result<(), Error> {
        let bytes = serde_json::to_vec(document).map_err(OciFlaw::Json).map_err(Error::oci(path))?;
        check_document_size(bytes.len() as u64).map_err(Error::oci(path))?;
        write_pieces(stream::iter([Ok(bytes.into())]).boxed(), path, path).await
    }
}

/// Returns the one manifest that `entries` name, however often they do.
fn only(entries: Vec<Descriptor>, reference: &str) -> Result<Descriptor, OciFlaw> {
    let count = entries.iter().map(|entry| &entry.digest).collect::<BTreeSet<_>>().len();
    match entries.into_iter().next() {
        Some(entry) if count == 1 => Ok(entry),
        Some(_) => Err(OciFlaw::Ambiguous(count)),
        None => Err(OciFlaw::NoSuchReference(super::image::excerpt(reference))),
    }
}

fn new_index() -> Map<String, Value> {
    let fields = [
        ("schemaVersion", json!(SCHEMA_VERSION)),
        ("mediaType", json!(INDEX_MEDIA_TYPE)),
        ("manifests", Value::Array(Vec::new())),
    ];
    fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// Adds an entry to an index unless it is there. A tag that another manifest had moves here, as with other tools.
fn merge(index: &mut Map<String, Value>, entry: &Descriptor) {
    let manifests = index.entry("manifests").or_insert_with(|| json!([]));
    if manifests.is_null() {
        *manifests = json!([]);
    }
    let Some(manifests) = manifests.as_array_mut() else { return };
    let tag = entry.annotation(TAG_KEY);
    let is_ours = |other: &Value| other.get("digest").and_then(Value::as_str) == Some(&entry.digest);
    if let Some(tag) = tag {
        for other in manifests.iter_mut().filter(|other| !is_ours(other) && tag_of(other) == Some(tag)) {
            if let Some(annotations) = other.get_mut("annotations").and_then(Value::as_object_mut) {
                annotations.remove(TAG_KEY);
            }
        }
    }
    if manifests.iter().any(|other| is_ours(other) && (tag.is_none() || tag_of(other) == tag)) {
        return;
    }
    let untagged = manifests.iter_mut().find(|other| is_ours(other) && tag_of(other).is_none());
    match (untagged.and_then(Value::as_object_mut), tag) {
        (Some(ours), Some(tag)) => match ours.get_mut("annotations").and_then(Value::as_object_mut) {
            Some(annotations) => drop(annotations.insert(TAG_KEY.to_owned(), json!(tag))),
            None => drop(ours.insert("annotations".to_owned(), json!({ TAG_KEY: tag }))),
        },
        _ => manifests.extend(serde_json::to_value(entry)),
    }
}

fn tag_of(entry: &Value) -> Option<&str> {
    entry.get("annotations")?.get(TAG_KEY)?.as_str()
}

/// Reads a whole document, of at most 4 MiB.
async fn read_document(path: &Path) -> Result<Vec<u8>, Error> {
    check_document_size(plain_file(path).await?).map_err(Error::oci(path))?;
    let path = path.to_owned();
    let read = move || {
        let mut bytes = Vec::new();
        let file = fs::File::open(&path).map_err(Error::local("read", &path))?;
        file.take(MAX_DOCUMENT_BYTES + 1).read_to_end(&mut bytes).map_err(Error::local("read", &path))?;
        check_document_size(bytes.len() as u64).map_err(Error::oci(path))?;
        Ok(bytes)
    };
    blocking(read).await
}

pub(super) fn check_document_size(size_bytes: u64) -> Result<(), OciFlaw> {
    if size_bytes > MAX_DOCUMENT_BYTES {
        return Err(OciFlaw::TooLarge { size_bytes, limit_bytes: MAX_DOCUMENT_BYTES });
    }
    Ok(())
}

/// Returns the size of a plain file.
async fn plain_file(path: &Path) -> Result<u64, Error> {
    let path = path.to_owned();
    let look = move || match look_at(&path)? {
        None => Err(Error::oci(path)(OciFlaw::Missing)),
        Some(found) if found.is_file() => Ok(found.len()),
        Some(_) => Err(Error::oci(path)(OciFlaw::NotA("regular file"))),
    };
    blocking(look).await
}

fn check_directory(path: &Path) -> Result<(), Error> {
    match look_at(path)? {
        None => Err(Error::oci(path)(OciFlaw::Missing)),
        Some(found) if found.is_dir() => Ok(()),
        Some(_) => Err(Error::oci(path)(OciFlaw::NotA("directory"))),
    }
}

/// Looks at what lies at `path`, without following it anywhere.
fn look_at(path: &Path) -> Result<Option<fs::Metadata>, Error> {
    match fs::symlink_metadata(path) {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::local("look at", path)(error)),
    }
}

const LAYOUT_FILE: &str = "oci-layout";
const INDEX_FILE: &str = "index.json";
/// Largest index or manifest that is read or written; the distribution specification lets registries stop there.
const MAX_DOCUMENT_BYTES: u64 = 4 * 1024 * 1024;
/// Indexes within the index that one search reads.
const MAX_INDEXES: usize = 16;
