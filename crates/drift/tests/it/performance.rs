//! Performance with labels, with late ones, and without.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, Float64Array, Int64Array};
use lineal_core::Rng;
use lineal_drift::arrow;
use lineal_drift::ndarray::Array2;
use lineal_drift::performance::{
    Calibration, Cbpe, CbpeSettings, Dle, DleSettings, IsotonicRegression, LabelJoin, Metric, PerformanceReport,
    Predictions, Rankings, RegressionPredictions, Reliability, average_precision, brier, log_loss, roc_auc,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::acs_data::{Acs, predictions};
use crate::data_sets::data_set;

const COLUMNS: [&str; 3] = ["predicted_probability", "prediction", "employed"];

/// Employment in Massachusetts: analysis chunks 13 and 14 hold almost only residents of group quarters, where the model is worse.
#[test]
fn estimates_follow_what_happened() {
    let acs = Acs::read(&data_set("acs_employment_ma.parquet"), COLUMNS);
    let cbpe = Cbpe::fit(&predictions(&acs.reference, COLUMNS), CbpeSettings::default()).unwrap();
    let [reference, analysis] =
        [&acs.reference, &acs.analysis].map(|part| cbpe.estimate(&predictions(part, COLUMNS)).unwrap());
    assert_eq!((reference.chunks.len(), analysis.chunks.len()), (7, 21));
    for metric in [Metric::RocAuc, Metric::Accuracy] {
        assert_eq!(reference.alerts_of(metric), [] as [u64; 0]);
        assert_eq!(analysis.alerts_of(metric), [13, 14], "{metric:?}");
        for chunk in reference.chunks.iter().chain(&analysis.chunks) {
            let found = chunk.metric(metric).unwrap();
            let (estimated, realised) = (found.estimated.unwrap(), found.realised.unwrap());
            // What chance does to a chunk of this size, and a hundredth because the calibrator is of another year.
            let reach = 3.0 * found.sampling_error.unwrap() + 0.01;
            assert!((estimated - realised).abs() < reach, "{metric:?} {}: {estimated} {realised}", chunk.index);
        }
        assert!(analysis.chunks[13].metric(metric).unwrap().realised_alert, "{metric:?}");
    }
    // A fitted estimator and a report are stored and read back as they are.
    let stored = serde_json::to_string(&cbpe).unwrap();
    assert_eq!(serde_json::from_str::<Cbpe>(&stored).unwrap(), cbpe);
    assert!(stored.len() < 20_000, "{} bytes hold more than a summary", stored.len());
    let stored = serde_json::to_string(&analysis).unwrap();
    assert_eq!(serde_json::from_str::<PerformanceReport>(&stored).unwrap(), analysis);
}

/// Labels that come late, backwards and in pieces make the same report as labels that were there from the start.
#[test]
fn late_labels_complete_a_report() {
    let acs = Acs::read(&data_set("acs_employment_ma.parquet"), COLUMNS.into_iter().chain(["id"]));
    let cbpe = Cbpe::fit(&predictions(&acs.reference, COLUMNS), CbpeSettings::default()).unwrap();
    let rows = acs.analysis.slice(0, 20_000);
    let column = |name: &str| rows.column_by_name(name).unwrap();
    let unlabelled = Predictions::binary(column(COLUMNS[0])).unwrap().with_predicted(column(COLUMNS[1])).unwrap();
    let waiting = cbpe.estimate(&unlabelled).unwrap();
    assert!(waiting.chunks.iter().flat_map(|c| &c.metrics).all(|m| m.realised.is_none() && m.estimated.is_some()));

    let ids = Int64Array::from_iter_values(0..20_000);
    let mut join = LabelJoin::new(&ids).unwrap();
    for start in [15_000, 10_000, 5_000, 0] {
        join.add(&ids.slice(start, 5_000), &column(COLUMNS[2]).slice(start, 5_000)).unwrap();
    }
    assert_eq!(join.coverage().fraction(), 1.0);
    let complete = cbpe.estimate(&unlabelled.with_actual(&join.labels()).unwrap()).unwrap();
    assert_eq!(complete, cbpe.estimate(&predictions(&rows, COLUMNS)).unwrap());
}

fn noisy(rows: u32, seed: u32) -> Predictions {
    let draw = move |i: u32, of: u32| {
        f64::from((i + 1).wrapping_mul(2_654_435_761).wrapping_add(seed * 97 + of * 7_919) % 1_009) / 1_009.0
    };
    let scores = Float64Array::from_iter_values((0..rows).map(|i| draw(i, 1)));
    let predicted = BooleanArray::from_iter((0..rows).map(|i| Some(draw(i, 1) > 0.5)));
    let actual = BooleanArray::from_iter((0..rows).map(|i| Some(draw(i, 2) < draw(i, 1).powi(2))));
    Predictions::binary(&scores).unwrap().with_predicted(&predicted).unwrap().with_actual(&actual).unwrap()
}

fn bytes(threads: usize) -> String {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| {
        let cbpe = Cbpe::fit(&noisy(70_000, 1), CbpeSettings::default().with_chunk_rows(40_000)).unwrap();
        assert!(cbpe.calibrators[0].is_some());
        let report = cbpe.estimate(&noisy(50_000, 2)).unwrap();
        serde_json::to_string(&(cbpe, report)).unwrap()
    })
}

#[test]
fn any_number_of_threads_estimates_the_same_bytes() {
    let alone = bytes(1);
    for threads in [2, 8] {
        assert!(bytes(threads) == alone, "{threads} threads");
    }
}

/// Rows of two features, and a regression whose errors are normal with the first one as their deviation.
fn heteroscedastic(rows: usize, seed: u64, greatest: f64) -> (Array2<f64>, RegressionPredictions) {
    let mut rng = Rng::new(seed, "heteroscedastic");
    let features = Array2::from_shape_fn((rows, 2), |(_, column)| rng.f64() * if column == 0 { greatest } else { 1.0 });
    let predicted: Vec<f64> = features.rows().into_iter().map(|row| 10.0 + row[1]).collect();
    let actual = features.rows().into_iter().zip(&predicted).map(|(row, p)| p + row[0] * rng.normal());
    let actual = Float64Array::from_iter_values(actual);
    (features, RegressionPredictions::new(&Float64Array::from(predicted)).unwrap().with_actual(&actual).unwrap())
}

#[test]
fn losses_are_estimated_where_the_inputs_move() {
    let metrics = [Metric::Mae, Metric::Mse, Metric::Rmse, Metric::Mape, Metric::Msle, Metric::Rmsle];
    let settings = DleSettings::default().with_chunk_rows(2_000).with_metrics(metrics);
    let (features, reference) = heteroscedastic(6_000, 1, 2.0);
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| Dle::fit(features.view(), &reference, settings.clone()).unwrap())
    };
    let dle = run(8);
    assert!(run(1) == dle);
    let stored = serde_json::to_string(&dle).unwrap();
    assert_eq!(serde_json::from_str::<Dle>(&stored).unwrap(), dle);
    // Half the spread: every error is smaller, and the estimate says so without a label.
    let (features, current) = heteroscedastic(4_000, 2, 1.0);
    for chunk in dle.estimate(features.view(), &current).unwrap().chunks {
        for found in &chunk.metrics {
            let (estimated, realised) = (found.estimated.unwrap(), found.realised.unwrap());
            assert!((estimated / realised - 1.0).abs() < 0.15, "{found:?}");
            assert!(found.alert && found.realised_alert && found.sampling_error.unwrap() > 0.0, "{found:?}");
        }
    }
}

#[test]
fn direct_loss_estimation_of_hostile_rows() {
    let (features, reference) = heteroscedastic(200, 1, 2.0);
    let none = RegressionPredictions::new(&Float64Array::from(Vec::<f64>::new())).unwrap();
    let fit =
        |features: &Array2<f64>, rows: &RegressionPredictions| Dle::fit(features.view(), rows, DleSettings::default());
    assert!(fit(&features, &none).is_err() && fit(&Array2::zeros((0, 2)), &none).is_err());
    assert!(fit(&Array2::from_elem((200, 1), f64::INFINITY), &reference).is_err());
    let r2 = DleSettings::default().with_metrics([Metric::R2]);
    assert!(Dle::fit(features.view(), &reference, r2).is_err());
    let huge = Float64Array::from(vec![1e200; 200]);
    let huge = RegressionPredictions::new(&huge).unwrap().with_actual(&Float64Array::from(vec![-1e200; 200])).unwrap();
    assert!(fit(&features, &huge).is_err());
    // No feature at all, and only missing ones.
    for features in [Array2::zeros((200, 0)), Array2::from_elem((200, 3), f64::NAN)] {
        let dle = fit(&features, &reference).unwrap();
        let report = dle.estimate(features.view(), &reference).unwrap();
        assert!(report.chunks[0].metrics.iter().all(|m| m.estimated.is_some()));
        assert!(dle.estimate(Array2::zeros((200, 9)).view(), &reference).is_err());
    }
    let dle = fit(&features, &reference).unwrap();
    assert_eq!(dle.estimate(Array2::zeros((0, 2)).view(), &none).unwrap().chunks, []);
    let missing = RegressionPredictions::new(&Float64Array::from(vec![f64::NAN])).unwrap();
    let report = dle.estimate(Array2::zeros((1, 2)).view(), &missing).unwrap();
    assert!(report.chunks[0].metrics.iter().all(|m| m.estimated.is_none() && !m.alert));
}

/// Reports are stored by others: their layout is pinned.
#[test]
fn a_report_keeps_its_layout() {
    let settings = CbpeSettings::default().with_chunk_rows(2).with_metrics([Metric::Accuracy, Metric::RocAuc]);
    let of = |scores: Vec<f64>, predicted: Vec<bool>| {
        let scored = Predictions::binary(&Float64Array::from(scores)).unwrap();
        scored.with_predicted(&BooleanArray::from(predicted)).unwrap()
    };
    let reference = of(vec![0.25, 0.75, 0.25, 0.75], vec![false, true, false, true]);
    let reference = reference.with_actual(&BooleanArray::from(vec![false, true, false, true])).unwrap();
    let cbpe = Cbpe::fit(&reference, settings).unwrap();
    let report = cbpe.estimate(&of(vec![0.5, 0.5], vec![true, true])).unwrap();
    insta::assert_snapshot!("performance_report", serde_json::to_string_pretty(&report).unwrap());
    insta::assert_snapshot!("cbpe", serde_json::to_string_pretty(&cbpe).unwrap());
}

#[test]
fn one_class_one_row_and_nothing() {
    let score = |scores: Vec<Option<f64>>| Predictions::binary(&Float64Array::from(scores)).unwrap();
    let all = |p: Predictions, flags: Vec<Option<bool>>| {
        let flags = BooleanArray::from(flags);
        p.with_predicted(&flags).unwrap().with_actual(&flags).unwrap()
    };
    for empty in [score(vec![]), score(vec![None]), score(vec![Some(0.5)]), all(score(vec![None]), vec![Some(true)])] {
        assert!(Cbpe::fit(&empty, CbpeSettings::default()).is_err());
    }
    let one = all(score(vec![Some(0.5)]), vec![Some(true)]);
    let cbpe = Cbpe::fit(&one, CbpeSettings::default()).unwrap();
    let report = cbpe.estimate(&one).unwrap();
    let auc = report.chunks[0].metric(Metric::RocAuc).unwrap();
    assert_eq!((auc.estimated, auc.realised, auc.band.lower, auc.alert), (Some(0.5), None, None, false));
    assert_eq!(cbpe.estimate(&score(vec![])).unwrap().chunks, []);
    let missing = cbpe.estimate(&all(score(vec![None, None]), vec![None, None])).unwrap();
    assert!(missing.chunks[0].metrics.iter().all(|m| m.estimated.is_none() && m.sampling_error.is_none() && !m.alert));
    assert!(Cbpe::fit(&one, CbpeSettings::default().with_chunk_rows(0)).is_err());
    assert!(Cbpe::fit(&one, CbpeSettings::default().with_metrics([Metric::Mae])).is_err());
    let other = Predictions::binary_of(["no", "yes"], &Float64Array::from(vec![0.5])).unwrap();
    assert!(cbpe.estimate(&other).is_err());
}

fn probability() -> impl Strategy<Value = Option<f64>> {
    prop_oneof![
        1 => Just(None),
        1 => Just(Some(f64::NAN)),
        1 => Just(Some(0.0)),
        1 => Just(Some(-0.0)),
        1 => Just(Some(1.0)),
        1 => Just(Some(5e-324)),
        2 => (0_u8..=8).prop_map(|v| Some(f64::from(v) / 8.0)),
        3 => (0.0..=1.0_f64).prop_map(Some),
    ]
}

fn any_float() -> impl Strategy<Value = f64> {
    prop_oneof![
        Just(f64::NAN),
        Just(f64::INFINITY),
        Just(-1.7e308),
        Just(5e-324),
        (-3_i8..3).prop_map(f64::from),
        any::<f64>()
    ]
}

fn class() -> impl Strategy<Value = Option<i64>> {
    prop_oneof![6 => (0_i64..3).prop_map(Some), 1 => Just(None), 1 => Just(Some(7))]
}

type Drawn = (Vec<[Option<f64>; 3]>, Vec<Option<i64>>, Vec<Option<i64>>);

fn drawn() -> impl Strategy<Value = Drawn> {
    (0_usize..40).prop_flat_map(|rows| {
        let scores = vec([probability(), probability(), probability()], rows);
        (scores, vec(class(), rows), vec(class(), rows))
    })
}

fn three((scores, predicted, actual): &Drawn) -> Predictions {
    let column = |at: usize| Arc::new(scores.iter().map(|row| row[at]).collect::<Float64Array>()) as ArrayRef;
    let columns = [column(0), column(1), column(2)];
    let named = columns.iter().zip(["0", "1", "2"]).map(|(column, name)| (name, column.as_ref() as &dyn Array));
    let predictions = Predictions::multiclass(named).unwrap();
    let predictions = predictions.with_predicted(&Int64Array::from(predicted.clone())).unwrap();
    predictions.with_actual(&Int64Array::from(actual.clone())).unwrap()
}

fn two((scores, predicted, actual): &Drawn) -> Predictions {
    let column: Float64Array = scores.iter().map(|row| row[0]).collect();
    let predictions = Predictions::binary(&column).unwrap();
    let predictions = predictions.with_predicted(&Int64Array::from(predicted.clone())).unwrap();
    predictions.with_actual(&Int64Array::from(actual.clone())).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_predictions_panic(reference in drawn(), current in drawn(), chunk_rows in 1_usize..50, always in any::<bool>()) {
        let calibration = if always { Calibration::Always } else { Calibration::IfBetter };
        let settings = CbpeSettings::default().with_chunk_rows(chunk_rows).with_calibration(calibration);
        for (reference, current) in [(two(&reference), two(&current)), (three(&reference), three(&current))] {
            for metric in Metric::CLASSIFICATION {
                let value = current.realised(metric).unwrap();
                let (least, greatest) = metric.range();
                prop_assert!(value.is_none_or(|v| v >= least.unwrap_or(v) && v <= greatest.unwrap_or(v)), "{metric:?} {value:?}");
            }
            if let Ok(cbpe) = Cbpe::fit(&reference, settings.clone()) {
                let report = cbpe.estimate(&current).unwrap();
                // A NaN or an infinity becomes `null`, and does not read back as what it was.
                let json = serde_json::to_string(&report).unwrap();
                prop_assert!(serde_json::from_str::<PerformanceReport>(&json).is_ok_and(|r| r == report), "{}", json);
                let rows: u64 = report.chunks.iter().map(|chunk| chunk.end - chunk.start).sum();
                prop_assert_eq!(rows, current.len() as u64);
                let values = report.chunks.iter().flat_map(|c| &c.metrics);
                for found in values {
                    let (least, greatest) = found.metric.range();
                    let within = |v: f64| v >= least.unwrap_or(v) - 1e-12 && v <= greatest.unwrap_or(v) + 1e-12;
                    prop_assert!(found.estimated.is_none_or(within), "{:?}", found);
                }
            }
        }
    }

    #[test]
    fn no_numbers_panic(x in vec(any_float(), 0..30), y in vec(any_float(), 0..30)) {
        let rows = x.len().min(y.len());
        let (x, y) = (&x[..rows], &y[..rows]);
        let flags: Vec<bool> = y.iter().map(|v| *v > 0.0).collect();
        for value in [roc_auc(x, &flags), average_precision(x, &flags), brier(x, &flags)].into_iter().flatten() {
            prop_assert!((0.0..=1.0).contains(&value));
        }
        prop_assert!(log_loss(x, &flags).is_ok_and(|loss| loss >= 0.0) || log_loss(x, &flags).is_err());
        for bins in [1, 7] {
            for table in [Reliability::equal_width(x, &flags, bins), Reliability::equal_count(x, &flags, bins)] {
                prop_assert!(table.is_err() || table.is_ok_and(|t| t.expected_error() <= t.maximum_error() + 1e-12));
            }
        }
        if let Ok(fitted) = IsotonicRegression::fit(x, y) {
            prop_assert!(fitted.corners.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1));
        }
        let array = |v: &[f64]| Float64Array::from(v.to_vec());
        if let Ok(regression) = RegressionPredictions::new(&array(x)).and_then(|r| r.with_actual(&array(y))) {
            for metric in Metric::REGRESSION {
                prop_assert!(regression.realised(metric).map_or(true, |v| v.is_none_or(f64::is_finite)));
            }
        }
        let queries = Int64Array::from_iter_values((0..rows as i64).map(|row| row % 3));
        if let Ok(rankings) = Rankings::new(&queries, &array(x), &array(y)) {
            for value in [rankings.ndcg_at(3).unwrap(), rankings.mean_reciprocal_rank(), rankings.mean_average_precision()] {
                prop_assert!(value.is_none_or(|v| (0.0..=1.0 + 1e-12).contains(&v)), "{:?}", value);
            }
        }
    }

    /// The area under the curve is the share of pairs in order.
    #[test]
    fn ranks_count_pairs(rows in vec((0_u8..6, any::<bool>()), 2..30)) {
        let (scores, flags): (Vec<f64>, Vec<bool>) = rows.iter().map(|(s, f)| (f64::from(*s), *f)).unzip();
        let pairs = rows.iter().flat_map(|a| rows.iter().map(move |b| (a, b))).filter(|(a, b)| a.1 && !b.1);
        let won: Vec<f64> = pairs.map(|(a, b)| if a.0 > b.0 { 1.0 } else if a.0 == b.0 { 0.5 } else { 0.0 }).collect();
        match roc_auc(&scores, &flags) {
            Ok(auc) => prop_assert!((auc - won.iter().sum::<f64>() / won.len() as f64).abs() < 1e-12),
            Err(_) => prop_assert!(won.is_empty()),
        }
    }

    /// The order of the rows does not matter.
    #[test]
    fn rows_may_be_turned(drawn in drawn(), turn in 0_usize..40) {
        let mut turned = drawn.clone();
        if !drawn.0.is_empty() {
            let by = turn % drawn.0.len();
            turned.0.rotate_left(by);
            turned.1.rotate_left(by);
            turned.2.rotate_left(by);
        }
        for metric in [Metric::RocAuc, Metric::AveragePrecision, Metric::F1, Metric::Accuracy] {
            prop_assert_eq!(two(&drawn).realised(metric).unwrap(), two(&turned).realised(metric).unwrap());
        }
        let fit = |p: &Predictions| Cbpe::fit(p, CbpeSettings::default().with_chunk_rows(1_000)).ok().map(|c| c.calibrators);
        prop_assert_eq!(fit(&two(&drawn)), fit(&two(&turned)));
    }

    /// Labels in any order and any pieces end in the same place.
    #[test]
    fn labels_may_come_in_any_order(
        labels in vec((0_i64..12, 0_i64..2), 0..30).prop_shuffle(),
        cut in 0_usize..30,
    ) {
        let join = |labels: &[(i64, i64)], cut: usize| {
            let mut join = LabelJoin::new(&Int64Array::from_iter_values(0..10)).unwrap();
            for part in [&labels[..cut.min(labels.len())], &labels[cut.min(labels.len())..]] {
                let keys = Int64Array::from_iter_values(part.iter().map(|l| l.0));
                join.add(&keys, &Int64Array::from_iter_values(part.iter().map(|l| l.1))).unwrap();
            }
            join
        };
        let mut sorted = labels.clone();
        sorted.sort_unstable();
        let (a, b) = (join(&labels, cut), join(&sorted, 0));
        prop_assert_eq!(&a.labels(), &b.labels());
        prop_assert_eq!(a.coverage(), b.coverage());
        let counts = a.counts();
        prop_assert_eq!(counts.received, counts.matched + counts.repeated + counts.conflicting + counts.unknown_key);
        let coverage = a.coverage();
        prop_assert_eq!(coverage.predictions, coverage.labelled + coverage.waiting + coverage.withheld);
    }
}
