use bytes::Bytes;
use lineal_core::{Digest, FilePath, from_canonical, to_canonical};

use super::wire::{Reader, flaw, put_counted};
use crate::{FileEntry, FileKind, Reference, Stored, error::FormatFlaw, file_entry, link_target};

/// Appends the stored form of a file.
pub(super) fn encode(entry: &FileEntry, out: &mut Vec<u8>) -> Result<(), FormatFlaw> {
    put_counted(out, entry.path.as_str().as_bytes());
    out.push(entry.kind.code());
    out.extend_from_slice(&entry.size_bytes.to_le_bytes());
    out.extend_from_slice(entry.digest.as_bytes());
    put_counted(out, if entry.media_type == ANY_BYTES { b"" } else { entry.media_type.as_bytes() });
    let (inline, table) = (inline(entry), entry.table.as_ref());
    let elsewhere = elsewhere(entry);
    let flag = |set: bool, flag: u8| u8::from(set) * flag;
    out.push(
        flag(inline.is_some(), INLINE)
            + flag(table.is_some(), TABLE)
            + flag(elsewhere.is_some(), ELSEWHERE)
            + flag(entry.stored == Stored::Purged, PURGED),
    );
    if let Some(bytes) = inline {
        put_counted(out, bytes);
    }
    if let Some(Reference { url, e_tag }) = elsewhere {
        put_counted(out, url.as_bytes());
        put_counted(out, e_tag.as_bytes());
    }
    if let Some(facts) = table {
        put_counted(out, &to_canonical(facts).map_err(FormatFlaw::Encoding)?);
    }
    Ok(())
}

/// Reads a file, and checks every rule that writers keep.
pub(super) fn decode(reader: &mut Reader<'_>) -> Result<FileEntry, FormatFlaw> {
    let path = path(reader)?;
    let code = reader.u8()?;
    let kind = FileKind::from_code(code).ok_or_else(|| FormatFlaw::Version(format!("kind of file {code}")))?;
    let size_bytes = reader.u64()?;
    let digest = reader.digest()?;
    let media_type = match text(reader.counted()?)? {
        "" => ANY_BYTES,
        ANY_BYTES => return Err(flaw("it spells out the media type of any bytes")),
        other => other,
    };
    let flags = reader.u8()?;
    if flags & !(INLINE | TABLE | ELSEWHERE | PURGED) != 0 {
        return Err(FormatFlaw::Version(format!("flags {flags}")));
    }
    let stored = match flags & (INLINE | ELSEWHERE | PURGED) {
        0 => Stored::Blob,
        INLINE => Stored::Inline(Bytes::copy_from_slice(reader.counted()?)),
        ELSEWHERE => Stored::Elsewhere(Box::new(reference(reader)?)),
        PURGED => Stored::Purged,
        _ => return Err(flaw("its bytes are at two places")),
    };
    let table = match flags & TABLE {
        0 => None,
        _ => Some(from_canonical(reader.counted()?).map_err(FormatFlaw::Encoding)?),
    };
    let entry = FileEntry { digest, kind, media_type: media_type.to_owned(), path, size_bytes, stored, table };
    check(&entry)?;
    Ok(entry)
}

/// Checks what the fields of a file say of each other.
pub(super) fn check(entry: &FileEntry) -> Result<(), FormatFlaw> {
    let wrong = |what: &str| Err(FormatFlaw::Content(format!("file {}: {what}", entry.path)));
    if entry.stored == Stored::Purged {
        let allowed = entry.kind != FileKind::Directory && entry.table.is_none();
        return if allowed { Ok(()) } else { wrong("it is purged, and a table or a directory") };
    }
    if file_entry::is_inline(entry.kind, entry.size_bytes) != inline(entry).is_some() {
        return wrong("its bytes are inline, or not, against the rule");
    }
    match inline(entry) {
        _ if elsewhere(entry).is_some() && entry.table.is_some() => return wrong("it is a table that lies elsewhere"),
        Some(bytes) if bytes.len() as u64 != entry.size_bytes => return wrong("its inline bytes have another size"),
        Some(bytes) if Digest::of(bytes) != entry.digest => return wrong("its inline bytes have another hash"),
        Some(bytes) if entry.kind == FileKind::Symlink && link_target::check(&entry.path, bytes).is_err() => {
            return wrong("it is a link out of the version");
        }
        _ => {}
    }
    let plain = entry.media_type == ANY_BYTES && entry.table.is_none() && elsewhere(entry).is_none();
    match entry.kind {
        FileKind::Directory if entry.size_bytes > 0 || !plain => wrong("it is a directory with contents"),
        FileKind::Symlink if !plain => wrong("it is a link with a media type"),
        _ => Ok(()),
    }
}

fn inline(entry: &FileEntry) -> Option<&Bytes> {
    match &entry.stored {
        Stored::Inline(bytes) => Some(bytes),
        Stored::Blob | Stored::Elsewhere(_) | Stored::Purged => None,
    }
}

fn elsewhere(entry: &FileEntry) -> Option<&Reference> {
    match &entry.stored {
        Stored::Elsewhere(reference) => Some(reference),
        Stored::Blob | Stored::Inline(_) | Stored::Purged => None,
    }
}

fn reference(reader: &mut Reader<'_>) -> Result<Reference, FormatFlaw> {
    let (url, e_tag) = (text(reader.counted()?)?, text(reader.counted()?)?);
    Reference::new(url, e_tag).map_err(|rule| FormatFlaw::Content(format!("the address of its bytes {rule}")))
}

pub(super) fn path(reader: &mut Reader<'_>) -> Result<FilePath, FormatFlaw> {
    FilePath::from_bytes(reader.counted()?).map_err(|error| FormatFlaw::Content(error.to_string()))
}

fn text(bytes: &[u8]) -> Result<&str, FormatFlaw> {
    std::str::from_utf8(bytes).map_err(|_| flaw("its media type, or the address of its bytes, is not text"))
}

const INLINE: u8 = 1;
const TABLE: u8 = 2;
const ELSEWHERE: u8 = 4;
const PURGED: u8 = 8;
pub(super) const ANY_BYTES: &str = "application/octet-stream";
