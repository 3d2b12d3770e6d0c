use std::{collections::BTreeMap, path::PathBuf};

use bytes::Bytes;
use lineal_core::FilePath;

use crate::{
    CommitId, Error, FileEntry, SchemaMismatch,
    draft::Edit,
    path_order,
    table::RowEdit,
    tree::{Changes, Tree},
};

/// What a path holds after all edits of a commit, before any byte of it is stored.
#[derive(Debug)]
pub(crate) enum Content {
    Nothing,
    /// What the base of the commit holds there, or what it imports.
    Base(FileEntry),
    Bytes(Bytes, String),
    File(PathBuf, String),
    /// An object that stays where it is.
    Reference(String),
    /// What edits make of a table of the base, or of none.
    Table(Option<FileEntry>, Vec<RowEdit>),
}

impl Content {
    /// Returns what an edit makes of it.
    fn edit(self, path: &FilePath, base: Option<CommitId>, edit: Edit) -> Result<Self, Error> {
        Ok(match (self, edit) {
            (_, Edit::Bytes(bytes, media_type)) => Self::Bytes(bytes, media_type),
            (_, Edit::File(file, media_type)) => Self::File(file, media_type),
            (_, Edit::Reference(url)) => Self::Reference(url),
            (_, Edit::Table(batches)) => Self::Table(None, vec![RowEdit::Append(batches)]),
            (Self::Nothing, Edit::Remove | Edit::Rows(RowEdit::Delete(_) | RowEdit::Evolve(_))) => {
                return Err(Error::NoSuchPath { commit: base, path: path.to_string() });
            }
            (Self::Nothing, Edit::Rows(edit)) => Self::Table(None, vec![edit]),
            (Self::Base(entry), Edit::Rows(edit)) if entry.table.is_some() => Self::Table(Some(entry), vec![edit]),
            (Self::Table(before, mut edits), Edit::Rows(edit)) => {
                edits.push(edit);
                Self::Table(before, edits)
            }
            (_, Edit::Rows(_)) => {
                let source = Box::new(SchemaMismatch::not_a_table());
                return Err(Error::Schema { path: path.clone(), source });
            }
            (_, Edit::Remove) => Self::Nothing,
        })
    }
}

/// Puts edits into the order of the tree: each leaf is read once then, however they jump about. Those of one path stay in
/// theirs.
pub(crate) fn in_order(edits: Vec<(String, Edit)>) -> Result<Vec<(FilePath, Edit)>, Error> {
    let parsed = edits.into_iter().map(|(path, edit)| Ok((FilePath::new(path)?, edit)));
    let mut edits = parsed.collect::<Result<Vec<_>, Error>>()?;
    edits.sort_by(|(one, _), (two, _)| path_order::compare(one, two));
    Ok(edits)
}

/// Applies the edits to what is imported, and where nothing is, to the base; checks that the files they make can lie beside
/// each other.
pub(crate) async fn plan(
    base: &Tree,
    base_id: Option<CommitId>,
    imported: &Changes,
    edits: Vec<(FilePath, Edit)>,
) -> Result<BTreeMap<FilePath, Content>, Error> {
    let mut contents = BTreeMap::new();
    for (path, edit) in edits {
        let before = match (contents.remove(&path), imported.get(&path)) {
            (Some(content), _) => content,
            (None, Some(entry)) => entry.clone().map_or(Content::Nothing, Content::Base),
            (None, None) => base.get(&path).await?.map_or(Content::Nothing, Content::Base),
        };
        let is_gone = matches!((&before, &edit, imported.get(&path)), (Content::Nothing, Edit::Remove, Some(None)));
        let after = if is_gone { Content::Nothing } else { before.edit(&path, base_id, edit)? };
        contents.insert(path, after);
    }
    let made = contents.iter().filter(|(_, content)| !matches!(content, Content::Nothing)).map(|(path, _)| path);
    let mut made: Vec<&FilePath> = made.collect();
    made.sort_by(|one, two| path_order::compare(one, two));
    for (one, two) in made.iter().zip(made.iter().skip(1)) {
        path_order::check_neighbours(one, two)?;
    }
    Ok(contents)
}
