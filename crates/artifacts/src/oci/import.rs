use std::{
    collections::BTreeMap,
    fmt, io,
    path::{Path, PathBuf},
};

use futures::{StreamExt, TryStreamExt, stream};
use lineal_core::{Batch, Digest, FilePath, PathSet, Progress, ProgressEvent, PutHints, file_stream};

use super::{
    ARTIFACT_KEY, MAX_CHAIN, OciFlaw, TITLE_KEY,
    export::exactly,
    image::{Descriptor, EMPTY_MEDIA_TYPE, ReadManifest, excerpt},
    layout::Layout,
};
use crate::{Artifacts, Error, FileEntry, MANIFEST_MEDIA_TYPE, Manifest, Stored, manifest::check_media_type};

impl Artifacts {
    /// Stores an artifact from an OCI image layout, with all that it is about; everything is durable when it returns.
    ///
    /// `reference` is a tag, or `sha256:…` of an image manifest in the layout or in an index within it. Without one, the
    /// layout's only manifest is taken, or the only one with a tag. What [`Artifacts::export_oci`] wrote comes back under
    /// the same digest. Layouts of other tools are taken as well: a layer is a file, named by its title or, without one,
    /// `layer-0`, `layer-1`, … by its place; a config that says anything becomes the file `config.json`. Layers are
    /// stored as they are, never unpacked.
    ///
    /// The layout may be hostile. Every digest and size is checked, documents above 4 MiB are not read, symbolic links are
    /// not followed, and names go through [`FilePath`]. All of that but the bytes of files is checked before the first
    /// byte is stored. Memory is bounded by the documents; four blobs are under way at once, each of them once.
    ///
    /// # Errors
    /// [`Error::Oci`] with the part of the layout and what is wrong with it: not found, damaged, against a rule, or
    /// not supported. [`Error::Local`] if the disk refuses, [`Error::Store`] if the blob store does. Nothing is promised
    /// then, and importing again is safe.
    pub async fn import_oci(
        &self,
        directory: &Path,
        reference: Option<&str>,
        progress: &dyn Progress,
    ) -> Result<Stored, Error> {
        let layout = Layout::open(directory).await?;
        let entry = layout.resolve(reference).await?;
        let (artifacts, last) = read_chain(&layout, entry).await?;
        let blobs = distinct_blobs(&layout, artifacts.iter().chain([&last])).await?;
        let batch = self.blobs().begin().await?;
        let task = format!("import OCI layout {}", directory.display());
        let total = blobs.iter().fold(0_u64, |sum, (_, blob)| sum.saturating_add(blob.size_bytes));
        progress.report(ProgressEvent::Started { task: &task, total: Some(total), unit: "bytes" });
        let puts = blobs.into_iter().map(|(path, blob)| put_blob(batch.as_ref(), path, blob, progress, &task));
        let outcome = stream::iter(puts).buffer_unordered(CONCURRENCY).try_collect::<()>().await;
        progress.report(ProgressEvent::Finished { task: &task });
        outcome?;
        let hints = || PutHints::default().with_media_type(MANIFEST_MEDIA_TYPE);
        for artifact in &artifacts {
            batch.put(artifact.to_bytes()?.into(), hints()).await?;
        }
        let digest = batch.put(last.to_bytes()?.into(), hints()).await?;
        Ok(Stored { digest, manifest: last, receipt: batch.commit().await? })
    }
}

/// Reads the image manifests from the one asked for down to its last subject, and makes artifacts of them: first the
/// subjects, the last one first, then the one asked for.
async fn read_chain(layout: &Layout, entry: Descriptor) -> Result<(Vec<Manifest>, Manifest), Error> {
    let mut above = Vec::new();
    let mut image = layout.manifest(&entry).await?;
    while let Some(subject) = image.1.subject.take() {
        above.push(image);
        if above.len() == MAX_CHAIN {
            return Err(Error::oci(layout.index_path())(OciFlaw::TooDeep(MAX_CHAIN)));
        }
        image = layout.manifest(&subject).await?;
    }
    let (mut subjects, mut subject) = (Vec::new(), None);
    loop {
        let (path, manifest) = image;
        let artifact = artifact(manifest, subject).map_err(Error::oci(path))?;
        let Some(next) = above.pop() else { return Ok((subjects, artifact)) };
        subject = Some(Digest::of(&artifact.to_bytes()?));
        subjects.push(artifact);
        image = next;
    }
}

/// Makes an artifact of an image manifest; `subject` is the artifact that it is about.
fn artifact(image: ReadManifest, subject: Option<Digest>) -> Result<Manifest, OciFlaw> {
    let artifact_type = match image.artifact_type.filter(|stated| !stated.is_empty()) {
        Some(stated) => stated,
        None if image.config.media_type == EMPTY_MEDIA_TYPE => {
            return Err(OciFlaw::rule(Error::invalid("artifact type", "", "must be stated where the config is empty")));
        }
        None => image.config.media_type.clone(),
    };
    let mut annotations = image.annotations.unwrap_or_default();
    let claim = annotations.remove(ARTIFACT_KEY);
    let files = files(&image.layers.unwrap_or_default(), image.config)?;
    let artifact = Manifest::new(artifact_type, files, annotations, subject).map_err(OciFlaw::rule)?;
    if let Some(stated) = claim {
        let found = Digest::of(&artifact.to_bytes().map_err(OciFlaw::rule)?);
        if stated.parse() != Ok(found) {
            return Err(OciFlaw::Claim { stated: excerpt(&stated), found });
        }
    }
    Ok(artifact)
}

/// Names the files that layers and config become. Titles come first: a name that is made up gives way to them.
fn files(layers: &[Descriptor], config: Descriptor) -> Result<BTreeMap<FilePath, FileEntry>, OciFlaw> {
    let (mut files, mut taken) = (BTreeMap::new(), PathSet::default());
    let mut untitled = Vec::new();
    for (number, layer) in layers.iter().enumerate() {
        let Some(title) = layer.annotation(TITLE_KEY) else {
            // What stands for nothing in an artifact without files.
            if !(layer.media_type == EMPTY_MEDIA_TYPE && layer.is_empty_object()) {
                untitled.push((number, format!("layer-{number}"), "", layer));
            }
            continue;
        };
        let path = FilePath::new(title).map_err(|source| Error::Path { source }).map_err(OciFlaw::layer(number))?;
        let entry = file(layer, number)?;
        taken.insert(&path).map_err(|source| Error::Clash { source }).map_err(OciFlaw::layer(number))?;
        files.insert(path, entry);
    }
    if !config.is_empty_object() {
        untitled.push((layers.len(), "config".to_owned(), ".json", &config));
    }
    for (number, stem, suffix, layer) in untitled {
        let entry = file(layer, number)?;
        let names = [format!("{stem}{suffix}"), format!("{stem}-{}{suffix}", entry.digest.short())];
        let mut clash = None;
        for name in names {
            let path = FilePath::new(name).map_err(|source| Error::Path { source }).map_err(OciFlaw::layer(number))?;
            match taken.insert(&path) {
                Ok(()) => {
                    files.insert(path, entry);
                    clash = None;
                    break;
                }
                Err(source) => clash = Some(source),
            }
        }
        if let Some(source) = clash {
            return Err(OciFlaw::layer(number)(Error::Clash { source }));
        }
    }
    Ok(files)
}

fn file(layer: &Descriptor, number: usize) -> Result<FileEntry, OciFlaw> {
    check_media_type("media type", &layer.media_type).map_err(OciFlaw::layer(number))?;
    Ok(FileEntry { digest: layer.digest()?, media_type: layer.media_type.clone(), size_bytes: layer.size })
}

/// Lists each blob once, however many files it is, and checks that a plain file of its size lies there.
async fn distinct_blobs(
    layout: &Layout,
    artifacts: impl Iterator<Item = &Manifest> + Send,
) -> Result<Vec<(PathBuf, FileEntry)>, Error> {
    let mut blobs = BTreeMap::new();
    for file in artifacts.flat_map(|artifact| artifact.files().values()) {
        blobs.entry((file.digest, file.size_bytes)).or_insert(file);
    }
    let mut checked = Vec::with_capacity(blobs.len());
    for file in blobs.into_values() {
        checked.push((layout.check_blob(&file.digest, file.size_bytes).await?, file.clone()));
    }
    Ok(checked)
}

/// Stores one blob, and checks its size and hash as it goes by.
async fn put_blob(
    batch: &dyn Batch,
    path: PathBuf,
    blob: FileEntry,
    progress: &dyn Progress,
    task: &str,
) -> Result<(), Error> {
    let stated = blob.size_bytes;
    let pieces = exactly(file_stream(&path), stated, |found| io::Error::other(WrongSize(found)));
    let hints = PutHints::default().with_size(stated).with_media_type(blob.media_type);
    let found = match batch.put_stream(pieces, hints).await {
        Ok(found) => found,
        Err(lineal_core::Error::Input { source }) => {
            let wrong = source.get_ref().and_then(|cause| cause.downcast_ref::<WrongSize>());
            let wrong = wrong.map(|wrong| OciFlaw::Size { stated, found: wrong.0 });
            return Err(match wrong {
                Some(flaw) => Error::oci(path)(flaw),
                None => Error::Local { operation: "read", path, source },
            });
        }
        Err(error) => return Err(error.into()),
    };
    if found != blob.digest {
        return Err(Error::oci(path)(OciFlaw::Digest { found }));
    }
    progress.report(ProgressEvent::Advanced { task, by: stated });
    Ok(())
}

/// Ends a stream whose file grew or shrank after it was looked at.
#[derive(Debug)]
struct WrongSize(u64);

impl fmt::Display for WrongSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the file has {} bytes by now", self.0)
    }
}

impl std::error::Error for WrongSize {}

/// Blobs under way at once.
const CONCURRENCY: usize = 4;
