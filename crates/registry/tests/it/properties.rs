//! Random orders of commands against an independent model of who may do what.

use std::collections::{BTreeMap, BTreeSet};

use lineal_core::{EvidenceKind, Timestamp};
use lineal_registry::{AliasRef, Error, MetricsClaim, Op, Policy, Rule};
use proptest::prelude::*;

use crate::support::{World, actor, model, signer};

#[derive(Debug, Clone)]
enum Command {
    Register { weights: u8, by: usize },
    Provenance { version: u64, by: usize },
    Auc { version: u64, auc: u8, by: usize },
    Approve { version: u64, environment: usize, by: usize },
    SetPolicy { environment: usize, policy: usize },
    Promote { version: u64, environment: usize, guess_right: bool },
    RollBack { environment: usize },
    Revoke { version: u64 },
}

fn command() -> impl Strategy<Value = Command> {
    let (version, by, environment) = (1_u64..4, 0_usize..3, 0_usize..2);
    prop_oneof![
        3 => (0_u8..4, by.clone()).prop_map(|(weights, by)| Command::Register { weights, by }),
        3 => (version.clone(), by.clone()).prop_map(|(version, by)| Command::Provenance { version, by }),
        3 => (version.clone(), 5_u8..10, by.clone()).prop_map(|(version, auc, by)| Command::Auc { version, auc, by }),
        5 => (version.clone(), environment.clone(), by)
            .prop_map(|(version, environment, by)| Command::Approve { version, environment, by }),
        2 => (environment.clone(), 0_usize..3)
            .prop_map(|(environment, policy)| Command::SetPolicy { environment, policy }),
        8 => (version.clone(), environment.clone(), prop::bool::weighted(0.9))
            .prop_map(|(version, environment, guess_right)| Command::Promote { version, environment, guess_right }),
        2 => environment.prop_map(|environment| Command::RollBack { environment }),
        1 => version.prop_map(|version| Command::Revoke { version }),
    ]
}

/// What the test itself knows, kept without any code of the registry.
#[derive(Default)]
struct Reference {
    approvals: BTreeSet<(u64, usize, usize, usize)>,
    auc: BTreeMap<u64, u8>,
    holders: BTreeMap<usize, Vec<u64>>,
    names: BTreeMap<u8, u64>,
    policies: BTreeMap<usize, usize>,
    revoked: BTreeSet<u64>,
    submitters: BTreeMap<u64, usize>,
    trainers: BTreeMap<u64, BTreeSet<usize>>,
}

impl Reference {
    fn knows(&self, version: u64) -> bool {
        self.submitters.contains_key(&version)
    }

    fn approves(&self, version: u64, environment: usize, policy: usize) -> bool {
        let trainers = self.trainers.get(&version).cloned().unwrap_or_default();
        let approvers = (0..3).filter(|who| {
            self.approvals.contains(&(version, environment, policy, *who))
                && !trainers.contains(who)
                && self.submitters.get(&version) != Some(who)
        });
        let enough_people = !trainers.is_empty() && approvers.count() >= 1;
        let good = self.auc.get(&version).is_some_and(|auc| *auc >= 7);
        match policy {
            0 => enough_people,
            1 => enough_people && good,
            _ => good,
        }
    }

    fn holder(&self, environment: usize) -> Option<u64> {
        self.holders.get(&environment)?.last().copied()
    }
}

fn policy(number: usize) -> Policy {
    let rules = match number {
        0 => vec![Rule::approvals(1)],
        1 => vec![Rule::approvals(1), Rule::metric("auc", Op::AtLeast, 0.7)],
        _ => vec![Rule::metric("auc", Op::AtLeast, 0.7)],
    };
    Policy::new(Rule::All(rules)).unwrap()
}

fn alias(environment: usize) -> AliasRef {
    AliasRef::new("late15", ["prod", "edge"][environment], "champion").unwrap()
}

async fn run(world: &World, known: &mut Reference, command: &Command) {
    let registry = &world.registry;
    match *command {
        Command::Register { weights, by } => {
            let new = world.version(&format!("[{weights}]")).await;
            let version = registry.register(new, &signer(by)).await.unwrap().version;
            let next = u64::try_from(known.names.len()).unwrap() + 1;
            assert_eq!(version, *known.names.entry(weights).or_insert(next));
            known.submitters.entry(version).or_insert(by);
        }
        Command::Provenance { version, by } if known.knows(version) => {
            let manifest = manifest(world, version).await;
            world.state(EvidenceKind::Provenance, manifest, &"how", by).await;
            known.trainers.entry(version).or_default().insert(by);
        }
        Command::Auc { version, auc, by } if known.knows(version) => {
            let claim = MetricsClaim::default().with("auc", f64::from(auc) / 10.0);
            world.clock.advance(std::time::Duration::from_secs(1));
            world.state(EvidenceKind::Metrics, manifest(world, version).await, &claim, by).await;
            known.auc.insert(version, auc);
        }
        Command::Approve { version, environment, by } => {
            let target = alias(environment).environment;
            let approved = registry.approve(&model(), version, &target, Timestamp::MAX, "", &signer(by)).await;
            match known.policies.get(&environment) {
                Some(policy) if known.knows(version) => {
                    approved.unwrap();
                    known.approvals.insert((version, environment, *policy, by));
                }
                _ => assert!(matches!(approved, Err(Error::NoPolicy { .. } | Error::NoSuchVersion { .. }))),
            }
        }
        Command::SetPolicy { environment, policy: number } => {
            let target = alias(environment).environment;
            registry.set_policy(&target, &policy(number), &signer(3)).await.unwrap();
            known.policies.insert(environment, number);
        }
        Command::Promote { version, environment, guess_right } => {
            promote(world, known, version, environment, guess_right).await;
        }
        Command::RollBack { environment } => {
            let Some(from) = known.holder(environment) else { return };
            let line = known.holders.get_mut(&environment).unwrap();
            let usable = |version: &u64| *version != from && !known.revoked.contains(version);
            let expected = line.iter().rev().skip(1).copied().find(usable);
            let found = registry.rollback(&alias(environment), from, "bad", &actor(0)).await;
            assert_eq!(found.ok(), expected);
            if let Some(to) = expected {
                line.pop();
                while line.last() != Some(&to) {
                    line.pop();
                }
            }
        }
        Command::Revoke { version } if known.knows(version) => {
            registry.revoke(&model(), version, "bad", &actor(0)).await.unwrap();
            known.revoked.insert(version);
        }
        _ => {}
    }
}

async fn promote(world: &World, known: &mut Reference, version: u64, environment: usize, guess_right: bool) {
    let target = alias(environment);
    let now = known.holder(environment);
    let expected = if guess_right { now } else { Some(77) };
    let promotion = world.registry.promote(&model(), version, &target.environment).alias(&target.alias, expected);
    let decision = promotion.commit(&actor(3)).await;
    let usable = known.knows(version) && !known.revoked.contains(&version);
    match known.policies.get(&environment) {
        Some(policy) if usable && expected == now => {
            let decision = decision.unwrap();
            let verdict = &decision.verdict;
            assert_eq!(decision.approved(), known.approves(version, environment, *policy), "{verdict}");
            if decision.approved() {
                known.holders.entry(environment).or_default().push(version);
            }
        }
        _ => drop(decision.unwrap_err()),
    }
}

async fn manifest(world: &World, version: u64) -> lineal_core::Digest {
    let versions = world.registry.versions(&model()).await.unwrap();
    versions[usize::try_from(version - 1).unwrap()].model.manifest
}

/// What must hold after every command.
async fn check(world: &World, known: &Reference) {
    let live = world.registry.live().await.unwrap();
    let holders: BTreeMap<AliasRef, u64> = live.iter().map(|held| (held.alias.clone(), held.version)).collect();
    let expected = (0..2).filter_map(|environment| Some((alias(environment), known.holder(environment)?)));
    assert_eq!(holders, expected.collect());
    for held in live {
        match world.registry.load(&held.alias).await {
            Ok(model) => {
                let decision = model.version().decision.clone().unwrap();
                assert!(decision.approved() && !known.revoked.contains(&held.version));
                assert_eq!(world.registry.recheck(&held.decision).await.unwrap(), decision.verdict);
            }
            Err(error) => {
                assert!(matches!(error, Error::Revoked { .. }) && known.revoked.contains(&held.version), "{error}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn nothing_becomes_an_alias_but_by_a_decision_that_holds(commands in prop::collection::vec(command(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let world = World::memory().await;
            let mut known = Reference::default();
            for command in &commands {
                run(&world, &mut known, command).await;
                check(&world, &known).await;
            }
            // Every decision ever made still comes out the same, also for somebody who opens the registry now.
            let fresh = world.again().await;
            for version in fresh.versions(&model()).await.unwrap() {
                for decision in fresh.lineage(&model(), version.model.version).await.unwrap().decisions {
                    assert_eq!(fresh.recheck(&decision.digest()).await.unwrap(), decision.verdict);
                }
            }
        });
    }
}
