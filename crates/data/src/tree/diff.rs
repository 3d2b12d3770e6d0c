use std::{cmp::Ordering, collections::HashSet};

use futures::{StreamExt, TryStreamExt, stream, stream::BoxStream};
use lineal_core::Digest;

use super::{
    node::Link,
    read::{Level, Tree},
};
use crate::{Change, Error, FileEntry, path_order};

impl Tree {
    /// Streams what differs from `self` to `other`, in the order of trees; reads only nodes that are not in both.
    pub(crate) fn diff(&self, other: &Self) -> BoxStream<'static, Result<Change, Error>> {
        let (old, new) = (self.clone(), other.clone());
        let changes = async move {
            let (old_leaves, new_leaves) = unshared(&old, &new).await?;
            Ok::<_, Error>(merge(old.files(old_leaves), new.files(new_leaves)))
        };
        stream::once(changes).try_flatten().boxed()
    }
}

/// Finds the leaves that only one of two trees has.
///
/// A node that is in both has the same files in both, whatever is beside it: at every level those are left out.
async fn unshared(old: &Tree, new: &Tree) -> Result<(Level, Level), Error> {
    let (mut one, mut two) = (top(old).await?, top(new).await?);
    loop {
        match one.above.cmp(&two.above) {
            Ordering::Greater => one = old.descend(one, None).await?,
            Ordering::Less => two = new.descend(two, None).await?,
            Ordering::Equal => {
                leave_out_shared(&mut one.links, &mut two.links);
                if one.above <= 1 {
                    return Ok((one, two));
                }
                one = old.descend(one, None).await?;
                two = new.descend(two, None).await?;
            }
        }
    }
}

async fn top(tree: &Tree) -> Result<Level, Error> {
    let top = tree.top().await?;
    let links = tree.root.and_then(|root| top.link(root)).into_iter().collect();
    Ok(Level { above: top.level().saturating_add(1), links })
}

fn leave_out_shared(one: &mut Vec<Link>, two: &mut Vec<Link>) {
    let digests = |links: &[Link]| links.iter().map(|link| link.digest).collect::<HashSet<Digest>>();
    let (in_one, in_two) = (digests(one), digests(two));
    one.retain(|link| !in_two.contains(&link.digest));
    two.retain(|link| !in_one.contains(&link.digest));
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
