use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use object_store::path::Path;
use object_store::{Error, ObjectStore, PutResult, Result};

use crate::dice::Dice;
use crate::faults::Faults;
use crate::kinds::{Fault, Op};
use crate::lock;
use crate::log::{Line, Log};
use crate::plan::Plan;
use crate::request::Request;
use crate::sim::Sim;
use crate::timer::give_way;
use crate::wire::Wire;

/// Puts faults between a caller and any store, drawn from a seed.
///
/// Which faults, and how often: [`Faults`]. In a [`World`](crate::World) delays cost simulated time and other tasks run meanwhile, and
/// requests on the wire arrive even if their caller is gone; without one, late requests arrive before one of the next operations.
/// No method of the trait passes by the faults.
///
/// ```
/// use std::sync::Arc;
/// use lineal_testkit::{Fault, FaultStore, Faults, SimDisk};
/// use object_store::{ObjectStoreExt, path::Path};
/// # futures::executor::block_on(async {
/// let disk = SimDisk::new();
/// let store = FaultStore::new(Arc::new(disk.clone()), Faults { fail_after: 1.0, ..Faults::none() }, 17);
/// assert!(store.put(&Path::from("a"), "stored all the same".into()).await.is_err());
/// assert!(disk.read(&Path::from("a")).is_some());
/// assert_eq!(store.log().counts().fault(Fault::FailAfter), 1);
/// # });
/// ```
#[derive(Clone)]
pub struct FaultStore {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) inner: Arc<dyn ObjectStore>,
    faults: Mutex<Faults>,
    dice: Mutex<Dice>,
    wire: Wire,
}

impl FaultStore {
    /// Puts faults before a store that lives outside a world.
    #[must_use]
    pub fn new(inner: Arc<dyn ObjectStore>, faults: Faults, seed: u64) -> Self {
        Self::with_wire(Wire::alone(), Dice::new(seed), inner, faults)
    }

    pub(crate) fn in_world(sim: &Sim, inner: Arc<dyn ObjectStore>, faults: Faults) -> Self {
        Self::with_wire(Wire::World(sim.clone()), sim.dice(), inner, faults)
    }

    fn with_wire(wire: Wire, dice: Dice, inner: Arc<dyn ObjectStore>, faults: Faults) -> Self {
        let (faults, dice) = (Mutex::new(faults), Mutex::new(dice));
        Self { shared: Arc::new(Shared { inner, faults, dice, wire }) }
    }

    /// Changes the faults from the next operation on.
    pub fn set_faults(&self, faults: Faults) {
        *lock(&self.shared.faults) = faults;
    }

    /// Returns the record of operations and faults; in a world it is that of the whole world.
    #[must_use]
    pub fn log(&self) -> &Log {
        self.shared.wire.log()
    }

    /// Lets every late request of a store outside a world arrive now; in a world, running it to the end does that.
    pub async fn settle(&self) {
        self.shared.wire.settle().await;
    }
}

impl Shared {
    /// Sends a write through everything that may happen to it.
    pub(crate) async fn write(self: &Arc<Self>, request: Request) -> Result<Option<PutResult>> {
        let plan = self.draw(|faults, dice| Plan::of_write(faults, dice, &request));
        let mut call = Call::start(self, request.op(), request.location(), plan.fate);
        self.wire.arrive().await;
        if let Some(after) = plan.late {
            let late = Box::pin(Arc::clone(self).land(request.clone(), plan.ignored_condition));
            self.wire.send_late(after, &mut lock(&self.dice), late);
        }
        let answer = match plan.fate {
            Some(fate @ (Fault::FailBefore | Fault::Denied | Fault::LateEffect | Fault::Conflict)) => {
                self.wait(plan.turns.0, plan.delay).await;
                Err(match fate {
                    Fault::Conflict => request.already_exists("409 ConditionalRequestConflict"),
                    Fault::Denied => denied(request.location()),
                    fate => injected(fate),
                })
            }
            _ => self.deliver(&plan, request.clone()).await,
        };
        let answer = self.answer(&plan, answer, || request.already_exists("a repeated request met the first")).await;
        call.end(&answer);
        answer
    }

    /// Sends a read through what may happen before and after it; a cut body is left to the caller.
    pub(crate) async fn read<T>(
        self: &Arc<Self>,
        op: Op,
        location: &Path,
        read: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        let plan = self.draw(|faults, dice| {
            let fates = [
                (Fault::FailBefore, faults.fail_before),
                (Fault::FailAfter, faults.fail_after),
                (Fault::LostAnswer, faults.lost_answer),
            ];
            Plan::of_read(faults, dice, &fates)
        });
        let mut call = Call::start(self, op, location, plan.fate);
        self.wire.arrive().await;
        self.wait(plan.turns.0, plan.delay).await;
        let answer = match plan.fate {
            Some(Fault::FailBefore) => Err(injected(Fault::FailBefore)),
            _ => read.await,
        };
        let answer = self.answer(&plan, answer, || injected(Fault::FailAfter)).await;
        call.end(&answer);
        answer
    }

    pub(crate) fn draw<T>(&self, draw: impl FnOnce(&Faults, &mut Dice) -> T) -> T {
        draw(&lock(&self.faults), &mut lock(&self.dice))
    }

    pub(crate) fn log(&self) -> &Log {
        self.wire.log()
    }

    async fn wait(&self, turns: u64, delay: Option<Duration>) {
        give_way(turns).await;
        if let Some(delay) = delay {
            self.log().count(Fault::Delay);
            self.wire.sleep(delay).await;
        }
    }

    /// Has the effect; from the wire if so planned, so that it comes even if the caller goes away.
    async fn deliver(self: &Arc<Self>, plan: &Plan, request: Request) -> Result<Option<PutResult>> {
        let request = if plan.ignored_condition { self.strip(request).await } else { request };
        let Some(sim) = self.wire.carries().filter(|_| plan.on_wire) else {
            self.wait(plan.turns.0, plan.delay).await;
            return request.apply(&self.inner).await;
        };
        let (sender, receiver) = futures::channel::oneshot::channel();
        let (shared, turns, delay) = (Arc::clone(self), plan.turns.0, plan.delay);
        sim.detach(Box::pin(async move {
            shared.wait(turns, delay).await;
            drop(sender.send(request.apply(&shared.inner).await));
        }));
        receiver.await.unwrap_or_else(|_| Err(injected(Fault::LostAnswer)))
    }

    /// Takes the condition off; counted only where it would have mattered.
    async fn strip(&self, request: Request) -> Request {
        use object_store::ObjectStoreExt;
        if self.inner.head(request.location()).await.is_ok() {
            self.log().count(Fault::IgnoredCondition);
        }
        request.without_condition()
    }

    /// Turns the true answer into what the caller sees.
    async fn answer<T>(&self, plan: &Plan, answer: Result<T>, conflict: impl FnOnce() -> Error) -> Result<T> {
        if plan.fate == Some(Fault::LostAnswer) {
            self.wire.sleep(self.draw(|faults, _| faults.timeout)).await;
        }
        give_way(plan.turns.1).await;
        let Some(fate) = plan.fate else { return answer };
        // a write that failed by itself was not repeated and met nothing
        if fate == Fault::OwnConflict && answer.is_err() {
            return answer;
        }
        self.log().count(fate);
        match fate {
            Fault::OwnConflict => Err(conflict()),
            Fault::FailAfter | Fault::LostAnswer => Err(injected(fate)),
            _ => answer,
        }
    }

    /// Applies a copy of a request that comes late.
    async fn land(self: Arc<Self>, request: Request, ignored_condition: bool) {
        let (op, location) = (request.op(), request.location().clone());
        let request = if ignored_condition { self.strip(request).await } else { request };
        let landed = request.apply(&self.inner).await;
        self.log().count(Fault::LateCopy);
        if landed.is_ok() {
            self.log().count(Fault::LateLanded);
        }
        self.trace(op, &location, Some(Fault::LateCopy), outcome(&landed));
    }

    pub(crate) fn trace(&self, op: Op, location: &Path, fault: Option<Fault>, outcome: &'static str) {
        let (step, task) = self.wire.place();
        self.log().push(Line { step, task, op, location: location.to_string(), fault, outcome });
    }
}

/// An operation under way; leaves a line in the trace also if the caller drops it.
struct Call<'a> {
    shared: &'a Shared,
    op: Op,
    location: Path,
    fate: Option<Fault>,
    outcome: &'static str,
}

impl<'a> Call<'a> {
    fn start(shared: &'a Shared, op: Op, location: &Path, fate: Option<Fault>) -> Self {
        shared.log().start(op);
        Self { shared, op, location: location.clone(), fate, outcome: DROPPED }
    }

    fn end<T>(&mut self, answer: &Result<T>) {
        self.outcome = outcome(answer);
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if self.outcome == DROPPED {
            self.shared.log().count(Fault::Dropped);
        }
        self.shared.trace(self.op, &self.location, self.fate, self.outcome);
    }
}

fn outcome<T>(answer: &Result<T>) -> &'static str {
    match answer {
        Ok(_) => "ok",
        Err(Error::AlreadyExists { .. }) => "exists",
        Err(Error::NotFound { .. }) => "absent",
        Err(_) => "error",
    }
}

fn denied(location: &Path) -> Error {
    Error::PermissionDenied { path: location.to_string(), source: "injected fault: denied".into() }
}

pub(crate) fn injected(fault: Fault) -> Error {
    Error::Generic { store: "FaultStore", source: format!("injected fault: {fault}").into() }
}

impl fmt::Debug for FaultStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultStore").field("inner", &self.shared.inner).finish_non_exhaustive()
    }
}

impl fmt::Display for FaultStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FaultStore({})", self.shared.inner)
    }
}

const DROPPED: &str = "dropped";
