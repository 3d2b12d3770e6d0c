use std::cmp::Ordering;

use futures::{StreamExt, TryStreamExt, stream, stream::BoxStream};

use super::{read::Tree, unshared::unshared};
use crate::{Change, Error, FileEntry, path_order};

impl Tree {
    /// Streams what differs from `self` to `other`, in the order of trees; reads only nodes that are not in both.
    pub(crate) fn diff(&self, other: &Self) -> BoxStream<'static, Result<Change, Error>> {
        let (old, new) = (self.clone(), other.clone());
        let changes = async move {
            let leaves = unshared(&old, &new).await?;
            Ok::<_, Error>(merge(old.files(leaves.old), new.files(leaves.new)))
        };
        stream::once(changes).try_flatten().boxed()
    }
}

type Files = BoxStream<'static, Result<FileEntry, Error>>;

/// Walks two sorted streams of files side by side.
fn merge(old: Files, new: Files) -> BoxStream<'static, Result<Change, Error>> {
    let start = (Box::pin(old.peekable()), Box::pin(new.peekable()));
    let changes = stream::try_unfold(start, |(mut old, mut new)| async move {
        loop {
            let order = match (old.as_mut().peek().await, new.as_mut().peek().await) {
                (Some(Ok(old)), Some(Ok(new))) => path_order::compare(&old.path, &new.path),
                // An error is met where it is taken out.
                (Some(_), None) | (Some(Err(_)), _) => Ordering::Less,
                (None, Some(_)) | (_, Some(Err(_))) => Ordering::Greater,
                (None, None) => return Ok(None),
            };
            let removed = if order.is_le() { old.try_next().await? } else { None };
            let added = if order.is_ge() { new.try_next().await? } else { None };
            if let Some(change) = Change::between(removed.as_ref(), added.as_ref()) {
                return Ok(Some((change, (old, new))));
            }
        }
    });
    changes.boxed()
}
