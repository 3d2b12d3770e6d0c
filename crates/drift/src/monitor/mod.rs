//! Watches what a service is fed, window by window, against a reference that is kept as counts.
//!
//! [`MonitorReference::build`] once, from training data; [`Monitor::new`] with [`Windows`] and [`MonitorSettings`]; a [`Recorder`] for each
//! thread; then [`Monitor::close`] or [`Monitor::close_until`] gives a [`WindowReport`] per window, with [`Finding`]s that were raised, go on
//! or were cleared, and [`WindowReport::to_statement`] makes it evidence. Counts are exact: they can be saved ([`Monitor::state`]) and
//! added up across replicas ([`PaneCounts`]).
//!
//! Memory: 8 bytes for each cell (some 35 per feature), open pane with rows, and shard. Design: `docs/design/0005-monitor.md`.

mod alarm; // hysteresis
mod batch; // columns of a batch
mod chunks; // usual scores, from chunks of the reference
mod counts; // exact counts of a pane
mod draws; // gamma and binomial draws
mod edges; // bins of numbers
mod judge; // scores and findings of a window
mod labels; // cells of labels
mod live; // the monitor
mod measure; // methods on counts
mod noise; // scores of stationary data
#[cfg(feature = "openmetrics")]
mod openmetrics; // the text of a scrape
mod policy; // settings
mod recorder; // the way in
mod reference; // what is known to be good
mod report; // what a window showed
mod shard; // places to count in
mod state; // what is saved
mod statement; // evidence for other crates
mod stored; // the stored form of a reference
mod thresholds; // by feature and size of the window
mod value; // what a row is made of
mod windows; // panes and windows

#[cfg(feature = "openmetrics")]
pub use self::openmetrics::write_openmetrics;
pub use self::{
    counts::PaneCounts,
    live::Monitor,
    policy::{AlarmSettings, FeatureSettings, MonitorSettings, Severity, ThresholdRule},
    recorder::Recorder,
    reference::{MonitorReference, ReferenceSettings},
    report::{FeatureWindow, Finding, Judgement, Phase, Signal, Totals, WindowReport},
    state::MonitorState,
    statement::{FindingClaim, WindowPredicate},
    value::Value,
    windows::{BatchPlacement, Pane, Placement, WindowBounds, Windows},
};
