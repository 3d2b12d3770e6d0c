use std::{cmp::Ordering, collections::HashSet};

use lineal_core::Digest;

use super::{
    node::Link,
    read::{Level, Tree},
};
use crate::Error;

/// What one tree has and another has not.
pub(crate) struct Unshared {
    /// Leaves that only the old tree has.
    pub(super) old: Level,
    /// Leaves that only the new tree has.
    pub(super) new: Level,
    /// All nodes that only the new tree has, those above before those below.
    pub(crate) nodes: Vec<Digest>,
}

impl Unshared {
    /// Returns the leaves that only the new tree has.
    pub(crate) fn new_leaves(&self) -> &[Link] {
        &self.new.links
    }
}

/// Finds the nodes that only one of two trees has.
///
/// A node that is in both has the same files in both, whatever is beside it: at every level those are left out. Reads the
/// branches that differ.
pub(crate) async fn unshared(old: &Tree, new: &Tree) -> Result<Unshared, Error> {
    let (mut one, mut two) = (top(old).await?, top(new).await?);
    let mut nodes = Vec::new();
    loop {
        match one.above.cmp(&two.above) {
            Ordering::Greater => one = old.descend(one, None).await?,
            Ordering::Less => {
                nodes.extend(two.links.iter().map(|link| link.digest));
                two = new.descend(two, None).await?;
            }
            Ordering::Equal => {
                leave_out_shared(&mut one.links, &mut two.links);
                nodes.extend(two.links.iter().map(|link| link.digest));
                if one.above <= 1 {
                    return Ok(Unshared { old: one, new: two, nodes });
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
