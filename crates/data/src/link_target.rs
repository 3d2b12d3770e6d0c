use lineal_core::FilePath;

/// Checks that a link at `path` leads to a place in the same version, whatever other links lie there.
///
/// `..` is taken at the beginning only, where it leaves real directories: behind the name of another link it could lead
/// anywhere.
pub(crate) fn check(path: &FilePath, target: &[u8]) -> Result<(), &'static str> {
    let target = std::str::from_utf8(target).map_err(|_| "link must lead to a path in UTF-8")?;
    let mut up = 0;
    let mut down = target;
    while let Some(rest) = down.strip_prefix("..") {
        down = match rest.strip_prefix('/') {
            Some(rest) => rest,
            None if rest.is_empty() => rest,
            None => break,
        };
        up += 1;
    }
    if up >= path.components().count() {
        return Err("link must not lead out of the directory");
    }
    let down = down.strip_suffix('/').unwrap_or(down);
    let leads_up_alone = up > 0 && down.is_empty();
    if leads_up_alone || target == "." || FilePath::new(down).is_ok() {
        return Ok(());
    }
    Err("link must lead to a relative path within the directory, with '..' at its beginning only")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_stays_in_its_directory() {
        let check = |path: &str, target: &str| check(&FilePath::new(path).unwrap(), target.as_bytes()).is_ok();
        for (path, target) in [
            ("a", "b"),
            ("a", "b/c"),
            ("d/a", "../b"),
            ("d/e/a", "../../b/c"),
            ("d/e/a", ".."),
            ("d/e/a", "../.."),
            ("d/a", "../"),
            ("a", "b/"),
            ("a", "."),
            ("a", "..b"),
            ("d/a", "../..b"),
        ] {
            assert!(check(path, target), "{path} -> {target}");
        }
        for (path, target) in [
            ("a", ""),
            ("a", "/"),
            ("a", "/etc/passwd"),
            ("a", ".."),
            ("a", "../b"),
            ("d/a", "../../b"),
            ("d/a", "b/../../c"),
            ("d/a", "s/.."),
            ("a", "b//c"),
            ("d/a", "..//c"),
            ("d/a", ".././../c"),
            ("a", "c:\\windows"),
            ("d/a", "..\\..\\c"),
            ("a", "b\0"),
        ] {
            assert!(!check(path, target), "{path} -> {target}");
        }
        assert!(super::check(&FilePath::new("a").unwrap(), b"\xff").is_err());
    }
}
