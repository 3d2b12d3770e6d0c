/// What the command line asks for.
pub(crate) enum Command {
    JournalAppend(JournalAppend),
    Hash { bytes: u64 },
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
        let words: Vec<String> = words.collect();
        let (names, options) =
            words.split_at(words.iter().position(|word| word.starts_with("--")).unwrap_or(words.len()));
        let options = Options::parse(options)?;
        match names.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["journal", "append"] => Ok(Self::JournalAppend(JournalAppend {
                store: options.text("store")?,
                writers: options.number("writers", 1)?.max(1),
                entries: options.number("entries", 1_000)?,
                event_bytes: usize::try_from(options.number("event-bytes", 64)?).map_err(|error| error.to_string())?,
            })),
            ["hash"] => Ok(Self::Hash { bytes: options.number("bytes", 1 << 30)? }),
            _ => Err(USAGE.to_owned()),
        }
    }
}

/// `--name value` pairs.
struct Options(Vec<(String, String)>);

impl Options {
    fn parse(words: &[String]) -> Result<Self, String> {
        let pairs = words.chunks(2).map(|pair| match pair {
            [name, value] if name.starts_with("--") => Ok((name.trim_start_matches("--").to_owned(), value.clone())),
            _ => Err(USAGE.to_owned()),
        });
        pairs.collect::<Result<_, _>>().map(Self)
    }

    fn text(&self, name: &str) -> Result<String, String> {
        let found = self.0.iter().find(|(given, _)| given == name);
        found.map(|(_, value)| value.clone()).ok_or_else(|| format!("--{name} is missing\n{USAGE}"))
    }

    fn number(&self, name: &str, default: u64) -> Result<u64, String> {
        match self.0.iter().find(|(given, _)| given == name) {
            Some((_, value)) => value.parse().map_err(|_| format!("--{name} {value}: not a number")),
            None => Ok(default),
        }
    }
}

const USAGE: &str = "usage:
  workload journal append --store URL [--writers N] [--entries M] [--event-bytes B]
  workload hash [--bytes N]
URL: file:///absolute/path, memory:///, or (feature cloud) s3://, gs://, az:// with the usual variables set";
