use super::*;

const HOSTILE: &str = "<script src=\"https://evil.example/x\">'&\u{0}\u{202e}";

fn scores(log_loss: f64) -> Scores {
    Scores { rows: 28_485, base_rate: 0.3, mean_prediction: 0.2, auc: 0.7, log_loss, brier: 0.2, ece: 0.1 }
}

fn node(id: &str) -> Node {
    Node { id: id.to_owned(), lines: vec![id.to_owned(), "b".repeat(500)] }
}

/// Nine months, three decisions, every text replaced by `text`.
fn data(text: &str) -> ReportData {
    let months = (4..=12).map(|number| Month {
        number,
        version: 1,
        champion: scores(0.5),
        frozen: scores(0.5 + f64::from(number) / 50.0),
    });
    let event = |month, day, kind, version| Event { month, day, kind, version, text: text.to_owned() };
    let bin = Bin { rows: 100, predicted: 0.2, observed: 0.3 };
    ReportData {
        title: text.to_owned(),
        headline: text.to_owned(),
        summary: vec![text.to_owned()],
        figures: vec![Figure { value: text.to_owned(), label: text.to_owned() }],
        control: scores(0.49),
        months: months.collect(),
        events: vec![
            event(4, 1, EventKind::Promoted, 1),
            event(7, 1, EventKind::Refused, 2),
            event(7, 2, EventKind::RolledBack, 1),
        ],
        drift: Drift {
            threshold: 0.1,
            rows: vec![DriftRow { feature: text.to_owned(), control: 0.01, months: vec![5.2; 9] }],
            prediction: Some(DriftRow { feature: text.to_owned(), control: 0.02, months: vec![0.3; 9] }),
            reading: vec![text.to_owned()],
        },
        reliability: Reliability { window: text.to_owned(), champion: vec![bin; 10], frozen: vec![Bin::default(); 10] },
        descent: Descent {
            prediction: node(text),
            deployed: node(text),
            decision: node(text),
            approval: node(text),
            run: node(text),
            data: node(text),
            code: node(text),
            environment: node(text),
        },
        answers: vec![Answer { question: text.to_owned(), answer: text.to_owned() }],
        checks: vec![Check { what: text.to_owned(), passed: false, outcome: text.to_owned(), detail: text.to_owned() }],
        notes: vec![text.to_owned()],
    }
}

/// Names the elements that are not closed in the order they were opened.
fn unbalanced(page: &str) -> Option<String> {
    let mut open: Vec<&str> = Vec::new();
    for tag in page.split('<').skip(1).map(|rest| rest.split('>').next().unwrap_or(rest)) {
        let name = tag.trim_start_matches('/').split(|c: char| c.is_whitespace() || c == '/').next().unwrap_or("");
        if tag.starts_with('!') || tag.ends_with('/') || matches!(name, "meta" | "link") {
            continue;
        }
        if !tag.starts_with('/') {
            open.push(name);
        } else if open.pop() != Some(name) {
            return Some(tag.to_owned());
        }
    }
    open.pop().map(str::to_owned)
}

#[test]
fn nothing_is_executed_or_loaded_whatever_the_texts_say() {
    let page = render(&data(HOSTILE));
    let lower = page.to_lowercase();
    for forbidden in ["<script", "src=", "url(", "@import", "<iframe", "<img", "href=\"http", "\u{0}", "\u{202e}"] {
        let found = lower.match_indices(forbidden).filter(|(at, _)| !lower[..*at].ends_with("&lt;script "));
        assert_eq!(found.count(), 0, "{forbidden:?}");
    }
    assert!(page.contains("&lt;script src=&quot;https://evil.example/x&quot;&gt;&#39;&amp;\u{fffd}\u{fffd}"));
    assert_eq!(unbalanced(&page), None);
}

#[test]
fn every_number_of_the_story_is_on_the_page() {
    let page = render(&data("plain"));
    let decisions = ["1 Apr: version 1 promoted", "1 Jul: version 2 refused", "2 Jul: version 1 restored by rollback"];
    for shown in [".740", "28,485", ">5.2<"].iter().chain(&decisions) {
        assert!(page.contains(shown), "{shown}");
    }
    // Three charts, a sign per decision, heat map with legend, reliability diagram, line of descent.
    assert_eq!(page.matches("<svg class=\"figure\"").count(), 3 + 3 + 2 + 1 + 1);
}

#[test]
fn empty_and_undefined_input_still_makes_a_page() {
    let mut empty = data("");
    empty.months.clear();
    empty.events.clear();
    empty.drift.rows.clear();
    empty.reliability.champion.clear();
    assert_eq!(unbalanced(&render(&empty)), None);

    let mut undefined = data("x");
    undefined.drift.threshold = f64::NAN;
    for month in &mut undefined.months {
        month.champion.log_loss = f64::NAN;
        month.frozen.ece = f64::INFINITY;
    }
    undefined.events[0].month = 255;
    let page = render(&undefined);
    assert!(!page.contains("NaN") && !page.contains("inf\""), "a coordinate is not a number");
    assert_eq!(unbalanced(&page), None);
}

#[test]
fn marks_are_round_and_cover_the_range() {
    for (low, high) in [(0.0, 0.23), (0.381, 0.808), (0.0, 1.0), (3.0, 3.0), (1e-9, 2e-9)] {
        let marks = svg::marks(low, high);
        assert!((2..=7).contains(&marks.len()), "{low}..{high}: {marks:?}");
        assert!(marks[0] <= low && marks[marks.len() - 1] >= high - 1e-9, "{low}..{high}: {marks:?}");
    }
    assert_eq!(svg::cut("abcdef", 4), "abc…");
    assert_eq!([svg::decimals(0.555, 3), svg::decimals(5.2, 1), svg::decimals(f64::NAN, 1)], [".555", "5.2", "–"]);
}
