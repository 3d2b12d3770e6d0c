use std::time::Duration;

/// What may go wrong in a [`FaultStore`](crate::FaultStore): a probability for each kind, `0.0..=1.0`.
///
/// The default is a store without faults. At most one of the fates of an answer (`fail_before` to
/// `own_conflict`) is drawn for an operation; the other kinds are drawn on their own.
///
/// ```
/// use lineal_testkit::Faults;
/// let faults = Faults { fail_after: 0.05, late_copy: 0.1, ..Faults::default() };
/// assert!(faults.delay == 0.0 && Faults::rough().delay > 0.0);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Faults {
    /// The operation has no effect and reports an error.
    pub fail_before: f64,
    /// The write has no effect yet and reports an error; its effect comes up to `max_late` later.
    pub late_effect: f64,
    /// A write is refused outright, as by a credential that expired: no effect, and no late copy has one.
    pub denied: f64,
    /// The operation has its effect and reports an error.
    pub fail_after: f64,
    /// The operation has its effect; its answer is lost, the caller learns of a time-out much later.
    pub lost_answer: f64,
    /// A conditional write reports `AlreadyExists` though nothing was stored (S3: 409 `ConditionalRequestConflict`).
    pub conflict: f64,
    /// A conditional write has its effect and reports `AlreadyExists`: the client repeated it by itself and met its own object.
    pub own_conflict: f64,
    /// The operation waits up to `max_delay` before its effect; half of the writes that wait are already
    /// on the wire, so that dropping the caller's future does not stop them.
    pub delay: f64,
    /// A second copy of a write arrives up to `max_late` later, whatever the first was answered and
    /// whether or not the caller still waits. A conditional write stays conditional.
    pub late_copy: f64,
    /// A body ends early without an error.
    pub short_body: f64,
    /// A body breaks off with an error.
    pub broken_body: f64,
    /// A list comes in random order.
    pub shuffled_list: f64,
    /// A list breaks off with an error.
    pub broken_list: f64,
    /// A conditional write overwrites what is there: the store lies. Use 1.0 for one that always does.
    pub ignored_condition: f64,
    /// Upper limit of a delay in simulated time; short delays are as likely as long ones.
    pub max_delay: Duration,
    /// Upper limit of the time after which a late copy or effect arrives; again of any order of magnitude.
    pub max_late: Duration,
    /// How long a caller whose answer was lost waits for the time-out.
    pub timeout: Duration,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            fail_before: 0.0,
            late_effect: 0.0,
            denied: 0.0,
            fail_after: 0.0,
            lost_answer: 0.0,
            conflict: 0.0,
            own_conflict: 0.0,
            delay: 0.0,
            late_copy: 0.0,
            short_body: 0.0,
            broken_body: 0.0,
            shuffled_list: 0.0,
            broken_list: 0.0,
            ignored_condition: 0.0,
            max_delay: Duration::from_millis(200),
            max_late: Duration::from_secs(20),
            timeout: Duration::from_secs(5),
        }
    }
}

impl Faults {
    /// A store without faults: the default, by name.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Everything an honest store may do to a caller, often enough that a hundred operations meet most of it.
    /// The store never lies about conditions, and never refuses outright (`denied`): callers need not outlast that.
    #[must_use]
    pub fn rough() -> Self {
        Self {
            fail_before: 0.03,
            late_effect: 0.03,
            fail_after: 0.04,
            lost_answer: 0.04,
            conflict: 0.04,
            own_conflict: 0.04,
            delay: 0.3,
            late_copy: 0.08,
            short_body: 0.02,
            broken_body: 0.02,
            shuffled_list: 0.5,
            broken_list: 0.05,
            ..Self::default()
        }
    }

    /// A store that cannot be reached: every operation fails without effect.
    #[must_use]
    pub fn unreachable() -> Self {
        Self { fail_before: 1.0, ..Self::default() }
    }

    /// A store that answers every conditional write as if it were a plain one.
    #[must_use]
    pub fn lying() -> Self {
        Self { ignored_condition: 1.0, ..Self::default() }
    }
}
