//! Texts and numbers as a page shows them.

/// Makes a text from the data harmless in HTML text and attributes; control characters become visible.
pub(crate) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c if c.is_control() => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}

/// Writes a number with about four significant digits.
pub(crate) fn number(v: f64) -> String {
    let size = v.abs();
    match size {
        0.0 => "0".to_owned(),
        _ if !(1e-3..1e6).contains(&size) => format!("{v:.2e}"),
        _ if size >= 100.0 => format!("{v:.0}"),
        _ if size >= 10.0 => format!("{v:.1}"),
        _ if size >= 1.0 => format!("{v:.2}"),
        _ => format!("{v:.3}"),
    }
}

/// Writes a share of 1 in percent.
pub(crate) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent == 0.0 || percent >= 10.0 { format!("{percent:.0}%") } else { format!("{percent:.1}%") }
}

/// Cuts a text to at most `most` characters, the last of them an ellipsis.
pub(crate) fn shorten(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_data_is_harmless() {
        assert_eq!(
            escape("<a href=\"x\" title='y'>&\u{0}\n"),
            "&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;&amp;\u{fffd}\u{fffd}"
        );
    }

    #[test]
    fn numbers_are_short() {
        let written: Vec<String> = [0.0, 5.1987, 0.35, 1234.6, 1e-9, -3e7].into_iter().map(number).collect();
        assert_eq!(written, ["0", "5.20", "0.350", "1235", "1.00e-9", "-3.00e7"]);
        assert_eq!((percent(0.0213), percent(1.0)), ("2.1%".to_owned(), "100%".to_owned()));
    }
}
