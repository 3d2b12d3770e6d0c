use object_store::path::Path;
use object_store::{
    CopyMode, CopyOptions, Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, PutResult,
    RenameOptions, RenameTargetMode, Result,
};

use crate::kinds::Op;

/// A write on its way to a store: it can arrive without its caller, and twice.
#[derive(Clone, Debug)]
pub(crate) enum Request {
    Put { location: Path, payload: PutPayload, options: PutOptions },
    Copy { from: Path, to: Path, options: CopyOptions },
    Rename { from: Path, to: Path, options: RenameOptions },
    Delete { location: Path },
}

impl Request {
    pub(crate) fn op(&self) -> Op {
        match self {
            Self::Put { .. } => Op::Put,
            Self::Copy { .. } => Op::Copy,
            Self::Rename { .. } => Op::Rename,
            Self::Delete { .. } => Op::Delete,
        }
    }

    /// The object that the write changes.
    pub(crate) fn location(&self) -> &Path {
        match self {
            Self::Put { location, .. } | Self::Delete { location } => location,
            Self::Copy { to, .. } | Self::Rename { to, .. } => to,
        }
    }

    pub(crate) fn is_conditional(&self) -> bool {
        match self {
            Self::Put { options, .. } => options.mode == PutMode::Create,
            Self::Copy { options, .. } => options.mode == CopyMode::Create,
            Self::Rename { options, .. } => options.target_mode == RenameTargetMode::Create,
            Self::Delete { .. } => false,
        }
    }

    /// Turns create-if-absent into overwrite, as a store does that ignores the condition.
    pub(crate) fn without_condition(mut self) -> Self {
        match &mut self {
            Self::Put { options, .. } => options.mode = PutMode::Overwrite,
            Self::Copy { options, .. } => options.mode = CopyMode::Overwrite,
            Self::Rename { options, .. } => options.target_mode = RenameTargetMode::Overwrite,
            Self::Delete { .. } => {}
        }
        self
    }

    /// Lets the store do it; only a put has more to answer than that it is done.
    pub(crate) async fn apply(self, store: &dyn ObjectStore) -> Result<Option<PutResult>> {
        match self {
            Self::Put { location, payload, options } => store.put_opts(&location, payload, options).await.map(Some),
            Self::Copy { from, to, options } => store.copy_opts(&from, &to, options).await.map(|()| None),
            Self::Rename { from, to, options } => store.rename_opts(&from, &to, options).await.map(|()| None),
            Self::Delete { location } => store.delete(&location).await.map(|()| None),
        }
    }

    pub(crate) fn already_exists(&self, why: &'static str) -> Error {
        Error::AlreadyExists { path: self.location().to_string(), source: why.into() }
    }
}
