//! Questions answered from storage alone: nothing here was kept in memory by the steps before.

use lineal_core::{At, Clock, DataRef, Digest, EvidenceKind, Timestamp};
use lineal_registry::{ApprovalClaim, Descent as ModelDescent};

use arrow::array::AsArray;
use arrow::datatypes::{Float64Type, UInt64Type};

use crate::{
    ingest,
    report::{Answer, Descent, Node},
    serve,
    studio::{Outcome, Studio, moment},
    year::Year,
};

/// What storage says.
pub(crate) struct Answers {
    pub(crate) descent: Descent,
    pub(crate) answers: Vec<Answer>,
    /// The line of descent in one sentence for the terminal.
    pub(crate) line: String,
}

pub(crate) async fn answer(studio: &Studio, year: &Year) -> Outcome<Answers> {
    let (descent, line) = line_of_descent(studio, ASKED_MONTH).await?;
    let mut answers = vec![
        who_saw_february(studio).await?,
        champion_on(studio, moment(8, 15, 12), "Who was champion on 15 August?").await?,
        champion_on(studio, studio.clock.now(), "Who is champion at the end of the year?").await?,
    ];
    answers.push(Answer {
        question: "How many entries stand behind all this?".to_owned(),
        answer: format!(
            "{} in the dataset's journal, {} in the runs', {} in the registry's.",
            entries(studio.flights.journal().head_digest().await?),
            entries(studio.runs.journal().head_digest().await?),
            entries(studio.registry.journal().head_digest().await?),
        ),
    });
    debug_assert!(!year.served.is_empty());
    Ok(Answers { descent, answers, line })
}

fn entries(head: Option<lineal_core::Head>) -> u64 {
    head.map_or(0, |head| head.seq + 1)
}

/// Walks from the first prediction of a month to the data and the code it rests on.
async fn line_of_descent(studio: &Studio, month: u8) -> Outcome<(Descent, String)> {
    let served = studio.predictions.at(&ingest::tag(month)).await?;
    let table = served.read_table(&serve::path(month)).await?;
    let first = table.first().ok_or("no predictions")?;
    let text = |name: &str| first.column_by_name(name).ok_or_else(|| format!("no column {name}"));
    let key = arrow::compute::cast(text("key")?, &arrow::datatypes::DataType::Utf8)?;
    let key = key.as_string::<i32>().value(0).to_owned();
    let probability = text("probability")?.as_primitive::<Float64Type>().value(0);
    let number = text("version")?.as_primitive::<UInt64Type>().value(0);
    let model = studio.registry.lineage(&studio.champion.model, number).await?;
    let decision: Digest = served.commit().metadata().get("decision").ok_or("no decision is named")?.parse()?;
    let judged = studio.registry.decision(&decision).await?;
    let approval = approval_of(studio, &model).await?;
    let lineage = &model.version.record.lineage;
    let run = lineage.run.clone().ok_or("no run is named")?;
    let record = studio.runs.get(run.run).await?;
    let provenance = studio.runs.provenance(run.run).await?;
    let code = lineage.code.as_ref();
    let data = last_data(&lineage.data)?;
    let commit = studio.flights.at(&data.commit.to_string()).await?;
    let descent =
        Descent {
            prediction: Node {
                id: key.clone(),
                lines: vec![
                    format!("probability {probability:.3}"),
                    format!("predictions {}", short(&served.commit().id().to_string())),
                ],
            },
            deployed: Node {
                id: format!("late15 version {number}"),
                lines: vec![format!("{}", studio.champion), short(&model.version.model.manifest.to_string())],
            },
            decision: Node {
                id: short(&decision.to_string()),
                lines: vec![
                    if judged.approved() { "approved" } else { "refused" }.to_owned(),
                    format!("policy {}", short(&judged.basis.policy.to_string())),
                ],
            },
            approval,
            run: Node {
                id: record.name.to_string(),
                lines: vec![format!("run {}", short(&run.run.to_string())), format!("seed {}", record.seed)],
            },
            data: Node {
                id: data.commit.to_string(),
                lines: vec![data.path.clone().unwrap_or_default(), commit.commit().message().to_owned()],
            },
            code: Node {
                id: code.map_or_else(|| "no version control".to_owned(), |code| code.commit.clone()),
                lines: vec![code.map_or_else(String::new, |code| {
                    if code.dirty { "with changes" } else { "as committed" }.to_owned()
                })],
            },
            environment: Node {
                id: provenance.as_ref().map_or_else(String::new, |known| known.env.toolchain.clone()),
                lines: provenance.map(|known| vec![format!("{} {}", known.env.os, known.env.arch)]).unwrap_or_default(),
            },
        };
    let line = format!(
        "prediction {key} ({probability:.3}) <- late15 v{number} <- decision {} <- {} <- data commit {} <- code commit {}",
        short(&decision.to_string()),
        record.name,
        short(&data.commit.to_string()),
        code.map_or("none", |code| code.commit.get(..12).unwrap_or(&code.commit)),
    );
    Ok((descent, line))
}

async fn approval_of(studio: &Studio, model: &ModelDescent) -> Outcome<Node> {
    let found = model.evidence.iter().find(|evidence| evidence.kind == EvidenceKind::Approval);
    let (statement, _) = studio.registry.statement(&found.ok_or("nobody approved")?.digest).await?;
    let claim: ApprovalClaim = statement.predicate_as()?;
    let day = statement.at.to_string().chars().take(10).collect();
    Ok(Node { id: statement.by.to_string(), lines: vec![format!("for {}", claim.environment), day] })
}

fn last_data(data: &[DataRef]) -> Outcome<DataRef> {
    data.last().cloned().ok_or_else(|| "no data is named".into())
}

async fn who_saw_february(studio: &Studio) -> Outcome<Answer> {
    let february = studio.flights.resolve("2013-02").await?;
    let commit = studio.flights.at("2013-02").await?.data_ref().commit;
    let saw = studio.registry.versions_trained_on(&commit).await?;
    let live = studio.registry.live().await?;
    let spring = studio.registry.as_of(At::Time(moment(4, 15, 0))).await?;
    let names = |holders: &[lineal_registry::Holder]| {
        let mut found: Vec<String> = saw
            .iter()
            .filter(|model| {
                holders.iter().any(|holder| holder.version == model.version && holder.alias.model == model.model)
            })
            .map(|model| format!("version {}", model.version))
            .collect();
        if found.is_empty() {
            found.push("none".to_owned());
        }
        found.join(", ")
    };
    let all: Vec<String> = saw.iter().map(|model| model.version.to_string()).collect();
    Ok(Answer {
        question: "Which models saw the February version of the data, and which of them are live?".to_owned(),
        answer: format!(
            "Commit {} was read by versions {}. Live now: {}. Live on 15 April: {}.",
            short(&february.to_string()),
            all.join(", "),
            names(&live),
            names(&spring),
        ),
    })
}

async fn champion_on(studio: &Studio, time: Timestamp, question: &str) -> Outcome<Answer> {
    let then = studio.registry.as_of(At::Time(time)).await?;
    let holder = then.into_iter().find(|holder| holder.alias == studio.champion);
    let answer = holder.map_or_else(
        || "Nobody.".to_owned(),
        |holder| {
            let since: String = holder.since.to_string().chars().take(10).collect();
            format!("Version {}, since {since}, by decision {}.", holder.version, holder.decision.short())
        },
    );
    Ok(Answer { question: question.to_owned(), answer })
}

fn short(id: &str) -> String {
    id.chars().take(12).collect()
}

/// The month whose first prediction is traced.
const ASKED_MONTH: u8 = 7;
