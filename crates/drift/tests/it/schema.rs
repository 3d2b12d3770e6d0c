//! Reports are what `docs/format/drift-report.schema.json` says.

use std::sync::Arc;

use arrow::array::{Int32Array, ListArray};
use arrow::datatypes::Int32Type;
use lineal_drift::{DataDrift, DataDriftReport, DataDriftSettings, Method, arrow};
use serde_json::Value;

use crate::generators::{batch, floats, optional, words};

/// Checks a value against a part of a schema, by the keywords that the schema uses; another one fails.
fn check(schema: &Value, root: &Value, value: &Value, at: &str) -> Result<(), String> {
    for (keyword, rule) in schema.as_object().unwrap() {
        let holds = match keyword.as_str() {
            "$schema" | "$defs" | "title" | "description" => true,
            "$ref" => {
                let name = rule.as_str().unwrap().strip_prefix("#/$defs/").unwrap();
                return check(&root["$defs"][name], root, value, at);
            }
            "anyOf" => {
                let tried: Vec<_> = rule.as_array().unwrap().iter().map(|one| check(one, root, value, at)).collect();
                if tried.iter().all(Result::is_err) {
                    return Err(format!("{at}: none of {tried:?}"));
                }
                true
            }
            "const" => value == rule,
            "enum" => rule.as_array().unwrap().contains(value),
            "minimum" => value.as_f64().is_none_or(|v| v >= rule.as_f64().unwrap()),
            "maximum" => value.as_f64().is_none_or(|v| v <= rule.as_f64().unwrap()),
            "type" => is_a(rule.as_str().unwrap(), value),
            "required" => rule.as_array().unwrap().iter().all(|name| value.get(name.as_str().unwrap()).is_some()),
            "properties" => {
                for (name, part) in rule.as_object().unwrap() {
                    if let Some(field) = value.get(name) {
                        check(part, root, field, &format!("{at}.{name}"))?;
                    }
                }
                // Nothing that is written goes without a word in the schema.
                value.as_object().is_none_or(|fields| fields.keys().all(|name| rule.get(name).is_some()))
            }
            "items" => {
                for item in value.as_array().into_iter().flatten() {
                    check(rule, root, item, &format!("{at}[]"))?;
                }
                true
            }
            other => return Err(format!("unknown keyword {other}")),
        };
        if !holds {
            return Err(format!("{at}: {keyword} {rule} does not hold of {value}"));
        }
    }
    Ok(())
}

fn is_a(kind: &str, value: &Value) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64(),
        "boolean" => value.is_boolean(),
        _ => value.is_null(),
    }
}

fn schema() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/format/drift-report.schema.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn reports() -> Vec<DataDriftReport> {
    let lists = || Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>((0..40).map(|i| Some([Some(i)]))));
    let side = |shift: f64, label: &'static str| {
        batch([
            ("number", optional((0..40).map(|i| (i % 7 > 0).then(|| f64::from(i) + shift)))),
            ("infinite", floats((0..40).map(|i| if i == 3 { f64::INFINITY } else { f64::from(i) }))),
            ("label", words((0..40).map(|i| if i % 3 == 0 { Some(label) } else { Some("common") }))),
            ("null", optional((0..40).map(|_| None))),
            ("list", lists() as _),
            ("changing", if shift > 0.0 { words((0..40).map(|_| Some("x"))) } else { floats((0..40).map(f64::from)) }),
        ])
    };
    let (reference, current) = (side(0.0, "old"), side(30.0, "new"));
    let more = [batch([("only", Arc::new(Int32Array::from(vec![1])) as _)])];
    let settings = [
        DataDriftSettings::default(),
        DataDriftSettings::default().with_numeric_method(Method::Ks).with_categorical_method(Method::ChiSquare),
        DataDriftSettings::evidently(),
        DataDriftSettings::nannyml(),
    ];
    let compare = |settings: DataDriftSettings, current| {
        DataDrift::new(settings).unwrap().compare(std::slice::from_ref(&reference), current).unwrap()
    };
    let all = settings.into_iter().map(|settings| compare(settings, std::slice::from_ref(&current)));
    let none = [compare(DataDriftSettings::default(), &[]), compare(DataDriftSettings::default(), &more)];
    all.chain(none).collect()
}

#[test]
fn reports_are_what_the_schema_says() {
    let (schema, reports) = (schema(), reports());
    for report in &reports {
        let json = serde_json::to_value(report).unwrap();
        check(&schema, &schema, &json, "report").unwrap();
    }
    let states: Vec<String> =
        reports[0].columns.iter().map(|c| serde_json::to_value(&c.status).unwrap()["state"].to_string()).collect();
    assert_eq!(states.join(" "), r#""ok" "ok" "ok" "skipped" "skipped" "failed""#);
}

#[test]
fn the_schema_refuses_other_things() {
    let (schema, report) = (schema(), serde_json::to_value(&reports()[0]).unwrap());
    let refused = |change: &dyn Fn(&mut Value)| {
        let mut other = report.clone();
        change(&mut other);
        check(&schema, &schema, &other, "report").unwrap_err()
    };
    assert!(refused(&|r| r["version"] = 2.into()).contains("version"));
    assert!(refused(&|r| r["columns"][0]["finding"]["drifted"] = "yes".into()).contains("finding"));
    assert!(refused(&|r| r["columns"][0]["missing"]["current_fraction"] = 1.5.into()).contains("missing"));
    assert!(refused(&|r| drop(r.as_object_mut().unwrap().remove("columns"))).contains("required"));
    assert!(refused(&|r| r["surprise"] = 1.into()).contains("properties"));
}

#[test]
fn a_report_without_a_version_is_of_the_first() {
    let mut json = serde_json::to_value(&reports()[0]).unwrap();
    json.as_object_mut().unwrap().remove("version");
    assert_eq!(serde_json::from_value::<DataDriftReport>(json).unwrap(), reports()[0]);
}
