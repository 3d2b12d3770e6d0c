//! Names that come from outside: what is allowed, and how they are shown.

/// Tells whether `text` has 1 to `limit` bytes and nothing in it that nobody sees.
///
/// Control characters, line and paragraph separators, and characters that change direction or join invisibly.
pub(crate) fn is_clean(text: &str, limit: usize) -> bool {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
    };
    (1..=limit).contains(&text.len()) && text.trim() == text && !text.chars().any(hidden)
}

/// Escapes and cuts a text of unknown origin for a message.
pub(crate) fn excerpt(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

const SHOWN: usize = 120;

/// Cuts a text after so many characters.
pub(crate) fn cut(text: &str, limit: usize) -> String {
    text.chars().take(limit).collect()
}
