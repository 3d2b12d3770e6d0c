use futures::TryStreamExt;
use lineal_core::{ErrorKind, on_cpu};

use crate::{
    Error, Stored, Version,
    local::{Directory, Listing, Wanted},
    path_order::compare,
};

impl Version {
    /// Returns the files of the version, without those that were purged.
    ///
    /// If a listing is kept beside the directory's cache, the store is asked only for what differs from the tree that it is of.
    pub(crate) async fn listed(&self, directory: &Directory) -> Result<Vec<Wanted>, Error> {
        // What is read below a root changes with a purge, and a listing does not know of it.
        let Some(file) = directory.listing().filter(|_| !self.tree.is_purged()) else { return self.wanted().await };
        let place = file.clone();
        let kept = on_cpu(move || Listing::load(&place)).await?;
        let root = self.commit().tree();
        let files = match kept {
            Some(kept) if kept.root == root => return Ok(kept.files),
            Some(kept) => match self.brought_up(kept).await {
                // Of another store, or collected since.
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Corrupt) => self.wanted().await?,
                files => files?,
            },
            None => self.wanted().await?,
        };
        let save = move || {
            let listing = Listing { root, files };
            listing.save(&file).map(|()| listing.files)
        };
        on_cpu(save).await?
    }

    /// Makes the files of another tree those of this version.
    async fn brought_up(&self, kept: Listing) -> Result<Vec<Wanted>, Error> {
        let mut changes = self.tree.at(Some(kept.root)).diff(&self.tree);
        let (mut files, mut kept) = (Vec::with_capacity(kept.files.len()), kept.files.into_iter().peekable());
        while let Some(change) = changes.try_next().await? {
            while let Some(file) = kept.next_if(|file| compare(&file.path, change.path()).is_lt()) {
                files.push(file);
            }
            kept.next_if(|file| file.path == *change.path());
            let new = change.new_entry().filter(|entry| entry.stored != Stored::Purged);
            files.extend(new.cloned().map(Wanted::from));
        }
        files.extend(kept);
        Ok(files)
    }
}
