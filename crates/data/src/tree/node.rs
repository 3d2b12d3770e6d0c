use bytes::Bytes;
use lineal_core::{Digest, FilePath};

use super::{
    boundary::{Boundary, LARGEST},
    entry,
    nodes::malformed,
    wire::{Reader, flaw, put_counted},
};
use crate::{
    Error, FileEntry,
    error::FormatFlaw,
    path_order::{self, PathKey},
};

/// A node of a tree: files in a leaf, links to nodes of the level below elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Node {
    Leaf(Vec<FileEntry>),
    Branch(u8, Vec<Link>),
}

/// A node as the one above names it, with what a reader wants to know without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    /// The path of its last file.
    pub(crate) last: FilePath,
    pub(crate) digest: Digest,
    /// Files in and below it.
    pub(crate) files: u64,
    /// Bytes of these files.
    pub(crate) size_bytes: u64,
}

/// A file or a link, as the shape of a tree sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    File(FileEntry),
    Link(Link),
}

impl Item {
    pub(super) fn path(&self) -> &FilePath {
        match self {
            Self::File(entry) => &entry.path,
            Self::Link(link) => &link.last,
        }
    }

    pub(super) fn key(&self) -> PathKey {
        PathKey::of(self.path())
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) -> Result<(), FormatFlaw> {
        match self {
            Self::File(file) => entry::encode(file, out),
            Self::Link(link) => {
                put_counted(out, link.last.as_str().as_bytes());
                out.extend_from_slice(link.digest.as_bytes());
                out.extend_from_slice(&link.files.to_le_bytes());
                out.extend_from_slice(&link.size_bytes.to_le_bytes());
                Ok(())
            }
        }
    }

    pub(super) fn files(&self) -> u64 {
        match self {
            Self::File(_) => 1,
            Self::Link(link) => link.files,
        }
    }

    pub(super) fn size_bytes(&self) -> u64 {
        match self {
            Self::File(entry) => entry.size_bytes,
            Self::Link(link) => link.size_bytes,
        }
    }
}

impl Node {
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, FormatFlaw> {
        if bytes.len() as u64 > MAX_BYTES {
            return Err(FormatFlaw::Size(bytes.len() as u64));
        }
        let mut reader = Reader::new(bytes);
        let magic = reader.bytes(MAGIC.len())?;
        if magic != MAGIC {
            return Err(FormatFlaw::Version(String::from_utf8_lossy(magic).into_owned()));
        }
        let (level, count) = (reader.u8()?, reader.u32()?);
        // An item has more than 32 bytes, so a count that was made up allocates nothing.
        if u64::from(count) > bytes.len() as u64 / 32 {
            return Err(flaw("it states more items than fit into it"));
        }
        let node = match level {
            0 => Self::Leaf((0..count).map(|_| entry::decode(&mut reader)).collect::<Result<_, _>>()?),
            level if level > MAX_LEVEL => return Err(flaw("it lies higher than any tree is")),
            level => Self::Branch(level, (0..count).map(|_| link(&mut reader)).collect::<Result<_, _>>()?),
        };
        reader.end()?;
        node.check()?;
        Ok(node)
    }

    #[cfg(fuzzing)]
    pub(crate) fn encode_again(&self) -> Result<Bytes, FormatFlaw> {
        Self::encode(self.level(), &self.items())
    }

    /// Encodes a node, unless readers would refuse one of its files.
    pub(super) fn encode(level: u8, items: &[Item]) -> Result<Bytes, FormatFlaw> {
        for item in items {
            if let Item::File(file) = item {
                entry::check(file)?;
            }
        }
        Self::encode_unchecked(level, items)
    }

    pub(super) fn encode_unchecked(level: u8, items: &[Item]) -> Result<Bytes, FormatFlaw> {
        let mut out = header(level, items.len());
        items.iter().try_for_each(|item| item.encode(&mut out))?;
        Ok(out.into())
    }

    /// Checks that the paths are in order, and that files can lie beside each other.
    fn check(&self) -> Result<(), FormatFlaw> {
        let mut paths = self.paths();
        let Some(mut before) = paths.next() else {
            return if matches!(self, Self::Leaf(_)) { Ok(()) } else { Err(flaw("it is a branch without links")) };
        };
        for path in paths {
            if path_order::compare(before, path).is_ge() {
                return Err(flaw("its paths are not in order"));
            }
            if matches!(self, Self::Leaf(_)) {
                path_order::check_neighbours(before, path).map_err(|clash| FormatFlaw::Content(clash.to_string()))?;
            }
            before = path;
        }
        Ok(())
    }

    fn paths(&self) -> Box<dyn Iterator<Item = &FilePath> + '_> {
        match self {
            Self::Leaf(files) => Box::new(files.iter().map(|file| &file.path)),
            Self::Branch(_, links) => Box::new(links.iter().map(|link| &link.last)),
        }
    }

    pub(crate) fn level(&self) -> u8 {
        match self {
            Self::Leaf(_) => 0,
            Self::Branch(level, _) => *level,
        }
    }

    pub(super) fn items(&self) -> Vec<Item> {
        match self {
            Self::Leaf(files) => files.iter().cloned().map(Item::File).collect(),
            Self::Branch(_, links) => links.iter().cloned().map(Item::Link).collect(),
        }
    }

    /// Returns the link that a node above has to this one; none for a node without items.
    pub(super) fn link(&self, digest: Digest) -> Option<Link> {
        let sum = |sizes: &mut dyn Iterator<Item = u64>| sizes.fold(0, u64::saturating_add);
        match self {
            Self::Leaf(files) => Some(Link {
                last: files.last()?.path.clone(),
                digest,
                files: files.len() as u64,
                size_bytes: sum(&mut files.iter().map(|file| file.size_bytes)),
            }),
            Self::Branch(_, links) => Some(Link {
                last: links.last()?.last.clone(),
                digest,
                files: sum(&mut links.iter().map(|link| link.files)),
                size_bytes: sum(&mut links.iter().map(|link| link.size_bytes)),
            }),
        }
    }

    /// Returns the files of a leaf.
    pub(crate) fn files(&self) -> &[FileEntry] {
        match self {
            Self::Leaf(files) => files,
            Self::Branch(..) => &[],
        }
    }

    /// Encodes a leaf with these files, in the order of a tree.
    pub(crate) fn encode_leaf(files: &[FileEntry]) -> Result<Bytes, Error> {
        let items: Vec<Item> = files.iter().cloned().map(Item::File).collect();
        Self::encode(0, &items).map_err(|flaw| malformed(Digest::of(b""), flaw))
    }

    /// Checks that a node is what the one above says, and that its files can lie beside the one before.
    pub(crate) fn check_place(
        &self,
        digest: Digest,
        below: Option<&(u8, Link)>,
        before: Option<&FilePath>,
    ) -> Result<(), FormatFlaw> {
        if let Some((above, link)) = below
            && (self.level().checked_add(1) != Some(*above) || self.link(digest).as_ref() != Some(link))
        {
            return Err(flaw("it is not what the node above says of it"));
        }
        if let (Self::Leaf(files), Some(before)) = (self, before)
            && let Some(first) = files.first()
        {
            if path_order::compare(before, &first.path).is_ge() {
                return Err(flaw("its paths begin before those of the node before it end"));
            }
            path_order::check_neighbours(before, &first.path)
                .map_err(|clash| FormatFlaw::Content(clash.to_string()))?;
        }
        if below.is_none() && matches!(self, Self::Branch(_, links) if links.len() == 1) {
            return Err(flaw("it is at the top with a single link"));
        }
        Ok(())
    }

    /// Checks that a node ends where writers end it: else equal files would not give equal trees.
    pub(crate) fn check_end(&self, is_last: bool) -> Result<(), FormatFlaw> {
        if self.ends_where_it_must(is_last)? { Ok(()) } else { Err(flaw("it does not end where it must")) }
    }

    fn ends_where_it_must(&self, last: bool) -> Result<bool, FormatFlaw> {
        let (mut boundary, mut bytes) = (Boundary::default(), Vec::new());
        let items = self.items();
        for (at, item) in items.iter().enumerate() {
            bytes.clear();
            item.encode(&mut bytes)?;
            let ends = boundary.add(self.level(), &item.key(), bytes.len());
            if ends != (at + 1 == items.len()) && !(last && at + 1 == items.len()) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

pub(super) fn header(level: u8, count: usize) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.push(level);
    // A node has less than 2^18 bytes and one more item.
    out.extend_from_slice(&(count as u32).to_le_bytes());
    out
}

pub(super) fn link_to(digest: Digest, items: &[Item]) -> Option<Link> {
    let last = items.last()?.path().clone();
    let files = items.iter().map(Item::files).fold(0, u64::saturating_add);
    let size_bytes = items.iter().map(Item::size_bytes).fold(0, u64::saturating_add);
    Some(Link { last, digest, files, size_bytes })
}

fn link(reader: &mut Reader<'_>) -> Result<Link, FormatFlaw> {
    Ok(Link { last: entry::path(reader)?, digest: reader.digest()?, files: reader.u64()?, size_bytes: reader.u64()? })
}

const MAGIC: &[u8; 4] = b"LTR2";
/// More levels than a tree of 2^64 files has.
const MAX_LEVEL: u8 = 16;
/// More bytes than any node has: one item may follow the last byte at which a node must end.
pub(crate) const MAX_BYTES: u64 = LARGEST + 128 * 1024;
