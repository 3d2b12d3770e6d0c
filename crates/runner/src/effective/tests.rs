use std::collections::BTreeMap;

use lineal_core::{Actor, Digest, Name, RunId, Stamp, State, Timestamp, TxnId};
use proptest::prelude::*;

use super::*;
use crate::{
    Params, RunEvent, Runs,
    segment::{Row, Rows, Sealed, decode, encode, summarise},
};

/// Points of one segment: metric, step, value.
type Points = Vec<(u32, u64, i16)>;
/// One attempt: which earlier attempt at which step it resumed from, if any, and its segments.
type Plan = (Option<(u32, u64)>, Vec<Points>);

fn seal(points: &Points, attempt: u32) -> Sealed {
    let row = |(metric, step, value): &(u32, u64, i16)| Row {
        metric: *metric,
        step: *step,
        time: Timestamp::EPOCH,
        value: f64::from(*value),
    };
    encode(Rows { rows: points.iter().map(row).collect(), names: vec!["a".into(), "b".into()] }, attempt).unwrap()
}

/// Plays the plan into a record, and returns the encoded segments by digest.
fn play(plan: &[Plan]) -> (RunRecord, BTreeMap<Digest, Sealed>) {
    let (run, mut sealed) = (RunId::from_bytes([1; 16]), BTreeMap::new());
    let name = Name::new("run").unwrap();
    let mut events =
        vec![RunEvent::RunStarted { inputs: Vec::new(), name, params: Params::default(), run, seed: 0.into() }];
    for (attempt, (resumed, segments)) in (1..).zip(plan) {
        events.push(RunEvent::AttemptStarted { attempt, provenance: None, run });
        if let Some((from, step)) = resumed {
            let from = crate::ResumePoint { attempt: *from, step: (*step).into() };
            events.push(RunEvent::AttemptResumed { attempt, from, run });
        }
        for (seq, points) in (0..).zip(segments) {
            let segment = seal(points, attempt);
            let (digest, metrics, rows) = (Digest::of(&segment.bytes), segment.metrics.clone(), segment.rows);
            events.push(RunEvent::SegmentSealed { attempt, digest, metrics, rows, run, seq, size_bytes: 0 });
            sealed.insert(digest, segment);
        }
    }
    let stamp = Stamp::new(0, Timestamp::EPOCH, TxnId::from_bytes([0; 16]), Actor::new("ana").unwrap());
    let mut runs = Runs::default();
    events.iter().for_each(|event| runs.apply(event, &stamp));
    (runs.get(run).unwrap().clone(), sealed)
}

/// What the specification says counts, without regard to segments.
fn specified(plan: &[Plan]) -> Vec<(u32, u64, i16)> {
    let mut line = vec![(plan.len(), u64::MAX)];
    while let Some((from, step)) =
        plan[line.last().unwrap().0 - 1].0.filter(|(from, _)| (*from as usize) < line.last().unwrap().0)
    {
        if from == 0 {
            break;
        }
        line.push((from as usize, step));
    }
    let mut counting: Vec<(u32, u64, i16)> = Vec::new();
    for (attempt, upto) in line.into_iter().rev() {
        let own: Points = plan[attempt - 1].1.iter().flatten().filter(|(_, step, _)| *step <= upto).copied().collect();
        counting.retain(|(metric, step, _)| !own.iter().any(|(again, at, _)| (again, at) == (metric, step)));
        counting.extend(own);
    }
    counting.sort_by_key(|(metric, step, _)| (*metric, *step));
    counting
}

/// What the code says counts, from the points.
fn kept(record: &RunRecord, sealed: &BTreeMap<Digest, Sealed>) -> Vec<RecordBatch> {
    let load = |segment: &Segment| decode(segment.digest, sealed[&segment.digest].bytes.clone(), segment.rows).unwrap();
    let mut again = LoggedAgain::default();
    for (part, segment) in overlapping(record) {
        load(segment).iter().for_each(|batch| again.note(batch, part));
    }
    let all = segments(record).flat_map(|(part, segment)| load(segment).into_iter().map(move |batch| (part, batch)));
    all.map(|(part, batch)| keep(&batch, part, &again).unwrap()).collect()
}

fn plans() -> impl Strategy<Value = Vec<Plan>> {
    let points = prop::collection::vec((0_u32..2, 0_u64..12, -9_i16..9), 1..6);
    let attempt = (prop::option::weighted(0.8, (0_u32..4, 0_u64..12)), prop::collection::vec(points, 0..3));
    prop::collection::vec(attempt, 1..5).prop_map(|mut plan| {
        for (number, (resumed, _)) in (1_u32..).zip(&mut plan) {
            // Attempts resume from earlier ones only; anything else is passed over by the fold.
            *resumed = resumed.filter(|(from, _)| (1..number).contains(from));
        }
        plan
    })
}

proptest! {
    #[test]
    fn what_counts_is_what_the_specification_says(plan in plans()) {
        let (record, sealed) = play(&plan);
        let batches = kept(&record, &sealed);
        let mut points: Vec<(u32, u64, i16)> = Vec::new();
        for columns in batches.iter().filter_map(Columns::of) {
            points.extend(columns.rows().map(|(name, point)| (u32::from(name == "b"), point.step, point.value as i16)));
        }
        points.sort_by_key(|(metric, step, _)| (*metric, *step));
        prop_assert_eq!(points, specified(&plan));
        if let Some(from_journal) = summaries(&record) {
            let mut from_points = BTreeMap::new();
            summarise(&batches, &mut from_points);
            prop_assert_eq!(from_journal, from_points);
        }
    }
}
