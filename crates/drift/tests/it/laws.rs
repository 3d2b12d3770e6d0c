//! Laws of the measures.

use lineal_drift::{
    Method, PairedCounts, Sample, chi_square, hellinger_counts, jensen_shannon, jensen_shannon_counts, ks,
    kullback_leibler_counts, l_infinity_counts, psi_counts, psi_quantile10, total_variation_counts, wasserstein,
};
use proptest::collection::vec;
use proptest::prelude::*;

fn values() -> impl Strategy<Value = Vec<f64>> {
    // Steps of a quarter, so that ties occur.
    vec((-40_i32..40).prop_map(|v| f64::from(v) / 4.0), 1..40)
}

fn counts() -> impl Strategy<Value = (Vec<u64>, Vec<u64>, Vec<u64>)> {
    (1_usize..8).prop_flat_map(|bins| {
        let side = || vec(0_u64..50, bins).prop_filter("not empty", |c| c.iter().sum::<u64>() > 0);
        (side(), side(), side())
    })
}

fn sample(values: &[f64]) -> Sample {
    values.iter().copied().collect()
}

proptest! {
    #[test]
    fn order_of_rows_does_not_matter(x in values(), y in values(), turn in 0_usize..40) {
        let (mut a, mut b) = (x.clone(), y.clone());
        a.rotate_left(turn % x.len());
        b.reverse();
        for method in Method::ALL.iter().filter(|m| m.spec().numeric()) {
            prop_assert_eq!(method.score(&sample(&x), &sample(&y)).ok(), method.score(&sample(&a), &sample(&b)).ok());
        }
    }

    #[test]
    fn distances_are_metrics(x in values(), y in values(), z in values()) {
        let (x, y, z) = (sample(&x), sample(&y), sample(&z));
        let w = |a: &Sample, b: &Sample| wasserstein(a, b).unwrap().raw;
        let d = |a: &Sample, b: &Sample| ks(a, b).unwrap().statistic;
        for distance in [&w as &dyn Fn(&Sample, &Sample) -> f64, &d] {
            prop_assert_eq!(distance(&x, &x), 0.0);
            prop_assert!((distance(&x, &y) - distance(&y, &x)).abs() < 1e-12);
            prop_assert!(distance(&x, &z) <= distance(&x, &y) + distance(&y, &z) + 1e-12);
        }
    }

    #[test]
    fn distances_of_counts_obey_their_axioms((p, q, r) in counts()) {
        let d = |a: &[u64], b: &[u64]| jensen_shannon_counts(a, b).unwrap().distance_2();
        prop_assert_eq!(d(&p, &p), 0.0);
        prop_assert!((d(&p, &q) - d(&q, &p)).abs() < 1e-15);
        prop_assert!((0.0..=1.0).contains(&d(&p, &q)));
        prop_assert!(d(&p, &r) <= d(&p, &q) + d(&q, &r) + 1e-12);
        let psi = |a: &[u64], b: &[u64]| psi_counts(a, b).unwrap();
        prop_assert_eq!(psi(&p, &p), 0.0);
        prop_assert!((psi(&p, &q) - psi(&q, &p)).abs() < 1e-12 && psi(&p, &q) >= 0.0);
        let chi2 = chi_square(&p, &q).unwrap();
        prop_assert!((chi2.statistic - chi_square(&q, &p).unwrap().statistic).abs() < 1e-9);
        prop_assert!((0.0..=1.0).contains(&chi2.p_value));
    }

    #[test]
    fn proportional_counts_do_not_drift((p, _, _) in counts(), times in 1_u64..1000) {
        let more: Vec<u64> = p.iter().map(|c| c * times).collect();
        prop_assert!(jensen_shannon_counts(&p, &more).unwrap().distance_e() < 1e-12);
        prop_assert!(psi_counts(&p, &more).unwrap() < 1e-12);
        prop_assert!(chi_square(&p, &more).unwrap().statistic < 1e-9);
    }

    #[test]
    fn a_shift_is_the_distance(x in values(), quarters in -100_i32..100) {
        let shift = f64::from(quarters) / 4.0;
        let moved: Vec<f64> = x.iter().map(|v| v + shift).collect();
        let distance = wasserstein(&sample(&x), &sample(&moved)).unwrap();
        prop_assert!((distance.raw - shift.abs()).abs() < 1e-9);
    }

    #[test]
    fn ks_sees_only_the_order(x in values(), y in values()) {
        let bend = |v: &f64| v.powi(3) + 2.0;
        let (a, b): (Sample, Sample) = (x.iter().map(bend).collect(), y.iter().map(bend).collect());
        let (plain, bent) = (ks(&sample(&x), &sample(&y)).unwrap(), ks(&a, &b).unwrap());
        prop_assert_eq!((plain.statistic, plain.sign), (bent.statistic, bent.sign));
        prop_assert_eq!(plain.p_exact(), bent.p_exact());
    }

    #[test]
    fn ks_probabilities_are_probabilities(x in values(), y in values()) {
        let test = ks(&sample(&x), &sample(&y)).unwrap();
        let two = test.p_exact().unwrap();
        let (less, greater) = (test.less.p_exact().unwrap(), test.greater.p_exact().unwrap());
        for p in [two, less, greater, test.p_limit(), test.p_value(), test.less.p_asymp()] {
            prop_assert!((0.0..=1.0).contains(&p));
        }
        // Reaching either boundary is no more likely than reaching both one by one.
        prop_assert!(two <= 2.0 * less.min(greater) + 1e-12);
    }

    #[test]
    fn binned_measures_of_equal_samples_are_zero(x in values()) {
        let x = sample(&x);
        prop_assert_eq!(jensen_shannon(&x, &x).unwrap().distance_e(), 0.0);
        prop_assert_eq!(psi_quantile10(&x, &x).unwrap().value, 0.0);
    }

    #[test]
    fn only_the_order_counts_for_tests_of_the_order(x in values(), y in values()) {
        let stretched = |v: &[f64]| v.iter().map(|v| v.exp()).collect::<Sample>();
        let (one, other) = (sample(&x), sample(&y));
        let order = [Method::Ks, Method::CramerVonMises, Method::AndersonDarling, Method::MannWhitney, Method::Kuiper];
        for method in order {
            prop_assert_eq!(method.score(&one, &other).ok(), method.score(&stretched(&x), &stretched(&y)).ok());
        }
    }

    #[test]
    fn sides_may_be_exchanged(x in values(), y in values(), (p, q, _) in counts()) {
        let (one, other) = (sample(&x), sample(&y));
        let one_sided = [Method::WassersteinNormed, Method::Psi, Method::KullbackLeibler];
        for method in Method::ALL.iter().filter(|method| method.spec().numeric() && !one_sided.contains(method)) {
            let (forth, back) = (method.score(&one, &other), method.score(&other, &one));
            let number = |score: Result<lineal_drift::Score, _>| score.ok().map(|score| score.p_value.unwrap_or(score.value));
            let (forth, back) = (number(forth), number(back));
            // Bins follow the reference.
            if !matches!(method, Method::JensenShannon | Method::Hellinger | Method::TotalVariation) {
                prop_assert!(forth.zip(back).is_none_or(|(a, b)| (a - b).abs() < 1e-9 * a.abs().max(1.0)), "{}", method);
            }
        }
        for distance in [hellinger_counts, total_variation_counts, l_infinity_counts] {
            let (forth, back) = (distance(&p, &q).unwrap(), distance(&q, &p).unwrap());
            prop_assert!((forth - back).abs() < 1e-12 && (0.0..=1.0).contains(&forth));
            prop_assert_eq!(distance(&p, &p).unwrap(), 0.0);
        }
        // Pinsker, and the bounds between Hellinger and total variation.
        let (tv, h) = (total_variation_counts(&p, &q).unwrap(), hellinger_counts(&p, &q).unwrap());
        prop_assert!(h * h <= tv + 1e-12 && tv <= 2.0_f64.sqrt() * h + 1e-12);
        prop_assert!(2.0 * tv * tv <= kullback_leibler_counts(&p, &q).unwrap() + 1e-12);
    }

    #[test]
    fn order_of_labels_does_not_matter((p, q, _) in counts()) {
        let labels = || (0..p.len()).map(|i| format!("label {i}"));
        let forth = PairedCounts::new(labels(), p.clone(), q.clone()).unwrap();
        let reversed = |c: &[u64]| c.iter().rev().copied().collect::<Vec<_>>();
        let back = PairedCounts::new(labels(), reversed(&p), reversed(&q)).unwrap();
        for method in Method::ALL.iter().filter(|m| m.spec().categorical()) {
            match (method.score_counts(&forth), method.score_counts(&back)) {
                (Ok(a), Ok(b)) => prop_assert!((a.value - b.value).abs() <= 1e-12 * a.value.max(1.0)),
                // Only the divergence that is infinite has no value.
                (a, b) => prop_assert!(*method == Method::KullbackLeibler && a.is_err() && b.is_err()),
            }
        }
    }
}
