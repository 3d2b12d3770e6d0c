//! Inputs of the fixtures: literal values, or recipes checked by the SHA-256 of what they make.

use lineal_core::Hasher;
use serde_json::Value;

/// Returns the values of an input, `NaN` for missing ones.
pub(crate) fn values(input: &Value) -> Vec<f64> {
    if let Some(list) = input.as_array() {
        return list.iter().map(|v| if v.is_null() { f64::NAN } else { number(v) }).collect();
    }
    let values = generate(&input["gen"]);
    assert_eq!(values.len() as u64, input["n"].as_u64().unwrap(), "length of {input}");
    let mut hasher = Hasher::new();
    for value in &values {
        hasher.update(&value.to_le_bytes());
    }
    assert_eq!(hasher.finish().to_string(), input["sha256"].as_str().unwrap(), "digest of {input}");
    values
}

/// Reads a number, or one of the words for infinity.
pub(crate) fn number(v: &Value) -> f64 {
    match v.as_str() {
        Some("inf") => f64::INFINITY,
        Some("-inf") => f64::NEG_INFINITY,
        _ => v.as_f64().unwrap_or_else(|| panic!("not a number: {v}")),
    }
}

fn generate(recipe: &Value) -> Vec<f64> {
    if let Some(segments) = recipe["segments"].as_array() {
        return segments.iter().flat_map(generate).collect();
    }
    let n = usize::try_from(recipe["n"].as_u64().unwrap()).unwrap();
    let field = |name: &str| number(&recipe[name]);
    let mut uniform = uniforms(recipe["seed"].as_u64().unwrap_or(0));
    let mut next = || uniform.next().unwrap();
    match recipe["kind"].as_str().unwrap() {
        "uniform" => {
            let (a, b) = (field("a"), field("b"));
            (0..n).map(|_| a + b * next()).collect()
        }
        "normal12" => {
            let (a, b) = (field("a"), field("b"));
            (0..n).map(|_| normal12(a, b, &mut next)).collect()
        }
        "int" => {
            let (a, levels) = (field("a"), field("levels"));
            (0..n).map(|_| a + (next() * levels).floor()).collect()
        }
        "bernoulli" => {
            let p = field("p");
            (0..n).map(|_| f64::from(next() < p)).collect()
        }
        "ramp_bernoulli" => {
            let (p0, p1) = (field("p0"), field("p1"));
            (0..n).map(|i| f64::from(next() < p0 + (p1 - p0) * (i as f64 / n as f64))).collect()
        }
        "steps" => {
            let (a, b, q) = (field("a"), field("b"), field("q"));
            (0..n).map(|_| (normal12(a, b, &mut next) * q).floor() / q).collect()
        }
        "const" => vec![field("value"); n],
        "tile" => recipe["values"].as_array().unwrap().iter().map(number).cycle().take(n).collect(),
        other => panic!("unknown recipe {other}"),
    }
}

fn normal12(a: f64, b: f64, next: &mut impl FnMut() -> f64) -> f64 {
    let total = (0..12).fold(0.0, |t, _| t + next());
    a + b * (total - 6.0)
}

/// SplitMix64, 53 bits per value (Steele, Lea and Flood, 2014).
fn uniforms(seed: u64) -> impl Iterator<Item = f64> {
    (1_u64..).map(move |i| {
        let mut z = seed.wrapping_add(i.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        (z >> 11) as f64 * 2.0_f64.powi(-53)
    })
}

#[test]
fn recipes_without_a_fixture() {
    let make = |text: &str| generate(&serde_json::from_str(text).unwrap());
    assert_eq!(make(r#"{"kind": "const", "n": 2, "value": 7}"#), [7.0, 7.0]);
    assert_eq!(make(r#"{"kind": "tile", "n": 3, "values": [1, 2]}"#), [1.0, 2.0, 1.0]);
    let ramp = make(r#"{"kind": "ramp_bernoulli", "n": 1000, "seed": 1, "p0": 0, "p1": 1}"#);
    assert!(ramp[..500].iter().sum::<f64>() < ramp[500..].iter().sum::<f64>());
    assert!(make(r#"{"kind": "bernoulli", "n": 100, "seed": 1, "p": 0.5}"#).iter().all(|v| *v == 0.0 || *v == 1.0));
}
