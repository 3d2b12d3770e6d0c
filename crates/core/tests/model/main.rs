//! Exhaustive model of the append protocol: every interleaving of three writers who append three transactions each.
//!
//! The protocol, for transaction t at number n: Create(n, t). `Ok`: committed. Anything else: read n. Absent: the same
//! bytes again; t: committed; another: n + 1. To give up, Create(n, Noop) in place of t and read back until n is
//! occupied: t means committed, anything else certainly aborted. In doubt is giving up later.
//!
//! The network may lose answers, keep requests back for as long as it likes, repeat them, and answer 409 to a request it
//! did not carry out; each within a budget. The server stores the first entry of a number for ever.
//! A state keeps what can still matter and no more, which is exact, not an approximation: an entry matters only to the
//! writer whose current transaction it holds, a request only while its number is free, and writers are interchangeable.
//! Steps that nobody else can see or prevent, and that leave their writer no choice, are taken at once.
//!
//! `LINEAL_MODEL_DEPTH=3` raises the budgets (the default is 2).

mod protocol; // steps of writers and network; broken variants
mod search; // every state once
mod state; // what matters of a log, its writers and the network

use std::env;

use protocol::Protocol;
use search::{Orders, Seen, explore};
use state::{Budget, Fault, TRANSACTIONS, WRITERS};

#[test]
fn the_protocol_holds_in_every_interleaving() {
    let (seen, found) = explore(Protocol::Right, budget(depth()), Orders::ThatMatter);
    println!("append protocol, {WRITERS} writers x {TRANSACTIONS} transactions, {:?}: {seen:?}", budget(depth()));
    if let Some(found) = found {
        panic!("{found}");
    }
    let Seen { ends, commits, noops, lost_oks, found_own, saved, late, duplicates, conflicts, .. } = seen;
    let met = [ends, commits, noops, lost_oks, found_own, saved, late, duplicates, conflicts];
    assert!(met.iter().all(|times| *times > 0), "the search did not meet everything: {seen:?}");
}

#[test]
fn a_quiet_network_never_needs_a_noop() {
    let none = Budget { losses: 0, duplicates: 0, conflicts: 0, give_ups: 0 };
    let (seen, found) = explore(Protocol::Right, none, Orders::All);
    assert!(found.is_none() && seen.noops == 0 && seen.found_own == 0 && seen.ends > 0);
}

#[test]
fn every_broken_protocol_is_found() {
    for (protocol, faults) in [
        (Protocol::NoReadBack, [Fault::Doubled, Fault::Gap]),
        (Protocol::TrustsExists, [Fault::Doubled, Fault::Gap]),
        (Protocol::PassesFreeNumber, [Fault::Doubled, Fault::Gap]),
        (Protocol::NoNoop, [Fault::AbortedButStored; 2]),
        (Protocol::AbortsBlindly, [Fault::AbortedButStored; 2]),
    ] {
        let (_, found) = explore(protocol, budget(2), Orders::ThatMatter);
        let found = found.unwrap_or_else(|| panic!("{protocol:?} was not found out"));
        println!("{protocol:?}: {found}");
        assert!(faults.contains(&found.fault), "{protocol:?}: {found}");
    }
}

#[test]
fn orders_left_out_hide_nothing() {
    let small = Budget { losses: 1, duplicates: 1, conflicts: 0, give_ups: 0 };
    let some = [Protocol::Right, Protocol::NoReadBack, Protocol::TrustsExists, Protocol::PassesFreeNumber];
    for protocol in some {
        let [few, all] = [Orders::ThatMatter, Orders::All].map(|orders| explore(protocol, small, orders));
        assert_eq!(few.1.is_some(), all.1.is_some(), "{protocol:?}");
        assert!(few.0.states <= all.0.states);
        println!("{protocol:?}: {} states, {} in all orders", few.0.states, all.0.states);
    }
}

fn budget(depth: u8) -> Budget {
    Budget { losses: depth, duplicates: depth, conflicts: depth.div_ceil(2), give_ups: depth.div_ceil(2) }
}

fn depth() -> u8 {
    let text = env::var("LINEAL_MODEL_DEPTH").ok();
    text.map_or(2, |text| text.parse().expect("LINEAL_MODEL_DEPTH is a small number"))
}
