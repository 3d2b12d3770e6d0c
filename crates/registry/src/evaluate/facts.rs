//! Rules about what the version itself says: its card and its lineage.

use serde_json::Value;

use super::Finding;
use crate::{LineagePart, Outcome, case::Case};

pub(super) fn card(case: &Case<'_>, fields: &[String]) -> Finding {
    let Some(card) = &case.card else {
        return (Outcome::Fail, "there is no card".to_owned());
    };
    let lacking: Vec<&str> =
        fields.iter().map(String::as_str).filter(|field| card.get(field).is_none_or(is_empty)).collect();
    match lacking.as_slice() {
        [] => (Outcome::Pass, String::new()),
        lacking => (Outcome::Fail, format!("it lacks {}", lacking.join(", "))),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

pub(super) fn lineage(case: &Case<'_>, require: &[LineagePart]) -> Finding {
    let lineage = &case.record.lineage;
    let says = |part: &LineagePart| match part {
        LineagePart::Run => lineage.run.is_some(),
        LineagePart::Data => !lineage.data.is_empty(),
        LineagePart::Code => lineage.code.is_some(),
        LineagePart::CleanCode => lineage.code.as_ref().is_some_and(|code| !code.dirty || code.diff.is_some()),
        LineagePart::Environment => lineage.environment.is_some(),
    };
    let lacking: Vec<String> = require.iter().filter(|part| !says(part)).map(ToString::to_string).collect();
    match lacking.as_slice() {
        [] => (Outcome::Pass, String::new()),
        lacking => (Outcome::Fail, format!("it does not tell {}", lacking.join(", "))),
    }
}
