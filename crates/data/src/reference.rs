use std::{collections::BTreeMap, fmt, ops::Range, sync::Arc};

use bytes::{Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt, stream, stream::BoxStream};
use lineal_core::{
    Digest, FilePath, Hasher,
    object_store::{self, GetOptions, GetRange, GetResult, ObjectStore, ObjectStoreExt, path::Path},
};

use crate::{Error, FileEntry, file_entry::INLINE_BYTES};

/// Where the bytes of a file are that a version names but does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reference {
    /// The address of the object, below that of a source given to
    /// [`Repository::with_source`](crate::Repository::with_source).
    pub url: String,
    /// The entity tag that the object had when its bytes were hashed.
    pub e_tag: String,
}

impl Reference {
    /// Makes a reference of what a stored version says.
    pub(crate) fn new(url: &str, e_tag: &str) -> Result<Self, &'static str> {
        check_url(url)?;
        check_e_tag(e_tag)?;
        Ok(Self { url: url.to_owned(), e_tag: e_tag.to_owned() })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with entity tag {}", self.url, self.e_tag)
    }
}

/// The object stores in which files are read in place, by the addresses that they stand for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sources(Arc<BTreeMap<String, Arc<dyn ObjectStore>>>);

/// A file to be read in place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InPlace<'a> {
    pub(crate) path: &'a FilePath,
    pub(crate) reference: &'a Reference,
    pub(crate) digest: Digest,
    pub(crate) size_bytes: u64,
}

/// What an object was found to be.
pub(crate) enum Hashed {
    /// So few bytes that a version holds them itself.
    Small(Bytes),
    Large(Reference, Digest, u64),
}

impl Sources {
    pub(crate) fn with(self, url: &str, objects: Arc<dyn ObjectStore>) -> Result<Self, Error> {
        let url = format!("{}/", url.trim_end_matches('/'));
        check_url(&url).map_err(|rule| refused("source", &url, rule))?;
        let mut sources = Arc::unwrap_or_clone(self.0);
        sources.insert(url, objects);
        Ok(Self(Arc::new(sources)))
    }

    /// Finds the store in which an address lies, of several the one with the longest address, and its path there.
    fn find(&self, path: &FilePath, url: &str) -> Result<(&dyn ObjectStore, Path), Error> {
        let (source, objects) = self
            .0
            .iter()
            .rev()
            .find(|(source, _)| url.starts_with(source.as_str()))
            .ok_or_else(|| Error::NoSource { path: path.clone(), url: url.to_owned() })?;
        let rest = url.get(source.len()..).unwrap_or_default();
        let place = Path::parse(rest).map_err(|error| failed(path, url)(error.into()))?;
        Ok((objects.as_ref(), place))
    }

    /// Reads an object once, to know what it is from now on.
    pub(crate) async fn hash(&self, path: &FilePath, url: &str) -> Result<Hashed, Error> {
        check_url(url).map_err(|rule| refused("reference", url, rule))?;
        let (objects, place) = self.find(path, url)?;
        let found = objects.get(&place).await.map_err(failed(path, url))?;
        let e_tag = found.meta.e_tag.clone().unwrap_or_default();
        let reference = Reference::new(url, &e_tag).map_err(|rule| Error::invalid("source of", url, rule))?;
        let (mut hasher, mut size_bytes, mut small) = (Hasher::new(), 0_u64, BytesMut::new());
        let mut pieces = found.into_stream();
        while let Some(piece) = pieces.try_next().await.map_err(failed(path, url))? {
            hasher.update(&piece);
            size_bytes += piece.len() as u64;
            if size_bytes <= INLINE_BYTES {
                small.extend_from_slice(&piece);
            }
        }
        // A local file, unlike an object, may change under the one who reads it.
        let after = objects.head(&place).await.map_err(failed(path, url))?;
        if after.e_tag.as_ref() != Some(&reference.e_tag) || after.size != size_bytes {
            return Err(changed(path, url));
        }
        match size_bytes <= INLINE_BYTES {
            true => Ok(Hashed::Small(small.freeze())),
            false => Ok(Hashed::Large(reference, hasher.finish(), size_bytes)),
        }
    }

    /// Reads part of a file; that it is unchanged is known from the entity tag alone.
    pub(crate) async fn read_range(&self, file: InPlace<'_>, range: Range<u64>) -> Result<Bytes, Error> {
        let InPlace { digest, size_bytes: size, .. } = file;
        let Range { start, end } = range;
        if start > end || end > size {
            return Err(lineal_core::Error::BadRange { digest, start, end, size }.into());
        }
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        let length = end - start;
        let found = self.get(file, Some(GetRange::Bounded(range))).await?;
        let bytes = found.bytes().await.map_err(failed(file.path, &file.reference.url))?;
        match bytes.len() as u64 == length {
            true => Ok(bytes),
            false => Err(changed(file.path, &file.reference.url)),
        }
    }

    /// Reads a whole file, verified.
    pub(crate) async fn read(&self, file: InPlace<'_>) -> Result<Bytes, Error> {
        let pieces: Vec<Bytes> = self.stream(file).await?.try_collect().await?;
        Ok(pieces.concat().into())
    }

    /// Streams a file; one that is not what it was ends in an error before its last piece.
    pub(crate) async fn stream(&self, file: InPlace<'_>) -> Result<BoxStream<'static, Result<Bytes, Error>>, Error> {
        let pieces = self.get(file, None).await?.into_stream();
        let (path, url, digest) = (file.path.clone(), file.reference.url.clone(), file.digest);
        let start = (pieces, Hasher::new(), None, false);
        let verified = stream::try_unfold(start, move |(mut pieces, mut hasher, held, done)| {
            let (path, url) = (path.clone(), url.clone());
            async move {
                if done {
                    return Ok(None);
                }
                let mut held: Option<Bytes> = held;
                while let Some(piece) = pieces.try_next().await.map_err(failed(&path, &url))? {
                    hasher.update(&piece);
                    if let Some(before) = held.replace(piece) {
                        return Ok(Some((before, (pieces, hasher, held, false))));
                    }
                }
                if std::mem::take(&mut hasher).finish() != digest {
                    return Err(changed(&path, &url));
                }
                Ok(held.map(|last| (last, (pieces, hasher, None, true))))
            }
        });
        Ok(verified.boxed())
    }

    /// Asks for a file as it was when it was hashed.
    async fn get(&self, file: InPlace<'_>, range: Option<GetRange>) -> Result<GetResult, Error> {
        let Reference { url, e_tag } = file.reference;
        let (objects, place) = self.find(file.path, url)?;
        let options = GetOptions { if_match: Some(e_tag.clone()), range, ..GetOptions::default() };
        let found = objects.get_opts(&place, options).await.map_err(failed(file.path, url))?;
        // Some servers ignore conditions.
        match found.meta.e_tag.as_ref() == Some(e_tag) && found.meta.size == file.size_bytes {
            true => Ok(found),
            false => Err(changed(file.path, url)),
        }
    }
}

impl<'a> InPlace<'a> {
    pub(crate) fn of(entry: &'a FileEntry, reference: &'a Reference) -> Self {
        Self { path: &entry.path, reference, digest: entry.digest, size_bytes: entry.size_bytes }
    }
}

/// Refuses an address, and shows nothing of it that may be a secret.
fn refused(what: &'static str, url: &str, rule: &'static str) -> Error {
    match url.split_once("://") {
        Some((scheme, rest)) if rest.contains(['?', '@']) => Error::invalid(what, &format!("{scheme}://…"), rule),
        _ => Error::invalid(what, url, rule),
    }
}

fn failed(path: &FilePath, url: &str) -> impl FnOnce(object_store::Error) -> Error {
    let (path, url) = (path.clone(), url.to_owned());
    move |error| match error {
        object_store::Error::Precondition { .. } => changed(&path, &url),
        error => Error::Source { path, url, source: Box::new(error) },
    }
}

fn changed(path: &FilePath, url: &str) -> Error {
    Error::SourceChanged { path: path.clone(), url: url.to_owned() }
}

/// Checks an address: it stays in the version for ever, so there is no room for credentials in it.
fn check_url(url: &str) -> Result<(), &'static str> {
    let Some((scheme, rest)) = url.split_once("://") else { return Err("must have the form scheme://place/object") };
    let authority = rest.split('/').next().unwrap_or_default();
    let is_scheme = scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    match () {
        () if scheme.is_empty() || !is_scheme || rest.is_empty() => Err("must have the form scheme://place/object"),
        () if url.len() > MOST_URL_BYTES => Err("must have at most 2048 bytes"),
        () if url.contains(['?', '#']) || authority.contains('@') => Err("must have no query and no credentials"),
        () if url.chars().any(|char| char.is_control() || char == ' ') => Err("must have no blanks"),
        () => Ok(()),
    }
}

fn check_e_tag(e_tag: &str) -> Result<(), &'static str> {
    match () {
        () if e_tag.is_empty() => Err("states no entity tag, so a change would not be noticed: put a copy"),
        () if e_tag.starts_with("W/") => Err("states a weak entity tag, so a change may not be noticed: put a copy"),
        () if e_tag.len() > MOST_E_TAG_BYTES || e_tag.chars().any(char::is_control) => {
            Err("states an entity tag of more than 1024 bytes, or with control characters")
        }
        () => Ok(()),
    }
}

const MOST_URL_BYTES: usize = 2048;
const MOST_E_TAG_BYTES: usize = 1024;
