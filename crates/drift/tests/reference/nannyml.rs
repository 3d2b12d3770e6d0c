//! `nannyml.json`: values of NannyML by chunk, each family of cases in a file of its own.

use std::path::Path;

use serde_json::Value;

use crate::compare::{Checks, conclude, fixture};
use crate::data_sets::data_set;
use crate::{cbpe, nannyml_pca, nannyml_univariate};

const FILE: &str = "nannyml.json";

#[test]
fn nannyml() {
    let fixture = fixture(FILE);
    let data = data_set(fixture["data"].as_str().unwrap());
    let results = fixture["cases"].as_array().unwrap().iter().map(|case| compare(case, &data)).collect();
    conclude(FILE, results, 1_000);
}

fn compare(case: &Value, data: &Path) -> Checks {
    let id = case["id"].as_str().unwrap();
    let mut checks = Checks::new(case);
    let known = ["id", "params", "expected", "notes"];
    let fields = case.as_object().unwrap().keys();
    fields.filter(|name| !known.contains(&name.as_str())).for_each(|name| checks.unknown(name));
    match id {
        _ if id.starts_with("cbpe_binary") => cbpe::compare(&mut checks, case, data),
        _ if id.starts_with("univariate") => nannyml_univariate::compare(&mut checks, case, data),
        _ if id.starts_with("pca_reconstruction") => nannyml_pca::compare(&mut checks, case, data),
        other => checks.fail(&format!("unknown family {other}")),
    }
    checks
}
