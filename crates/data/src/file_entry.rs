use lineal_core::{Digest, FilePath};
use serde::{Deserialize, Serialize};

/// One file of a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct FileEntry {
    /// SHA-256 of its bytes, and the blob that holds them.
    pub digest: Digest,
    /// What its bytes are, e.g. `application/vnd.apache.parquet`.
    pub media_type: String,
    /// Where it lies.
    pub path: FilePath,
    /// Size in bytes.
    #[serde(rename = "size")]
    pub size_bytes: u64,
    /// What is known of it as a table; `None` for a file that was not written as one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<TableFacts>,
}

/// What a version knows of a table without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct TableFacts {
    /// The blob with its page table; `None` for a table of a release that had none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pages: Option<Digest>,
    /// How many rows.
    pub rows: u64,
    /// The blob with its [`TableSchema`](crate::TableSchema): equal schemas have equal digests.
    pub schema: Digest,
}

impl FileEntry {
    /// Returns the number of rows, for a table.
    #[must_use]
    pub fn rows(&self) -> Option<u64> {
        self.table.map(|table| table.rows)
    }
}
