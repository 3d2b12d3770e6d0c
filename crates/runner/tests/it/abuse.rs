use lineal_core::{DataRef, Digest, Name};
use lineal_runner::{Context, Error};

use crate::support::{Any, RUN, actor, memory, open, walk};

/// Runs training code that must succeed.
async fn run<T: Send + 'static>(train: impl FnOnce(&Context) -> Result<T, Any> + Send + 'static) -> T {
    let experiment = open(&memory()).await;
    walk(&experiment).execute(&actor(), train).await.unwrap().output
}

#[tokio::test]
async fn hostile_names_are_refused_and_odd_ones_kept() {
    let experiment = open(&memory()).await;
    let odd = ["train/loss", "../../etc/passwd", "a\"b\\c{}", "'; DROP TABLE runs", "λ", "a.b c", "🦀", "con"];
    let train = move |cx: &Context| -> Result<(), Any> {
        let long = "x".repeat(201);
        for name in ["", " loss", "loss ", "a\nb", "a\0", "\u{202e}ssol", "zero\u{200b}width", long.as_str()] {
            assert!(matches!(cx.metric(name), Err(Error::Label { what: "metric", .. })), "{name:?}");
            assert!(matches!(cx.artifact(name, "x"), Err(Error::Label { what: "output", .. })), "{name:?}");
        }
        for (step, name) in (0..).zip(odd) {
            cx.metric(name)?.log(step, 1.0);
            cx.artifact(name, name.to_owned())?;
        }
        Ok(())
    };
    walk(&experiment).execute(&actor(), train).await.unwrap();
    let run = experiment.get(RUN).await.unwrap();
    for (step, name) in (0..).zip(odd) {
        assert_eq!(run.metrics[name].last_step.get(), step);
        assert_eq!(experiment.metrics(RUN, name).await.unwrap().len(), 1);
        assert_eq!(run.outputs[name].digest, Digest::of(name.as_bytes()));
    }
    for name in ["", "Über", "a/b", "..", "con", &"x".repeat(101)] {
        let refused = experiment.run(name).execute(&actor(), |_| Ok::<_, Error>(())).await;
        assert!(matches!(refused, Err(Error::Name(_))), "{name:?}");
        let blobs = experiment.journal().store();
        let blobs = std::sync::Arc::new(lineal_core::LooseBlobs::open(blobs, "blobs").await.unwrap());
        let opened = lineal_runner::Experiment::open(&memory(), name, blobs).await;
        assert!(matches!(opened, Err(Error::Name(_))), "{name:?}");
    }
}

#[tokio::test]
async fn steps_and_checkpoints_at_the_edges() {
    let seen = run(|cx| {
        let loss = cx.metric("loss")?;
        loss.log(u64::MAX, f64::INFINITY);
        loss.log(0, f64::NEG_INFINITY);
        cx.checkpoint(5, Vec::new())?;
        let again = cx.checkpoint(5, "x");
        let back = cx.checkpoint(4, "x");
        cx.checkpoint(u64::MAX, "x")?;
        Ok((again.is_err(), matches!(back, Err(Error::CheckpointOrder { step: 4, last: 5 }))))
    });
    assert_eq!(seen.await, (true, true));
}

#[tokio::test]
async fn too_many_metrics_are_refused() {
    let refused = run(|cx| {
        for metric in 0..10_000 {
            cx.metric(&format!("m{metric}"))?;
        }
        cx.metric("m17")?;
        Ok(cx.metric("one more").is_err())
    });
    assert!(refused.await);
}

#[tokio::test]
async fn bad_descriptions_are_refused_before_anything_is_recorded() {
    let experiment = open(&memory()).await;
    let refused = experiment.run("x").params(&5).execute(&actor(), |_| Ok::<_, Error>(())).await;
    assert!(matches!(refused, Err(Error::Params { .. })));
    let endless = DataRef {
        repository: Name::new("flights").unwrap(),
        commit: Digest::of(b""),
        path: None,
        rows: Some(u64::MAX),
    };
    let refused = experiment.run("x").input(endless).execute(&actor(), |_| Ok::<_, Error>(())).await;
    assert!(matches!(refused, Err(Error::Store(lineal_core::Error::Encode { .. }))), "{refused:?}");
    assert!(experiment.journal().head().is_none());
}

#[tokio::test]
async fn a_zero_sized_segment_setting_does_not_hang() {
    let experiment = open(&memory()).await;
    let settings = lineal_runner::RunSettings::default().with_rows_per_segment(0);
    let train = |cx: &Context| {
        let loss = cx.metric("loss")?;
        (0..5).for_each(|step| loss.log(step, 0.0));
        Ok::<_, Error>(())
    };
    experiment.run("x").with_id(RUN).with_settings(settings).execute(&actor(), train).await.unwrap();
    assert_eq!(experiment.get(RUN).await.unwrap().metrics["loss"].count, 5);
}

#[test]
fn errors_read_well() {
    let id = RUN;
    let digest = Digest::of(b"x");
    let io = || std::io::Error::other("out of threads");
    let errors: Vec<Error> = vec![
        Error::Label { what: "metric", name: "a\\n".into(), rule: "must be short" },
        Error::Params { name: "lr".into(), reason: "a whole number has at most 64 bits".into() },
        Error::TooManyMetrics { limit: 10_000 },
        Error::UnknownRun { run: id },
        Error::RunDiffers { run: id, what: "seed" },
        Error::RunIsFinished { run: id },
        Error::Superseded { run: id, attempt: 2 },
        Error::CheckpointOrder { step: 4, last: 5 },
        Error::Abandoned,
        Error::Failed { run: id, attempt: 1, source: "no data".into() },
        Error::Panicked { run: id, attempt: 1, message: "index out of bounds".into() },
        Error::Interrupted { run: id, attempt: 1, source: "stopped".into() },
        Error::Thread { run: id, source: io() },
        Error::SegmentDiffers { digest, what: "its schema" },
        Error::Capture { path: "/nowhere".into(), source: io() },
        Error::NoSubject { run: id },
    ];
    let lines: Vec<String> = errors.iter().map(|error| format!("{:?}: {error}", error.kind())).collect();
    insta::assert_snapshot!(lines.join("\n"));
}
