//! Capturing provenance: what git, cargo and the machine say.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
    process::{Command, Stdio},
    thread,
};

use lineal_core::{CodeRef, EnvRef};

use crate::{Error, Provenance};

impl Provenance {
    /// Captures the provenance of the source tree at `root`: its git commit, whether and how the working tree differs,
    /// its `Cargo.lock`, `rustc -V`, operating system and processor.
    ///
    /// Starts `git` and `rustc` and blocks until they have answered; call it once, at the start of a program. What cannot
    /// be found out is left out: no git, no repository, no lock file. The difference covers tracked files and is kept up
    /// to 16 MiB; beyond, and for untracked files, only `dirty` is recorded. A remote's address is kept without password.
    ///
    /// # Errors
    /// [`Error::Capture`] if `root` is not a directory that can be read.
    pub fn capture(root: &Path) -> Result<Self, Error> {
        let failed = |source| Error::Capture { path: root.to_owned(), source };
        std::fs::read_dir(root).map(drop).map_err(failed)?;
        let toolchain = answer(root, "rustc", &["-V"]).unwrap_or_else(|| "unknown".to_owned());
        let mut env = EnvRef::new(toolchain, std::env::consts::OS, std::env::consts::ARCH);
        env.cpu = cpu_model();
        env.cpus = thread::available_parallelism().ok().map(|count| count.get() as u64);
        let mut captured = Self::new(env);
        if let Some(lock) = read_up_to(&root.join("Cargo.lock"), MAX_BYTES) {
            captured = captured.with_lock(lock);
        }
        if let Some(code) = code(root) {
            let dirty = code.dirty;
            captured = captured.with_code(code);
            let difference = ["diff", "--no-ext-diff", "--no-textconv", "--no-color", "--binary", "HEAD"];
            let difference = dirty.then(|| output(root, "git", &difference)).flatten();
            if let Some(difference) = difference.filter(|difference| !difference.is_empty()) {
                captured = captured.with_diff(difference);
            }
        }
        Ok(captured)
    }
}

fn code(root: &Path) -> Option<CodeRef> {
    let commit = answer(root, "git", &["rev-parse", "--verify", "HEAD"])?;
    let is_hash = matches!(commit.len(), 40 | 64) && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_hash {
        return None;
    }
    // A status that cannot be learnt, or is endless, is not clean.
    let dirty = output(root, "git", &["status", "--porcelain"]).is_none_or(|status| !status.is_empty());
    let repository = answer(root, "git", &["remote", "get-url", "origin"]).map(|url| without_password(&url));
    Some(CodeRef { repository, commit, dirty, diff: None })
}

/// Runs a program and returns its first line; `None` if it is missing, fails, or says nothing.
fn answer(root: &Path, program: &str, arguments: &[&str]) -> Option<String> {
    let output = output(root, program, arguments)?;
    let line = String::from_utf8_lossy(&output).lines().next().unwrap_or_default().trim().to_owned();
    (!line.is_empty() && line.len() <= MAX_LINE && !line.contains(char::is_control)).then_some(line)
}

/// Runs a program and returns what it writes; `None` if it is missing, fails, or writes too much.
fn output(root: &Path, program: &str, arguments: &[&str]) -> Option<Vec<u8>> {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    // Inside a git hook these point at another repository than the one at `root`.
    for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"] {
        command.env_remove(variable);
    }
    let mut child = command.env("GIT_OPTIONAL_LOCKS", "0").spawn().ok()?;
    let mut written = Vec::new();
    let read = child.stdout.take().map(|out| out.take(MAX_BYTES + 1).read_to_end(&mut written));
    let complete = matches!(read, Some(Ok(size)) if size as u64 <= MAX_BYTES);
    if !complete {
        // It may have ended by itself in the meantime.
        child.kill().ok();
    }
    let status = child.wait().ok()?;
    (complete && status.success()).then_some(written)
}

fn read_up_to(path: &Path, limit: u64) -> Option<Vec<u8>> {
    let read = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().ok().filter(|bytes| bytes.len() as u64 <= limit)
}

/// Removes user and password from the address of a remote.
fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

/// Returns the processor's model, where the system tells it in a file.
fn cpu_model() -> Option<String> {
    let text = read_up_to(Path::new("/proc/cpuinfo"), MAX_BYTES)?;
    let text = String::from_utf8_lossy(&text);
    let model = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'))?;
    let model = model.1.trim();
    (!model.is_empty() && model.len() <= MAX_LINE).then(|| model.to_owned())
}

/// Largest difference or lock file that is kept.
const MAX_BYTES: u64 = 16 * 1024 * 1024;
const MAX_LINE: usize = 500;

#[cfg(test)]
mod tests {
    use lineal_core::Digest;

    use super::*;

    fn git(root: &Path, arguments: &[&str]) {
        let identity = ["-c", "user.name=Ana", "-c", "user.email=ana@example.org", "-c", "commit.gpgsign=false"];
        assert!(output(root, "git", &[&identity, arguments].concat()).is_some(), "git {arguments:?}");
    }

    #[test]
    fn a_repository_is_captured_clean_then_dirty() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let file = root.join("train.rs");
        std::fs::write(&file, "fn main() {}\n").unwrap();
        std::fs::write(root.join("Cargo.lock"), "# locked\n").unwrap();
        for arguments in [&["init", "-q"][..], &["add", "."], &["commit", "-q", "-m", "first"]] {
            git(root, arguments);
        }
        git(root, &["remote", "add", "origin", "https://ana:secret@example.org/repo.git"]);
        let clean = Provenance::capture(root).unwrap();
        let code = clean.code.clone().unwrap();
        assert!(!code.dirty && code.diff.is_none() && code.commit.len() == 40);
        assert_eq!(code.repository.as_deref(), Some("https://example.org/repo.git"));
        assert_eq!(clean.env.lock, Some(Digest::of(b"# locked\n")));
        assert!(clean.env.toolchain.starts_with("rustc ") && clean.env.cpus > Some(0));

        std::fs::write(&file, "fn main() { train() }\n").unwrap();
        let dirty = Provenance::capture(root).unwrap();
        let (changed, diff) = (dirty.code.unwrap(), dirty.attachments.last().unwrap().0.clone());
        assert!(changed.dirty && changed.commit == code.commit);
        assert_eq!(changed.diff, Some(Digest::of(&diff)));
        assert!(String::from_utf8_lossy(&diff).contains("+fn main() { train() }"));

        git(root, &["checkout", "-q", "."]);
        std::fs::write(root.join("untracked.rs"), "").unwrap();
        let untracked = Provenance::capture(root).unwrap().code.unwrap();
        assert!(untracked.dirty && untracked.diff.is_none());
    }

    #[test]
    fn without_git_the_rest_is_captured_and_a_missing_directory_is_an_error() {
        let root = tempfile::tempdir().unwrap();
        let captured = Provenance::capture(root.path()).unwrap();
        assert!(captured.code.is_none() && captured.env.lock.is_none());
        assert_eq!(captured.env.os, std::env::consts::OS);
        assert!(matches!(Provenance::capture(&root.path().join("none")), Err(Error::Capture { .. })));
    }

    #[test]
    fn a_large_difference_is_left_out() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        std::fs::write(root.join("a"), "").unwrap();
        for arguments in [&["init", "-q"][..], &["add", "."], &["commit", "-q", "-m", "first"]] {
            git(root, arguments);
        }
        std::fs::write(root.join("a"), "0123456789abcde\n".repeat(1_200_000)).unwrap();
        let code = Provenance::capture(root).unwrap().code.unwrap();
        assert!(code.dirty && code.diff.is_none());
    }

    #[test]
    fn passwords_are_removed() {
        for (url, kept) in [
            ("https://u:p@h.org/a@b", "https://h.org/a@b"),
            ("git@h.org:a/b", "git@h.org:a/b"),
            ("https://tok@h.org", "https://h.org"),
            ("ssh://git@h.org:22/a", "ssh://h.org:22/a"),
        ] {
            assert_eq!(without_password(url), kept);
        }
    }
}
