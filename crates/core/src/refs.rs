//! The references that cross crates: how one crate names what another one keeps.
//!
//! They are plain values without behaviour. Fields that are `None` are not stored.

use serde::{Deserialize, Serialize};

use crate::{Digest, Name, RunId};

/// A version of a dataset, or one file or table of it.
///
/// ```
/// use lineal_core::{DataRef, Digest, Name};
///
/// let january = DataRef {
///     repository: Name::new("flights")?,
///     commit: Digest::of(b"a commit"),
///     path: Some("2013/01.parquet".into()),
///     rows: Some(27_004),
/// };
/// assert!(serde_json::to_string(&january)?.starts_with(r#"{"repository":"flights","commit":""#));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DataRef {
    /// The repository that holds the dataset.
    pub repository: Name,
    /// The digest of the commit.
    pub commit: Digest,
    /// The file or table within the commit; `None` means all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// How many rows were read, where that means something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
}

/// A state of source code.
///
/// ```
/// use lineal_core::CodeRef;
///
/// let code = CodeRef { repository: None, commit: "6cfaa1b".into(), dirty: false, diff: None };
/// assert_eq!(serde_json::to_string(&code)?, r#"{"commit":"6cfaa1b","dirty":false}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CodeRef {
    /// Where the code can be fetched, if it is published anywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// The git commit, in hex.
    pub commit: String,
    /// Whether the working tree differed from the commit.
    pub dirty: bool,
    /// The blob with that difference, if it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diff: Option<Digest>,
}

/// The environment in which something was built and run.
///
/// ```
/// use lineal_core::{Digest, EnvRef};
///
/// let mut env = EnvRef::new("rustc 1.95.0", "linux", "x86_64");
/// env.lock = Some(Digest::of(b"contents of Cargo.lock"));
/// assert_eq!(env.cpu, None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EnvRef {
    /// The blob with the lock file that fixes all dependencies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<Digest>,
    /// The compiler or interpreter, with its version.
    pub toolchain: String,
    /// The operating system, as in [`std::env::consts::OS`].
    pub os: String,
    /// The processor's architecture, as in [`std::env::consts::ARCH`].
    pub arch: String,
    /// The processor's model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<String>,
    /// How many processors the process could use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpus: Option<u64>,
    /// The accelerators' models, one entry for each device.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accelerators: Vec<String>,
    /// The container image, by the reference it was started from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
}

impl EnvRef {
    /// States what is always known; the other fields are set where they are.
    #[must_use]
    pub fn new(toolchain: impl Into<String>, os: impl Into<String>, arch: impl Into<String>) -> Self {
        Self {
            lock: None,
            toolchain: toolchain.into(),
            os: os.into(),
            arch: arch.into(),
            cpu: None,
            cpus: None,
            accelerators: Vec::new(),
            image: None,
        }
    }
}

/// A training run.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RunRef {
    /// The experiment that the run belongs to.
    pub experiment: Name,
    /// The run.
    pub run: RunId,
}

/// A registered version of a model.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ModelRef {
    /// The registry that holds the model.
    pub registry: Name,
    /// The model.
    pub model: Name,
    /// The number of the version, from 1.
    pub version: u64,
    /// The digest of the version's manifest: what makes the reference tamper-proof.
    pub manifest: Digest,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{from_canonical, to_canonical};

    #[test]
    fn stored_forms_are_pinned() {
        let name = |text| Name::new(text).unwrap();
        let (digest, hex) = (Digest::from_bytes([0xab; 32]), "ab".repeat(32));
        let data = DataRef { repository: name("flights"), commit: digest, path: Some("2013/01".into()), rows: Some(7) };
        let code = CodeRef {
            repository: Some("https://example.org/x".into()),
            commit: "6cfaa1b".into(),
            dirty: true,
            diff: Some(digest),
        };
        let mut env = EnvRef::new("rustc 1.95.0", "linux", "x86_64");
        env.lock = Some(digest);
        let run = RunRef { experiment: name("late15"), run: RunId::from_bytes([1; 16]) };
        let model = ModelRef { registry: name("main"), model: name("late15"), version: 3, manifest: digest };
        let bytes = to_canonical(&(&data, &code, &env, &run, &model)).unwrap();
        let expected = format!(
            concat!(
                r#"[{{"commit":"{0}","path":"2013/01","repository":"flights","rows":7}},"#,
                r#"{{"commit":"6cfaa1b","diff":"{0}","dirty":true,"repository":"https://example.org/x"}},"#,
                r#"{{"arch":"x86_64","lock":"{0}","os":"linux","toolchain":"rustc 1.95.0"}},"#,
                r#"{{"experiment":"late15","run":"{1}"}},"#,
                r#"{{"manifest":"{0}","model":"late15","registry":"main","version":3}}]"#
            ),
            hex,
            "01".repeat(16)
        );
        assert_eq!(String::from_utf8(bytes.clone()).unwrap(), expected);
        let read: (DataRef, CodeRef, EnvRef, RunRef, ModelRef) = from_canonical(&bytes).unwrap();
        assert_eq!(read, (data, code, env, run, model));
    }
}
