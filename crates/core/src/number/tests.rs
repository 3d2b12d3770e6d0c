use proptest::prelude::*;

use super::*;

/// RFC 8785, appendix B: bits and text.
#[test]
fn the_sample_numbers_of_rfc_8785() {
    let samples = [
        (0x0000_0000_0000_0001, "5e-324"),
        (0x8000_0000_0000_0001, "-5e-324"),
        (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
        (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
        (0x4340_0000_0000_0000, "9007199254740992"),
        (0xc340_0000_0000_0000, "-9007199254740992"),
        (0x4430_0000_0000_0000, "295147905179352830000"),
        (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
        (0x44b5_2d02_c7e1_4af6, "1e+23"),
        (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
        (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
        (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
        (0x444b_1ae4_d6e2_ef50, "1e+21"),
        (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
        (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
        (0x41b3_de43_5555_5553, "333333333.3333332"),
        (0x41b3_de43_5555_5554, "333333333.33333325"),
        (0x41b3_de43_5555_5555, "333333333.3333333"),
        (0x41b3_de43_5555_5556, "333333333.3333334"),
        (0x41b3_de43_5555_5557, "333333333.33333343"),
        (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
        (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
        (0x0000_0000_0000_0000, "0"),
    ];
    for (bits, text) in samples {
        let real = Real::from(f64::from_bits(bits));
        assert_eq!(real.to_string(), text);
        assert_eq!(text.parse(), Ok(real));
    }
}

/// The digest is that of the texts which V8's `String(x)` gives these numbers, and of those which Python's `repr` (D. Gay's
/// `dtoa`) gives when laid out by the same rules.
#[test]
fn many_numbers_read_as_in_another_implementation() {
    let mut hasher = crate::Hasher::new();
    let anywhere = (0..20_000_u64).map(|number| {
        let digest = crate::Digest::of(&number.to_le_bytes());
        f64::from_bits(u64::from_le_bytes(digest.as_bytes()[..8].try_into().unwrap()))
    });
    // Quarters above 2^50 are halfway between two texts of the same length; powers of two have uneven neighbours.
    let halfway = (0..4000_u32).map(|number| 1_125_899_906_842_624.0 + f64::from(number) * 0.25);
    let powers = (0..52).map(|bit| 1 << bit).chain((1..2047).map(|exponent| exponent << 52)).map(f64::from_bits);
    for number in anywhere.chain(halfway).chain(powers).filter(|number| !number.is_nan()) {
        hasher.update(format!("{}\n", Real::from(number)).as_bytes());
    }
    assert_eq!(hasher.finish().to_string(), "cc8fe877bbca2a5b2b4b25531cc34d2aacccb8e3b16288c45f9c3b11dcf94164");
}

#[test]
fn what_json_numbers_cannot_say() {
    for (number, text) in [(f64::NAN, "NaN"), (f64::INFINITY, "inf"), (f64::NEG_INFINITY, "-inf"), (-0.0, "-0")] {
        let real = Real::from(number);
        assert_eq!(serde_json::to_string(&real).unwrap(), format!("\"{text}\""));
        assert_eq!(serde_json::from_str::<Real>(&format!("\"{text}\"")).unwrap(), real);
    }
    assert_eq!(Real::from(f64::from_bits(0xfff8_0000_0000_0007)), Real::from(f64::NAN));
    assert_ne!(Real::from(0.0), Real::from(-0.0));
    let order = [f64::NEG_INFINITY, -1.0, -0.0, 0.0, 1.0, f64::INFINITY, f64::NAN].map(Real::from);
    assert!(order.is_sorted());
    assert_eq!(Real::from(0.5_f32).get(), 0.5);
}

#[test]
fn other_texts_are_refused() {
    let long = "1".repeat(65);
    for text in [
        "", "-", "+1", ".5", "1.", "01", "1e", "1e+", "0x10", " 1", "1 ", "nan", "Infinity", "+inf", "1_000", "1,5",
        "1e5.5", "--1", "1e--1", "٣", "1e400", "-1e400", &long,
    ] {
        assert!(text.parse::<Real>().is_err(), "{text:?}");
    }
    assert!(serde_json::from_str::<Real>("0.5").is_err());
    for (text, number) in [("0.80", 0.8), ("1E2", 100.0), ("-0.0", -0.0), ("1e-400", 0.0)] {
        assert_eq!(text.parse(), Ok(Real::from(number)), "{text}");
    }
}

#[test]
fn wide_integers_have_one_text() {
    for text in ["0", "9007199254740993", "18446744073709551615"] {
        assert_eq!(text.parse::<Wide>().unwrap().to_string(), text);
    }
    let long = "1".repeat(1_000_000);
    for text in ["", "00", "01", "+1", "-1", "1.0", "18446744073709551616", " 1", &long] {
        assert!(text.parse::<Wide>().is_err());
    }
    assert!(serde_json::from_str::<Wide>("1").is_err());
}

proptest! {
    #[test]
    fn all_bits_survive(bits: u64) {
        let real = Real::from(f64::from_bits(bits));
        let text = real.to_string();
        prop_assert!(text.len() <= 25, "{}", text);
        prop_assert_eq!(text.parse::<Real>().unwrap(), real);
    }

    #[test]
    fn everyday_numbers_survive(number in -1e9..1e9_f64) {
        let real = Real::from(number);
        prop_assert_eq!(real.to_string().parse::<Real>().unwrap(), real);
        // No exponent is due here, and then Rust's own text differs at most in how it rounds a tie.
        prop_assume!(number.abs() > 1e-6);
        prop_assert_eq!(real.to_string().len(), number.to_string().len());
    }

    /// `serde_json` decides what a number is; its own reading of one may be a unit off.
    #[test]
    fn any_text_is_an_error_or_a_number(text in "[0-9eE.+-]{0,12}") {
        let ours = text.parse::<Real>().ok().map(Real::get);
        prop_assert_eq!(ours.is_some(), serde_json::from_str::<f64>(&text).is_ok());
        prop_assert_eq!(ours, ours.and_then(|_| text.parse().ok()));
    }
}
