use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    ops::AddAssign,
    sync::{Arc, Mutex},
};

use lineal_core::{Digest, InDoubt};

/// What the writers of one world were told. Shared by all of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Audit {
    told: Arc<Mutex<Told>>,
}

#[derive(Debug, Default)]
struct Told {
    /// Line -> number of the entry it was said to be in.
    acknowledged: BTreeMap<String, u64>,
    aborted: BTreeSet<String>,
    in_doubt: Vec<(String, InDoubt)>,
    /// Digest of each entry that anybody saw as a head.
    heads: BTreeMap<u64, BTreeSet<Digest>>,
    faults: Vec<String>,
}

/// One line as it stands in the log at the end.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) text: String,
    /// How many lines there were when the writer decided.
    pub(crate) before: u64,
    pub(crate) seq: u64,
}

/// Sums of what happened, to show that a simulation did something.
#[derive(Debug, Default, Clone)]
pub(crate) struct Tally {
    pub(crate) acknowledged: u64,
    pub(crate) aborted: u64,
    pub(crate) in_doubt: u64,
    pub(crate) entries: u64,
    pub(crate) shared_entries: u64,
    pub(crate) noops: u64,
}

impl Audit {
    pub(crate) fn acknowledged(&self, line: &str, seq: u64) {
        let mut told = self.told.lock().unwrap();
        if let Some(before) = told.acknowledged.insert(line.to_owned(), seq)
            && before != seq
        {
            told.faults.push(format!("{line} was acknowledged at {before} and at {seq}"));
        }
    }

    pub(crate) fn aborted(&self, line: &str) {
        self.told.lock().unwrap().aborted.insert(line.to_owned());
    }

    pub(crate) fn in_doubt(&self, line: &str, doubt: InDoubt) {
        self.told.lock().unwrap().in_doubt.push((line.to_owned(), doubt));
    }

    pub(crate) fn saw_head(&self, seq: u64, digest: Digest) {
        self.told.lock().unwrap().heads.entry(seq).or_default().insert(digest);
    }

    /// Notes something that is wrong whatever the end looks like.
    pub(crate) fn fault(&self, what: String) {
        self.told.lock().unwrap().faults.push(what);
    }

    pub(crate) fn doubts(&self) -> Vec<(String, InDoubt)> {
        self.told.lock().unwrap().in_doubt.clone()
    }

    pub(crate) fn tally(&self) -> Tally {
        let told = self.told.lock().unwrap();
        Tally {
            acknowledged: told.acknowledged.len() as u64,
            aborted: told.aborted.len() as u64,
            in_doubt: told.in_doubt.len() as u64,
            ..Tally::default()
        }
    }

    /// Holds what was told against the lines and header digests that are stored at the end.
    pub(crate) fn check(&self, lines: &[Stored], digests: &BTreeMap<u64, Digest>) -> Result<(), String> {
        let told = self.told.lock().unwrap();
        if let Some(fault) = told.faults.first() {
            return Err(fault.clone());
        }
        let mut places: BTreeMap<&str, u64> = BTreeMap::new();
        for (at, line) in lines.iter().enumerate() {
            if let Some(first) = places.insert(&line.text, line.seq) {
                return Err(format!("{} is doubled: in {first} and in {}", line.text, line.seq));
            }
            if line.before != at as u64 {
                return Err(format!("{} was decided on {} lines and stands after {at}", line.text, line.before));
            }
        }
        for (line, seq) in &told.acknowledged {
            match places.get(line.as_str()) {
                None => return Err(format!("{line} was acknowledged at {seq} and is lost")),
                Some(stored) if stored != seq => {
                    return Err(format!("{line} was acknowledged at {seq}, is in {stored}"));
                }
                Some(_) => {}
            }
        }
        for line in &told.aborted {
            if places.contains_key(line.as_str()) {
                return Err(format!("{line} was certainly aborted and is there"));
            }
        }
        for (seq, seen) in &told.heads {
            if seen.len() > 1 || digests.get(seq).is_some_and(|stored| !seen.contains(stored)) {
                return Err(format!("entry {seq} is forked: seen as {seen:?}, stored as {:?}", digests.get(seq)));
            }
        }
        Ok(())
    }
}

impl AddAssign<&Self> for Tally {
    fn add_assign(&mut self, other: &Self) {
        self.acknowledged += other.acknowledged;
        self.aborted += other.aborted;
        self.in_doubt += other.in_doubt;
        self.entries += other.entries;
        self.shared_entries += other.shared_entries;
        self.noops += other.noops;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { acknowledged, aborted, in_doubt, entries, shared_entries, noops } = self;
        write!(
            f,
            "appends acknowledged {acknowledged}, certainly aborted {aborted}, in doubt and then resolved {in_doubt}; \
             entries {entries}, shared by several appenders {shared_entries}, noops {noops}; lost 0, doubled 0, forks 0, gaps 0"
        )
    }
}
