//! The page: self-contained, escaped, complete.

use lineal_drift::report_html;

use crate::flights::Windows;
use crate::generators::{batch, compare, floats, words};

/// Everything a page could use to run code or to reach the network.
fn assert_inert(page: &str) {
    for forbidden in [
        "<script",
        "javascript:",
        "http:",
        "https:",
        "<link",
        "<img",
        "<iframe",
        "@import",
        "url(",
        " src=",
        " onload",
        " onerror",
    ] {
        assert!(!page.to_lowercase().contains(forbidden), "{forbidden}");
    }
}

#[test]
fn hostile_names_and_labels_stay_text() {
    let name = "\"><script>alert(1)</script><img src=x onerror='x'>\u{202e}\u{0}";
    let label = "</svg><style>*{}</style>&amp;";
    let long = "x".repeat(100_000);
    let reference =
        batch([(name, words([Some(label), Some("")])), ("n", floats([0.0, 1.0])), (long.as_str(), floats([1.0, 2.0]))]);
    let current = batch([
        (name, words([Some("<b>"), None])),
        ("n", floats([5.0, 1.0])),
        (long.as_str(), words([Some("<i>"), None])),
    ]);
    let page = report_html(&compare(&[reference], &[current]));
    let body = page.split("<body>").nth(1).unwrap();
    for raw in ["<script", "<img", "</svg><style", "<b></bdi>", "\u{0}"] {
        assert!(!body.contains(raw), "{raw}");
    }
    assert!(body.contains("&lt;script&gt;") && body.contains("(empty text)"));
    assert!(page.len() < 100_000);
    assert_eq!(body.matches("<svg").count(), body.matches("</svg>").count());
}

/// `LINEAL_DRIFT_PAGE=/absolute/file.html` keeps the page, to look at it.
#[test]
fn flights_page_shows_every_column() {
    let page = report_html(&Windows::read().july());
    assert_inert(&page);
    assert!(page.contains("<b>7 of 15</b> compared columns drifted"));
    assert_eq!(page.matches("<svg").count(), 15);
    let position = |name: &str| page.find(&format!("<bdi>{name}</bdi>")).unwrap();
    assert!(position("temp") < position("dewp") && position("dewp") < position("carrier"));
    assert!(page.contains("prefers-color-scheme:dark") && page.contains("width=device-width"));
    if let Some(file) = std::env::var_os("LINEAL_DRIFT_PAGE") {
        std::fs::write(file, page).unwrap();
    }
}
