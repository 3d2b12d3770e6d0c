//! A registry of models on any object store: versions, evidence, policies, decisions, aliases.
//!
//! A [`Registry`] is one journal. A *version* is immutable: files by digest ([`Manifest`]), a schema
//! ([`IoSchema`](lineal_core::IoSchema)) and a line of descent ([`Lineage`]). Everything else is an event about a digest:
//! signed *evidence* is attached, a [`Policy`] is put in force for an [`Environment`], a *decision* judges a version by it,
//! an [`Alias`] such as `champion` moves by compare-and-set, a version is revoked. Status is derived, never set.
//!
//! # What it guarantees
//! - No version becomes an alias without a recorded [`Decision`] that passed; a refusal is recorded too, with its reasons.
//! - A decision holds for ever: [`Registry::recheck`] judges it again from storage and agrees, or names what differs.
//! - Duties are separate by key: whoever signed the training does not count as an approver, under whatever name.
//! - [`Registry::load`] verifies all of that, and every byte, where the model is used: write access to the store is not
//!   access to production. With [`RegistryBuilder::require_signed_entries`], nor is it a way to move what was approved.
//!
//! # What it does not
//! Somebody who can write to the store can always hide the latest entries, a revocation among them; anchor
//! [`head_digest`](lineal_core::Journal::head_digest) elsewhere to notice. Removing a key from the [`Trust`] withdraws what
//! rests on its signatures. There are no roll-outs by share of traffic yet.
//!
//! Start at [`Registry`]. What statements must look like is in `docs/format/evidence.md`.

mod builder; // what a registry is opened with
mod bundle; // one version in one file, verifiable offline
mod case; // what a policy looks at, read and verified
mod claims; // the predicates that are read
mod decision; // a verdict and what it rests on
mod documents; // the blobs of one command
mod endorsement; // who put a policy in force
mod error; // what can go wrong
mod evaluate; // the pure evaluation of a policy
mod event; // what happens, as stored
mod judge; // deciding, and deciding again
mod load; // verified at load
mod manifest; // the files of a version
mod name; // environments and aliases
mod policy; // a rule, and who may change it
mod promote; // aliases forward and back, revocation
mod query; // what is, what was, lines of descent
mod registry; // registering, attaching, approving
mod roots; // what must not be collected
mod rule; // rules over evidence, as data
mod state; // the fold
mod trust; // whose signatures count
mod verdict; // outcomes with reasons
mod version; // what a version is

pub use self::{
    builder::RegistryBuilder,
    bundle::{Bundle, BundleStream},
    claims::{ApprovalClaim, Comparison, GoldenClaim, MetricsClaim, TestClaim},
    decision::{Basis, Decision, Incumbent, SeenEvidence, SeenSigner},
    error::Error,
    event::{AliasMove, RegistryEvent},
    load::{LoadedModel, Release, VerifiedVersion},
    manifest::{Manifest, ModelFile},
    name::{Alias, AliasRef, Environment},
    policy::Policy,
    promote::Promotion,
    query::{AttachedEvidence, Descent, Holder, RegisteredVersion},
    registry::Registry,
    roots::{ManifestLinks, RegistryRoots, registry_links},
    rule::{LineagePart, Op, Party, Rule},
    state::RegistryState,
    trust::Trust,
    verdict::{Outcome, Verdict},
    version::{Lineage, NewVersion, VersionRecord},
};
