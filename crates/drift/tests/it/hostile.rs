//! Nothing a column can hold makes a comparison panic, and every number of a report is finite.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Int64Array, NullArray, RecordBatch, TimestampNanosecondArray, UInt8Array,
};
use lineal_drift::{ColumnSettings, DataDrift, DataDriftSettings, Method, Sample, arrow, ks, report_html};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::generators::{batch, optional, words};

fn nasty_float() -> impl Strategy<Value = Option<f64>> {
    prop_oneof![
        Just(None),
        Just(Some(f64::NAN)),
        Just(Some(f64::INFINITY)),
        Just(Some(f64::NEG_INFINITY)),
        Just(Some(-0.0)),
        Just(Some(5e-324)),
        Just(Some(f64::MIN_POSITIVE)),
        Just(Some(1e308)),
        Just(Some(-1.7e308)),
        (-5.0..5.0).prop_map(Some),
        any::<f64>().prop_map(Some),
    ]
}

fn column(rows: usize) -> impl Strategy<Value = ArrayRef> {
    let words_of = |list: Vec<Option<String>>| words(list.iter().map(Option::as_deref));
    prop_oneof![
        4 => vec(nasty_float(), rows).prop_map(optional),
        1 => vec(proptest::option::of((-3.0..3.0_f64).prop_map(f64::round)), rows).prop_map(optional),
        2 => vec(proptest::option::of(".{0,6}"), rows).prop_map(words_of),
        1 => vec(any::<Option<i64>>(), rows).prop_map(|v| Arc::new(Int64Array::from(v)) as ArrayRef),
        1 => vec(any::<Option<i64>>(), rows).prop_map(|v| Arc::new(TimestampNanosecondArray::from(v)) as ArrayRef),
        1 => vec(any::<Option<bool>>(), rows).prop_map(|v| Arc::new(BooleanArray::from(v)) as ArrayRef),
        1 => vec(any::<u8>(), rows).prop_map(|v| Arc::new(UInt8Array::from(v)) as ArrayRef),
        1 => Just(Arc::new(NullArray::new(rows)) as ArrayRef),
        1 => vec(any::<u8>(), rows).prop_map(|v| Arc::new(BinaryArray::from_iter_values(v.iter().map(std::slice::from_ref))) as ArrayRef),
    ]
}

fn side() -> impl Strategy<Value = RecordBatch> {
    prop_oneof![Just(0_usize), Just(1), Just(2), 3_usize..60].prop_flat_map(|rows| {
        (column(rows), column(rows), column(rows)).prop_map(|(a, b, c)| batch([("a", a), ("b", b), ("c", c)]))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_column_panics(reference in side(), current in side(), choice in 0..=Method::ALL.len()) {
        let mut settings = DataDriftSettings::default();
        if let Some(method) = Method::ALL.get(choice) {
            settings = settings.with_column("a", ColumnSettings::default().with_method(*method).with_threshold(0.1));
        }
        let report = DataDrift::new(settings).unwrap().compare(&[reference], &[current]).unwrap();
        prop_assert_eq!(report.columns.len(), 3);
        // A NaN or an infinity becomes `null`, and does not read back as what it was.
        let json = serde_json::to_string(&report).unwrap();
        let read = serde_json::from_str::<lineal_drift::DataDriftReport>(&json);
        prop_assert!(read.is_ok_and(|r| r == report), "{}", json);
        prop_assert!(report_html(&report).ends_with("</html>\n"));
    }

    #[test]
    fn no_sample_panics(x in vec(nasty_float(), 0..60), y in vec(nasty_float(), 0..60)) {
        let sample = |v: &[Option<f64>]| v.iter().map(|v| v.unwrap_or(f64::NAN)).collect::<Sample>();
        let (x, y) = (sample(&x), sample(&y));
        for method in Method::ALL.iter().filter(|m| m.spec().numeric()) {
            if let Ok(score) = method.score(&x, &y) {
                prop_assert!(score.value.is_finite(), "{:?}", score);
                prop_assert!(score.value >= 0.0 || !method.spec().range.starts_with('0'), "{:?}", score);
                prop_assert!(score.p_value.is_none_or(|p| (0.0..=1.0).contains(&p)), "{:?}", score);
                prop_assert!(score.effect.is_none_or(|effect| effect.is_finite() && effect >= 0.0), "{:?}", score);
            }
        }
        if let Ok(test) = ks(&x, &y) {
            prop_assert!((0.0..=1.0).contains(&test.p_value()));
            prop_assert!(test.p_asymp().is_none_or(|p| (0.0..=1.0).contains(&p)));
        }
    }
}
