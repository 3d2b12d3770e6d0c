//! Shared pieces of the examples.

pub mod learn;

use std::error::Error;
use std::path::{Path, PathBuf};

/// What the steps of an example return.
pub type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Fails with `promise` unless it holds: what an example says, it has checked.
///
/// # Errors
/// The promise.
pub fn ensure(holds: bool, promise: &str) -> Outcome<()> {
    if holds { Ok(()) } else { Err(format!("broken promise: {promise}").into()) }
}

/// Makes the folder that an example writes to: what `--out` names, or one of the example's own below `target`.
///
/// # Errors
/// An unknown word, or a folder that cannot be made.
pub fn out_dir(example: &str, mut words: impl Iterator<Item = String>) -> Outcome<PathBuf> {
    let mut out = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target").join(example);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--out" => out = words.next().ok_or("--out needs a directory")?.into(),
            other => return Err(format!("{other}: unknown; try --out DIR").into()),
        }
    }
    std::fs::create_dir_all(&out)?;
    Ok(out.canonicalize()?)
}
