use super::*;

/// scikit-learn's answers for the rows, sides and folds in `tests/fixtures/domain_classifier.json`.
#[test]
fn agrees_with_scikit_learn() {
    let fixture: serde_json::Value =
        serde_json::from_str(include_str!("../../../tests/fixtures/domain_classifier.json")).unwrap();
    for case in fixture["cases"].as_array().unwrap() {
        let numbers =
            |name: &str| -> Vec<f64> { case[name].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect() };
        let whole = |name: &str| usize::try_from(case[name][0].as_u64().unwrap()).unwrap();
        let (rows, n, width) = (numbers("rows"), whole("sides"), whole("width"));
        let m = rows.len() / width - n;
        let classifier = DomainClassifier::new(7).with_l2(numbers("l2")[0]);
        let dealt: Vec<f64> = folds(7, 5, n, m).into_iter().map(f64::from).collect();
        assert_eq!(dealt, numbers("folds"), "the folds of a seed are pinned");
        let found = classifier.classify(Features::of_rows(&rows, width), (n, m)).unwrap();
        let close = |ours: f64, field: &str, tolerance: f64| {
            let expected = numbers(field)[0];
            assert!((ours - expected).abs() <= tolerance, "{field}: {ours} instead of {expected}");
        };
        close(found.auc, "auc", 1e-9);
        close(found.standard_error, "standard_error", 1e-9);
        close(found.p_value, "p_value", 1e-9);
        let weights = numbers("weights");
        for feature in &found.features {
            let expected = weights[feature.name.parse::<usize>().unwrap()];
            assert!((feature.weight - expected).abs() < 1e-6, "{feature:?} instead of {expected}");
        }
    }
}
