//! From a trained model to the champion: register, package, test, approve, promote.

use std::fs;

use arrow::array::{ArrayRef, Float64Array, RecordBatch};
use futures::TryStreamExt;
use lineal_artifacts::{Artifacts, Content, Draft};
use lineal_core::{Digest, EvidenceKind, IoField, IoSchema, IoType, ModelRef, NoProgress, Timestamp};
use lineal_registry::{
    Bundle, Comparison as ComparisonClaim, Decision, GoldenClaim, LineagePart, LoadedModel, Manifest, MetricsClaim,
    ModelFile, NewVersion, Op, Policy, Rule, TestClaim,
};
use parquet::arrow::{ArrowWriter, arrow_reader::ParquetRecordBatchReaderBuilder};
use serde_json::json;

use crate::{
    compare::{Comparison, compare_auc, compare_log_loss},
    features::{inputs, labels},
    metrics::Scores,
    model::Model,
    serve::{days, load_model},
    studio::{Outcome, Studio},
    train::{MODEL, Trained},
};

/// A version that went through the gate, whatever came out.
pub(crate) struct Judged {
    pub(crate) version: u64,
    pub(crate) decision: Decision,
    /// The candidate against the champion of the day on held-out rows; none for the first.
    pub(crate) comparison: Option<Comparison>,
}

/// Takes a trained model through the gate; one that was judged before is not judged again.
pub(crate) async fn release(studio: &Studio, trained: &Trained) -> Outcome<Judged> {
    put_policy_in_force(studio).await?;
    let champion = champion(studio).await?;
    let model = register(studio, trained).await?;
    let descent = studio.registry.lineage(&model.model, model.version).await?;
    let comparison = match &champion {
        Some((_, held)) if held.model != model => Some(Compared::on_held_out(held, trained)?),
        _ => None,
    };
    if let Some(decision) = descent.decisions.into_iter().find(|decision| !decision.aliases.is_empty()) {
        return Ok(Judged { version: model.version, decision, comparison: comparison.map(|both| both.log_loss) });
    }
    state_evidence(studio, trained, &model, champion.as_ref().zip(comparison.as_ref())).await?;
    test_application(studio, &model).await?;
    let environment = &studio.champion.environment;
    if champion.is_none() {
        // Nobody has approved yet, and the gate says so; recorded like every decision.
        let early = studio.registry.promote(&model.model, model.version, environment).commit(&studio.ana.actor).await?;
        if early.approved() {
            return Err("a version was let in without approval".into());
        }
    }
    let comment = "metrics, comparison and golden cases looked at";
    studio.registry.approve(&model.model, model.version, environment, Timestamp::MAX, comment, &studio.bo.key).await?;
    let expected = champion.map(|(number, _)| number);
    let decision = studio
        .registry
        .promote(&model.model, model.version, environment)
        .alias(&studio.champion.alias, expected)
        .commit(&studio.robot.actor)
        .await?;
    Ok(Judged { version: model.version, decision, comparison: comparison.map(|both| both.log_loss) })
}

/// The version that is champion now, loaded and verified.
pub(crate) async fn champion(studio: &Studio) -> Outcome<Option<(u64, Champion)>> {
    let held = studio.registry.live().await?.into_iter().find(|holder| holder.alias == studio.champion);
    let Some(held) = held else { return Ok(None) };
    let loaded = studio.registry.load(&studio.champion).await?;
    let champion = Champion {
        model: loaded.version().model.clone(),
        schema: loaded.version().schema.clone(),
        predictor: load_model(&loaded)?,
        decision: held.decision,
    };
    Ok(Some((held.version, champion)))
}

/// A model that the registry let through.
pub(crate) struct Champion {
    pub(crate) model: ModelRef,
    pub(crate) schema: IoSchema,
    pub(crate) predictor: Model,
    pub(crate) decision: Digest,
}

/// What a version must show to become champion.
async fn put_policy_in_force(studio: &Studio) -> Outcome<()> {
    let alias = studio.champion.alias.clone();
    let rule = Rule::All(vec![
        Rule::metric("auc", Op::AtLeast, LEAST_AUC),
        Rule::Compatible { mode: lineal_core::Compatibility::Full, with: alias.clone() },
        Rule::Better {
            by: vec![*studio.robot.key.key_id()],
            key: "log_loss".to_owned(),
            margin: 0.0.into(),
            max_p: MAX_P.into(),
            test: PAIRED_BY_DAY.to_owned(),
            than: alias,
        },
        Rule::Golden { by: vec![*studio.robot.key.key_id()] },
        Rule::approvals(1),
        Rule::Card { fields: vec!["purpose".to_owned(), "limits".to_owned()] },
        Rule::Lineage { require: vec![LineagePart::Run, LineagePart::Data, LineagePart::Environment] },
    ]);
    let policy = Policy::new(rule)?.with_amenders([*studio.bo.key.key_id()]);
    studio.registry.set_policy(&studio.champion.environment, &policy, &studio.bo.key).await?;
    Ok(())
}

/// Stores model and golden cases as an artifact and registers it; the same again gives the same version.
async fn register(studio: &Studio, trained: &Trained) -> Outcome<ModelRef> {
    let golden = golden_cases(&trained.model, &trained.held_out)?;
    let draft = Draft::new("application/vnd.lineal.example.late15")
        .with_file(MODEL, Content::bytes(trained.bytes.clone()).with_media_type("application/json"))
        .with_file(GOLDEN, Content::bytes(golden).with_media_type("application/vnd.apache.parquet"));
    let stored = Artifacts::new(std::sync::Arc::clone(&studio.blobs)).put(draft, &NoProgress).await?;
    let files = stored.manifest.files().iter();
    let files =
        files.map(|(name, file)| ModelFile::new(name.as_str(), file.digest, file.size_bytes, &*file.media_type));
    let inputs_schema = inputs(&trained.train)?.schema();
    let output = IoSchema::new(vec![], vec![IoField::new("late15_probability", IoType::Float64)])?;
    let taken = IoSchema::from_arrow(&inputs_schema, &output.to_arrow().1)?;
    let mut new = NewVersion::new(studio.champion.model.clone(), Manifest::new(files.collect())?, taken)
        .from_run(trained.run.clone())
        .with_receipt(stored.receipt)
        .with_card(card(trained))?;
    for input in &trained.inputs {
        new = new.with_data(input.clone());
    }
    if let Some(provenance) = &trained.provenance {
        new = new.with_environment(provenance.env.clone());
        if let Some(code) = &provenance.code {
            new = new.with_code(code.clone());
        }
    }
    Ok(studio.registry.register(new, &studio.ana.key).await?)
}

fn card(trained: &Trained) -> serde_json::Value {
    let mut strongest = trained.model.coefficients();
    strongest.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    let strongest: Vec<&str> = strongest.iter().take(3).map(|(name, _)| name.as_str()).collect();
    json!({
        "strongest_inputs": strongest,
        "purpose": "Says before departure whether a flight from New York arrives more than 15 minutes late.",
        "method": "Logistic regression, L2, Newton's method",
        "data": format!("70 % of flights, months {} to {} of 2013", trained.months.start(), trained.months.end()),
        "limits": "Knows weather and schedule, not the state of the network; follows the season only when retrained.",
        "licence": "CC0 data",
    })
}

/// Rows with the outputs they must give, as one Parquet file.
fn golden_cases(model: &Model, rows: &RecordBatch) -> Outcome<Vec<u8>> {
    let rows = inputs(&rows.slice(0, GOLDEN_ROWS.min(rows.num_rows())))?;
    let expected: ArrayRef = std::sync::Arc::new(Float64Array::from(model.predict_proba(&rows)?));
    let mut columns: Vec<(String, ArrayRef)> =
        rows.schema().fields().iter().map(|field| field.name().clone()).zip(rows.columns().iter().cloned()).collect();
    columns.push((EXPECTED.to_owned(), expected));
    let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true)))?;
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None)?;
    writer.write(&batch)?;
    writer.close()?;
    Ok(bytes)
}

/// States who trained how, what was measured, and how the candidate compares.
async fn state_evidence(
    studio: &Studio,
    trained: &Trained,
    model: &ModelRef,
    against: Option<(&(u64, Champion), &Compared)>,
) -> Outcome<()> {
    let made = json!({ "run": trained.run, "inputs": trained.inputs });
    let made = studio.state(&studio.ana, EvidenceKind::Provenance, model.manifest, &made)?;
    studio.registry.attach(made).await?;
    let mut claim = MetricsClaim::default();
    for (name, value) in trained.scores.named() {
        claim = claim.with(name, value);
    }
    studio.registry.attach(studio.state(&studio.ana, EvidenceKind::Metrics, model.manifest, &claim)?).await?;
    if let Some(((_, champion), both)) = against {
        for (metric, test, comparison, sign) in
            [("log_loss", PAIRED_BY_DAY, &both.log_loss, -1.0), ("auc", DELONG, &both.auc, 1.0)]
        {
            let improvement = sign * comparison.difference;
            let claim = TestClaim {
                name: format!("{metric} of candidate against champion on held-out rows"),
                passed: improvement > 0.0,
                comparison: Some(ComparisonClaim {
                    baseline: champion.model.manifest,
                    candidate: model.manifest,
                    improvement: improvement.into(),
                    metric: metric.to_owned(),
                    p: one_sided(improvement, comparison.p_value).into(),
                    test: test.to_owned(),
                }),
            };
            studio.registry.attach(studio.state(&studio.robot, EvidenceKind::Test, model.manifest, &claim)?).await?;
        }
    }
    Ok(())
}

/// The probability of an improvement at least this large if there is none.
fn one_sided(improvement: f64, two_sided: f64) -> f64 {
    if improvement > 0.0 { two_sided / 2.0 } else { 1.0 - two_sided / 2.0 }
}

/// Packs the version into one signed file, opens that file as the application would, and runs the golden cases through
/// the code that serves.
async fn test_application(studio: &Studio, model: &ModelRef) -> Outcome<()> {
    let pieces: Vec<bytes::Bytes> = studio
        .registry
        .export_bundle(&model.model, model.version, None, &studio.robot.key)
        .await?
        .try_collect()
        .await?;
    let path = studio.bundles.join(format!("{}-v{}.candidate.bundle", model.model, model.version));
    fs::write(&path, pieces.concat())?;
    let bundle = Bundle::open(fs::File::open(&path)?, LARGEST_BUNDLE, studio.trust.as_ref())?;
    let (cases, failed) = run_golden_cases(bundle.model())?;
    let claim = GoldenClaim { cases, failed, passed: failed == 0 };
    studio.registry.attach(studio.state(&studio.robot, EvidenceKind::Golden, model.manifest, &claim)?).await?;
    Ok(())
}

fn run_golden_cases(loaded: &LoadedModel) -> Outcome<(u64, u64)> {
    let predictor = load_model(loaded)?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(loaded.file(GOLDEN)?.clone())?.build()?;
    let (mut cases, mut failed) = (0, 0);
    for batch in reader {
        let batch = batch?;
        let expected = batch.column_by_name(EXPECTED).ok_or("golden cases without expectation")?;
        let expected = arrow::array::AsArray::as_primitive::<arrow::datatypes::Float64Type>(expected.as_ref());
        for (given, expected) in predictor.predict_proba(&batch)?.iter().zip(expected.values()) {
            cases += 1;
            failed += u64::from((given - expected).abs() > GOLDEN_TOLERANCE);
        }
    }
    Ok((cases, failed))
}

/// Candidate and champion on the rows that the candidate was not trained on.
struct Compared {
    /// Day by day, because the flights of a day share what delays them: what the gate looks at.
    log_loss: Comparison,
    /// Row by row, for the record.
    auc: Comparison,
}

impl Compared {
    fn on_held_out(champion: &Champion, trained: &Trained) -> Outcome<Self> {
        let y = labels(&trained.held_out)?;
        let before = champion.predictor.predict_proba(&trained.held_out)?;
        let after = trained.model.predict_proba(&trained.held_out)?;
        Ok(Self {
            log_loss: compare_log_loss(&y, &before, &after, &days(&trained.held_out)?)?,
            auc: compare_auc(&y, &before, &after)?,
        })
    }
}

impl Scores {
    /// The measures by their names in evidence.
    pub(crate) fn named(&self) -> [(&'static str, f64); 4] {
        [("auc", self.auc), ("log_loss", self.log_loss), ("brier", self.brier), ("ece", self.ece)]
    }
}

const GOLDEN: &str = "golden.parquet";
const EXPECTED: &str = "late15_probability";
const GOLDEN_ROWS: usize = 64;
/// The same bits on the machine that trained; room for another platform's `exp`.
const GOLDEN_TOLERANCE: f64 = 1e-12;
const LEAST_AUC: f64 = 0.6;
/// One-sided: the candidate is better and not by luck.
const MAX_P: f64 = 0.005;
const DELONG: &str = "delong";
const PAIRED_BY_DAY: &str = "paired-z-clustered-by-day";
const LARGEST_BUNDLE: u64 = 64 * 1024 * 1024;
