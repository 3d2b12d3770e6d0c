use std::{collections::BTreeSet, path::Path};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream, stream::BoxStream};
use lineal_core::{BlobStore, Digest, Progress, ProgressEvent};

use super::{
    ARTIFACT_KEY, MAX_CHAIN, OciFlaw, TAG_KEY, TITLE_KEY,
    image::{Descriptor, EMPTY, ImageManifest, MANIFEST_MEDIA_TYPE, SCHEMA_VERSION},
    layout::{Layout, check_document_size},
};
use crate::{Artifacts, Error, FileEntry, Manifest};

/// What an export to an OCI image layout did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct OciExported {
    /// Digest of the artifact's image manifest: `sha256:` and this name it in the layout and in registries.
    pub manifest: Digest,
    /// Blobs written: files, manifests, and the empty object.
    pub written: u64,
    /// Blobs that lay there already with the right bytes.
    pub kept: u64,
    /// Bytes written, but for `oci-layout` and `index.json`.
    pub size_bytes: u64,
}

impl Artifacts {
    /// Writes the artifact `digest` and all that it is about into an OCI image layout, under `tag` if one is given.
    ///
    /// `directory` is made if missing; a layout that lies there, from whatever tool, is added to. A tag that named
    /// another manifest of the layout names this one afterwards. Registry tools take it from there, e.g.
    /// `skopeo copy oci:DIRECTORY:TAG docker://…` or `oras cp --from-oci-layout DIRECTORY:TAG …`.
    ///
    /// Each blob appears whole and verified or not at all, those that lie there with the right bytes are kept, and
    /// `index.json` is replaced at the end, in one step: an export that was cut short resumes. Nothing is overwritten but
    /// `index.json`, and nothing is written through symbolic links. Only one export may write to a directory at a time.
    /// The same artifact gives the same image manifest, whoever exports it.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use lineal_artifacts::{Artifacts, Content, Draft};
    /// # use lineal_core::{LooseBlobs, NoProgress, Store};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let artifacts = Artifacts::new(Arc::new(LooseBlobs::open(&Store::open("memory:///")?, "blobs").await?));
    /// # let elsewhere = Artifacts::new(Arc::new(LooseBlobs::open(&Store::open("memory:///")?, "blobs").await?));
    /// let draft = Draft::new("application/vnd.example.model").with_file("weights.bin", Content::bytes(vec![1, 2, 3]));
    /// let stored = artifacts.put(draft, &NoProgress).await?;
    ///
    /// let directory = tempfile::tempdir()?;
    /// artifacts.export_oci(&stored.digest, Some("v1"), directory.path(), &NoProgress).await?;
    /// let back = elsewhere.import_oci(directory.path(), Some("v1"), &NoProgress).await?;
    /// assert_eq!(back.digest, stored.digest);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Error::Invalid`] for a tag that registries would refuse, and for an artifact with an annotation
    /// `dev.lineal.manifest`. [`Error::Oci`] if what lies in `directory` is no layout, if the image manifest would pass
    /// 4 MiB, or if a chain of subjects is longer than 16. [`Error::Occupied`] if a blob lies there with other bytes.
    /// Otherwise those of [`Artifacts::get`], and [`Error::Local`] if the disk refuses. Blobs written before stay.
    pub async fn export_oci(
        &self,
        digest: &Digest,
        tag: Option<&str>,
        directory: &Path,
        progress: &dyn Progress,
    ) -> Result<OciExported, Error> {
        tag.map_or(Ok(()), check_tag)?;
        let images = self.images(digest, directory).await?;
        let layout = Layout::open_or_start(directory).await?;
        let task = format!("export to OCI layout {}", directory.display());
        let total = images.iter().fold(0_u64, |sum, image| sum.saturating_add(image.artifact.size_bytes()));
        progress.report(ProgressEvent::Started { task: &task, total: Some(total), unit: "bytes" });
        let outcome = write(self.blobs().as_ref(), &layout, &images, tag, progress, &task).await;
        progress.report(ProgressEvent::Finished { task: &task });
        outcome
    }

    /// Makes the image manifests of an artifact and its subjects, the last subject first.
    async fn images(&self, digest: &Digest, directory: &Path) -> Result<Vec<Image>, Error> {
        let mut chain = Vec::new();
        let mut next = Some(*digest);
        while let Some(digest) = next {
            if chain.len() == MAX_CHAIN {
                return Err(Error::oci(directory)(OciFlaw::TooDeep(MAX_CHAIN)));
            }
            let artifact = self.get(&digest).await?.manifest().clone();
            next = artifact.subject();
            chain.push((digest, artifact));
        }
        let mut images: Vec<Image> = Vec::new();
        for (digest, artifact) in chain.into_iter().rev() {
            let subject = images.last().map(|image| image.descriptor.clone());
            images.push(Image::new(&digest, artifact, subject, directory)?);
        }
        Ok(images)
    }
}

/// An artifact and the image manifest that it becomes.
struct Image {
    artifact: Manifest,
    digest: Digest,
    bytes: Bytes,
    descriptor: Descriptor,
}

impl Image {
    fn new(digest: &Digest, artifact: Manifest, subject: Option<Descriptor>, directory: &Path) -> Result<Self, Error> {
        let mut annotations = artifact.annotations().clone();
        if annotations.insert(ARTIFACT_KEY.to_owned(), digest.to_string()).is_some() {
            return Err(Error::invalid("annotation", ARTIFACT_KEY, "is kept for the export to OCI layouts"));
        }
        let layers = artifact.files().iter().map(|(path, file)| {
            let layer = Descriptor::new(file.media_type.as_str(), &file.digest, file.size_bytes);
            layer.with_annotation(TITLE_KEY, path.as_str())
        });
        let mut layers: Vec<_> = layers.collect();
        if layers.is_empty() {
            // The specification asks for one layer at least, and names this one for the purpose.
            layers.push(Descriptor::empty());
        }
        let manifest = ImageManifest {
            schema_version: SCHEMA_VERSION,
            media_type: MANIFEST_MEDIA_TYPE,
            artifact_type: artifact.artifact_type().to_owned(),
            config: Descriptor::empty(),
            layers,
            // As the specification has it, a subject is named without what else is known about it.
            subject: subject.map(|subject| Descriptor { artifact_type: None, ..subject }),
            annotations,
        };
        let bytes = serde_json::to_vec(&manifest).map_err(OciFlaw::Json).map_err(Error::oci(directory))?;
        check_document_size(bytes.len() as u64).map_err(Error::oci(directory))?;
        let digest = Digest::of(&bytes);
        let mut descriptor = Descriptor::new(MANIFEST_MEDIA_TYPE, &digest, bytes.len() as u64);
        descriptor.artifact_type = Some(manifest.artifact_type);
        Ok(Self { artifact, digest, bytes: bytes.into(), descriptor })
    }
}

async fn write(
    blobs: &dyn BlobStore,
    layout: &Layout,
    images: &[Image],
    tag: Option<&str>,
    progress: &dyn Progress,
    task: &str,
) -> Result<OciExported, Error> {
    let last = images.last().map_or_else(|| Digest::of(b""), |image| image.digest);
    let mut done = OciExported { manifest: last, written: 0, kept: 0, size_bytes: 0 };
    let mut seen = BTreeSet::new();
    for file in images.iter().flat_map(|image| image.artifact.files().values()) {
        if seen.insert(file.digest) {
            write_blob(layout, file, &mut done, || async { blobs.stream(&file.digest).await }).await?;
        }
        progress.report(ProgressEvent::Advanced { task, by: file.size_bytes });
    }
    let documents = images.iter().map(|image| (image.digest, image.bytes.clone()));
    for (digest, bytes) in documents.chain([(Digest::of(EMPTY), Bytes::from_static(EMPTY))]) {
        if seen.insert(digest) {
            let file = FileEntry { digest, media_type: String::new(), size_bytes: bytes.len() as u64 };
            write_blob(layout, &file, &mut done, || async { Ok(stream::iter([Ok(bytes)]).boxed()) }).await?;
        }
    }
    let tagged = images.iter().enumerate().map(|(at, image)| match tag {
        Some(tag) if at + 1 == images.len() => image.descriptor.clone().with_annotation(TAG_KEY, tag),
        _ => image.descriptor.clone(),
    });
    layout.publish(&tagged.collect::<Vec<_>>()).await?;
    Ok(done)
}

/// Writes one blob unless it is there; a blob of another size than its descriptor states never appears.
async fn write_blob<F>(
    layout: &Layout,
    file: &FileEntry,
    done: &mut OciExported,
    open: impl FnOnce() -> F + Send,
) -> Result<(), Error>
where
    F: Future<Output = Result<lineal_core::ByteStream, lineal_core::Error>> + Send,
{
    if layout.holds(&file.digest, file.size_bytes).await? {
        done.kept += 1;
        return Ok(());
    }
    let path = layout.blob_path(&file.digest);
    let stated = file.size_bytes;
    let pieces = open().await?.err_into().boxed();
    let pieces = exactly(pieces, stated, move |found| Error::oci(path.as_path())(OciFlaw::Size { stated, found }));
    layout.write_blob(&file.digest, pieces).await?;
    done.written += 1;
    done.size_bytes += stated;
    Ok(())
}

/// Passes pieces on, and fails as soon as they are more than `stated` bytes, or if they end before.
pub(super) fn exactly<E: Send + 'static>(
    pieces: BoxStream<'static, Result<Bytes, E>>,
    stated: u64,
    wrong: impl Fn(u64) -> E + Send + Sync + 'static,
) -> BoxStream<'static, Result<Bytes, E>> {
    stream::try_unfold((pieces, 0_u64, wrong), move |(mut pieces, seen, wrong)| async move {
        match pieces.try_next().await? {
            Some(piece) => {
                let seen = seen.saturating_add(piece.len() as u64);
                if seen > stated { Err(wrong(seen)) } else { Ok(Some((piece, (pieces, seen, wrong)))) }
            }
            None if seen < stated => Err(wrong(seen)),
            None => Ok(None),
        }
    })
    .boxed()
}

/// Checks a tag by the rule of the distribution specification.
fn check_tag(tag: &str) -> Result<(), Error> {
    let mut bytes = tag.bytes();
    let starts = bytes.next().is_some_and(|first| first.is_ascii_alphanumeric() || first == b'_');
    if starts && tag.len() <= 128 && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)) {
        return Ok(());
    }
    Err(Error::invalid("tag", tag, "must be 1 to 128 ASCII letters, digits, '_', '.' and '-', not '.' or '-' first"))
}
