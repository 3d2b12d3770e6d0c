//! The page: self-contained, escaped, complete.

use lineal_drift::performance::Reliability;
use lineal_drift::{Band, Calibrated, Series, SeriesPoint, SessionPage, report_html};

use crate::flights::{Windows, months};
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
    // Twelve columns of numbers have a second picture, unless no quantile moved.
    assert_eq!(page.matches("<svg").count(), 15 + page.matches("How far each quantile").count());
    let position = |name: &str| page.find(&format!("<bdi>{name}</bdi>")).unwrap();
    assert!(position("temp") < position("dewp") && position("dewp") < position("carrier"));
    assert!(page.contains("prefers-color-scheme:dark") && page.contains("width=device-width"));
    if let Some(file) = std::env::var_os("LINEAL_DRIFT_PAGE") {
        std::fs::write(file, page).unwrap();
    }
}

/// AUC and share of late flights by month, as a model of January to March has them (the lifecycle example tells).
fn auc() -> Series {
    let values =
        [("April", 0.655), ("May", 0.696), ("June", 0.679), ("July", 0.689), ("August", 0.691), ("September", 0.632)];
    let series = Series::new("ROC AUC", Band::new(Some(0.66), Some(0.73)));
    values.into_iter().fold(series, |series, (month, auc)| {
        series.with_point(SeriesPoint::new(month).with_realised(auc).with_estimated(auc + 0.01))
    })
}

/// `LINEAL_DRIFT_SESSION_PAGE=/absolute/file.html` keeps the page, to look at it.
#[test]
fn a_session_page_tells_the_worst_first() {
    let months = months();
    let probabilities: Vec<f64> = (0..1000).map(|i| f64::from(i % 10) / 10.0).collect();
    let happened: Vec<bool> = (0..1000).map(|i| i / 10 < (i % 10) * 9).collect();
    let table = Reliability::equal_width(&probabilities, &happened, 10).unwrap();
    let page = SessionPage::new("Flights out of New York, 2013")
        .with_series(auc())
        .with_calibration(Calibrated::new("July", &table));
    let page = months.iter().fold(page, |page, (name, report)| page.with_window(*name, report)).to_html();
    assert_inert(&page);
    let place = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text}"));
    assert!(place("left its band in") < place("<b><bdi>temp</bdi></b> drifted in"));
    assert!(place("Findings") < place("Over time") && place("Over time") < place("Drift of each column"));
    assert!(place("Calibration") < place("the window with most drift"));
    assert!(page.contains("expected calibration error") && page.contains("@media print"));
    assert!(page.len() < 300_000, "{}", page.len());
    if let Some(file) = std::env::var_os("LINEAL_DRIFT_SESSION_PAGE") {
        std::fs::write(file, page).unwrap();
    }
}

#[test]
fn a_session_page_takes_anything() {
    let hostile = "</bdi><script>alert(1)</script>\u{0}";
    let empty = SessionPage::new(hostile).to_html();
    assert!(empty.contains("None: every quantity stayed in its band"));
    let numbers = [f64::NAN, f64::INFINITY, -1e308, 1e308, 0.0];
    let series = numbers.into_iter().fold(Series::new(hostile, Band::default()), |series, v| {
        series.with_point(SeriesPoint::new(hostile).with_realised(v).with_estimated(-v))
    });
    let one = Series::new("one", Band::new(Some(f64::NAN), None)).with_point(SeriesPoint::new("x").with_realised(3.0));
    let bin = |rows: u64, share: f64| serde_json::json!({"least": 0.0, "greatest": 1.0, "rows": rows, "mean_probability": 0.5, "observed_fraction": share});
    let bins = serde_json::json!({"bins": [bin(1, 2.0), bin(0, 0.5), bin(u64::MAX, 0.3)]});
    let table: Reliability = serde_json::from_value(bins).unwrap();
    let report = compare(&[batch([(hostile, words([Some(hostile)]))])], &[batch([(hostile, floats([1.0]))])]);
    let page =
        SessionPage::new("x").with_series(series).with_series(one).with_calibration(Calibrated::new(hostile, &table));
    let page = page.with_window(hostile, &report).with_window(hostile, &report).to_html();
    for page in [&empty, &page] {
        assert_inert(page);
        assert!(!page.contains("NaN") && !page.contains("inf\"") && !page.contains('\u{0}'));
        assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
    }
}
