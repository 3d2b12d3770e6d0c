//! `nannyml.json`: values of NannyML by chunk, each family of cases in a file of its own.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::acs_data::Acs;
use crate::cbpe;
use crate::compare::{Checks, conclude, fixture, path_of};

const FILE: &str = "nannyml.json";

/// Families that are not compared: nothing in the crate answers them yet.
const SKIPPED: [&str; 2] = ["univariate", "pca_reconstruction"];

#[test]
fn nannyml() {
    let fixture = fixture(FILE);
    let data = data_file(fixture["data"].as_str().unwrap());
    let results = fixture["cases"].as_array().unwrap().iter().filter_map(|case| compare(case, &data)).collect();
    conclude(FILE, results, 1_000);
}

fn compare(case: &Value, data: &Path) -> Option<Checks> {
    let id = case["id"].as_str().unwrap();
    if SKIPPED.iter().any(|family| id.starts_with(family)) {
        println!("{FILE}: {id} is skipped");
        return None;
    }
    let mut checks = Checks::new(case);
    match id {
        _ if id.starts_with("cbpe_binary") => cbpe::compare(&mut checks, case, data),
        other => checks.fail(&format!("unknown family {other}")),
    }
    Some(checks)
}

/// Data lie beside the fixture, or among those of the examples.
fn data_file(name: &str) -> PathBuf {
    let beside = path_of(name);
    if beside.exists() { beside } else { Acs::path().with_file_name(name) }
}
