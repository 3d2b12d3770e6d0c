use std::path::{Path, PathBuf};

use lineal_artifacts::ChunkProfile;
use lineal_core::Name;

/// What the command line asks for.
pub(crate) enum Command {
    ArtifactFsck(Store),
    ArtifactGc(Store),
    ArtifactGet(ArtifactGet),
    ArtifactPut(ArtifactPut),
    Data(Data),
    DataTiny { store: String, files: u64 },
    Drift(Drift),
    Hash { bytes: u64 },
    JournalAppend(JournalAppend),
    Table(Table),
}

/// A store as a whole.
pub(crate) struct Store {
    pub(crate) store: String,
}

/// `workload artifact put`.
pub(crate) struct ArtifactPut {
    pub(crate) store: String,
    /// File or directory.
    pub(crate) source: PathBuf,
    pub(crate) name: Name,
    /// How blobs are cut.
    pub(crate) profile: ChunkProfile,
}

/// `workload artifact get`.
pub(crate) struct ArtifactGet {
    pub(crate) store: String,
    pub(crate) name: Name,
    /// Directory.
    pub(crate) target: PathBuf,
}

/// `workload data`.
pub(crate) struct Data {
    pub(crate) store: String,
    /// Where digests of working directories are kept.
    pub(crate) cache: Option<PathBuf>,
    pub(crate) step: DataStep,
}

/// What is done with a repository.
pub(crate) enum DataStep {
    Init,
    Add { from: PathBuf, message: String },
    Status { from: PathBuf },
    Checkout { to: PathBuf, revision: String },
    Push { to: String },
}

impl DataStep {
    fn parse(name: &str, options: &Options) -> Result<Self, String> {
        Ok(match name {
            "init" => Self::Init,
            "add" => Self::Add {
                from: options.text("from")?.into(),
                message: options.find("message").unwrap_or_default().to_owned(),
            },
            "status" => Self::Status { from: options.text("from")?.into() },
            "checkout" => Self::Checkout {
                to: options.text("to")?.into(),
                revision: options.find("revision").unwrap_or("main").to_owned(),
            },
            "push" => Self::Push { to: options.text("to")? },
            _ => return Err(USAGE.to_owned()),
        })
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::Add { .. } => "add",
            Self::Status { .. } => "status",
            Self::Checkout { .. } => "checkout",
            Self::Push { .. } => "push",
        }
    }
}

/// `workload table`.
pub(crate) struct Table {
    pub(crate) store: String,
    pub(crate) step: TableStep,
}

/// What is done with the table of a repository.
pub(crate) enum TableStep {
    Put { from: PathBuf },
    Append { from: PathBuf },
    Update { from: PathBuf, key: String },
    Diff { old: String, new: String, key: String },
    Read { revision: String, raw: Option<PathBuf> },
}

impl TableStep {
    fn parse(name: &str, options: &Options) -> Result<Self, String> {
        let revision = |name: &str, default: &str| options.find(name).unwrap_or(default).to_owned();
        Ok(match name {
            "put" => Self::Put { from: options.text("from")?.into() },
            "append" => Self::Append { from: options.text("from")?.into() },
            "update" => Self::Update { from: options.text("from")?.into(), key: options.text("key")? },
            "diff" => {
                Self::Diff { old: revision("old", "main~1"), new: revision("new", "main"), key: options.text("key")? }
            }
            "read" => {
                Self::Read { revision: revision("revision", "main"), raw: options.find("raw").map(PathBuf::from) }
            }
            _ => return Err(USAGE.to_owned()),
        })
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Put { .. } => "put",
            Self::Append { .. } => "append",
            Self::Update { .. } => "update",
            Self::Diff { .. } => "diff",
            Self::Read { .. } => "read",
        }
    }
}

/// `workload drift`, on generated values.
pub(crate) struct Drift {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) step: DriftStep,
}

/// What is done with the values.
pub(crate) enum DriftStep {
    Cbpe,
    Detector { method: String },
    Ks,
    Monitor,
    Profile,
    Mmd,
    Report,
    Stream,
}

impl DriftStep {
    fn parse(name: &str, options: &Options) -> Result<Self, String> {
        match name {
            "cbpe" => Ok(Self::Cbpe),
            "detector" => Ok(Self::Detector { method: options.text("method")? }),
            "ks" => Ok(Self::Ks),
            "monitor" => Ok(Self::Monitor),
            "profile" => Ok(Self::Profile),
            "mmd" => Ok(Self::Mmd),
            "report" => Ok(Self::Report),
            "stream" => Ok(Self::Stream),
            _ => Err(USAGE.to_owned()),
        }
    }
}

/// `workload journal append`.
pub(crate) struct JournalAppend {
    pub(crate) store: String,
    /// Concurrent appenders of one process.
    pub(crate) writers: u64,
    /// Events in all.
    pub(crate) entries: u64,
    /// Bytes of text in each event.
    pub(crate) event_bytes: usize,
}

impl Command {
    /// Reads the words after the program's name.
    pub(crate) fn parse(words: impl Iterator<Item = String>) -> Result<Self, String> {
        let (words, options) = Options::split(words)?;
        match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["data", "tiny"] => {
                Ok(Self::DataTiny { store: options.text("store")?, files: options.number("files", 1_000_000)? })
            }
            ["artifact", "put", source] => Ok(Self::ArtifactPut(ArtifactPut {
                store: options.text("store")?,
                name: options.find("name").map_or_else(|| file_name(source.as_ref()), name)?,
                profile: options.find("profile").map_or(Ok(ChunkProfile::default()), profile)?,
                source: source.into(),
            })),
            ["artifact", "get", artifact, target] => Ok(Self::ArtifactGet(ArtifactGet {
                store: options.text("store")?,
                name: name(artifact)?,
                target: target.into(),
            })),
            ["artifact", "fsck"] => Ok(Self::ArtifactFsck(Store { store: options.text("store")? })),
            ["artifact", "gc"] => Ok(Self::ArtifactGc(Store { store: options.text("store")? })),
            ["journal", "append"] => Ok(Self::JournalAppend(JournalAppend {
                store: options.text("store")?,
                writers: options.number("writers", 1)?.max(1),
                entries: options.number("entries", 1_000)?,
                event_bytes: options.size("event-bytes", 64)?,
            })),
            ["data", step] => Ok(Self::Data(Data {
                store: options.text("store")?,
                cache: options.find("cache").map(PathBuf::from),
                step: DataStep::parse(step, &options)?,
            })),
            ["drift", step] => Ok(Self::Drift(Drift {
                rows: options.size("rows", 1_000_000)?,
                columns: options.size("columns", 10)?,
                step: DriftStep::parse(step, &options)?,
            })),
            ["table", step] => {
                Ok(Self::Table(Table { store: options.text("store")?, step: TableStep::parse(step, &options)? }))
            }
            ["hash"] => Ok(Self::Hash { bytes: options.number("bytes", 1 << 30)? }),
            _ => Err(USAGE.to_owned()),
        }
    }
}

fn name(text: &str) -> Result<Name, String> {
    Name::new(text).map_err(|error| error.to_string())
}

fn file_name(path: &Path) -> Result<Name, String> {
    let found = path.file_name().map(|found| found.to_string_lossy());
    name(&found.unwrap_or_default()).map_err(|error| format!("{error}; give one by --name"))
}

fn profile(text: &str) -> Result<ChunkProfile, String> {
    match text {
        "standard" => Ok(ChunkProfile::Standard),
        "weights" => Ok(ChunkProfile::Weights),
        "whole" => Ok(ChunkProfile::Whole),
        _ => Err(format!("--profile {text}: not standard, weights or whole")),
    }
}

/// `--name value` pairs, wherever they stand between the words.
struct Options(Vec<(String, String)>);

impl Options {
    /// Tells words and options apart.
    fn split(mut all: impl Iterator<Item = String>) -> Result<(Vec<String>, Self), String> {
        let (mut words, mut pairs) = (Vec::new(), Vec::new());
        while let Some(word) = all.next() {
            match word.strip_prefix("--") {
                Some(name) => pairs.push((name.to_owned(), all.next().ok_or_else(|| USAGE.to_owned())?)),
                None => words.push(word),
            }
        }
        Ok((words, Self(pairs)))
    }

    fn find(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    fn text(&self, name: &str) -> Result<String, String> {
        self.find(name).map(ToOwned::to_owned).ok_or_else(|| format!("--{name} is missing\n{USAGE}"))
    }

    fn number(&self, name: &str, default: u64) -> Result<u64, String> {
        match self.find(name) {
            Some(value) => value.parse().map_err(|_| format!("--{name} {value}: not a number")),
            None => Ok(default),
        }
    }

    fn size(&self, name: &str, default: u64) -> Result<usize, String> {
        usize::try_from(self.number(name, default)?).map_err(|error| error.to_string())
    }
}

const USAGE: &str = "usage:
  workload artifact put SRC --store URL [--name NAME] [--profile standard|weights|whole]
  workload artifact get NAME --store URL DEST
  workload artifact gc|fsck --store URL
  workload data init --store URL
  workload data add --store URL --from DIR [--message M] [--cache DIR]
  workload data status --store URL --from DIR [--cache DIR]
  workload data checkout --store URL --to DIR [--revision R] [--cache DIR]
  workload data push --store URL --to URL
  workload data tiny --store URL [--files N]
  workload table put|append --store URL --from FILE
  workload table update --store URL --from FILE --key COLUMN
  workload table diff --store URL --key COLUMN [--old R] [--new R]
  workload table read --store URL [--revision R] [--raw DIR]
  workload journal append --store URL [--writers N] [--entries M] [--event-bytes B]
  workload drift report [--rows N] [--columns C]
  workload drift ks [--rows N]
  workload drift monitor [--rows N] [--columns C]
  workload drift cbpe [--rows N]
  workload drift profile [--rows N] [--columns C]
  workload drift stream [--rows N] [--columns C]
  workload drift mmd --rows N [--columns C]
  workload drift detector --method adwin|alarm|alarm_errors|ddm|rddm|eddm|fhddm|hddm_a|hddm_w|page_hinkley|cusum|gma|ecdd|stepd|kswin [--rows N]
  workload hash [--bytes N]
--cache: where digests of files are kept; by default, for a local store, its path with .cache appended
--raw: an empty directory, in which the same table is then read as a file of its own
SRC: file or directory; NAME is its file name if not given; DEST: directory; FILE: rows as Parquet; R: such as main~1
URL: local path, file:///absolute/path, memory:///, or (feature cloud) s3://, gs://, az:// with the usual variables set";
