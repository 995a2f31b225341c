//! Cuts the power: after a kill the system still writes what it was given, after a power cut it does not.
//!
//! Commands of the operator and nodes live once on a data directory, under a tracer (`life`). Then a model of the disk goes
//! through the trace, call by call, and keeps what was synced (`disk`). Where something was acknowledged the power is cut: a
//! node is started on what is left, and held against everything that had been acknowledged until then, as after a kill. The
//! harshest disk has lost all that was not synced; others have kept some of it, out of order, torn.
//!
//! Invariant: what had been acknowledged is taken from the trace: an answer counts from the moment its first byte is sent,
//! and a command's report from the moment its first byte is printed (`told`).

mod disk;
mod history;
mod life;
mod operator;
mod strace;
mod told;
mod tracer;

use std::{any::Any, collections::BTreeMap, sync::Arc};

use tokio::{
    runtime::Builder,
    task::{JoinError, JoinSet},
};

use self::{
    disk::{Disk, Loss},
    life::Life,
    told::Fact,
};
use super::{Findings, Plan, client::Client, finale, logs::Run, process};
use crate::Home;

/// Images that are checked at the same time.
const AT_ONCE: usize = 2;

/// The most moments after rotations at which the power is cut.
const ROTATIONS_MAX: usize = 4;

/// Has a node live and cuts its power `cuts` times: half of them right at an acknowledgement with everything lost that was
/// not synced, half of them anywhere with some of it kept. The last one is after the node stopped in order.
///
/// # Panics
/// When `strace` is missing, or tells what the model does not know.
pub async fn run(plan: &Plan, cuts: usize, findings: &Arc<Findings>) {
    let life = Life::live(plan, findings).await;
    let mut random = plan.random(0);
    let moments = choose(&life, cuts, &mut random);
    let (mut disk, mut checking) = (Disk::new(), JoinSet::new());
    for at in 0..=life.steps.len() {
        for harsh in moments.get(&at).into_iter().flatten() {
            let (mut loss, what) = if *harsh {
                (Loss::Everything, "everything unsynced is lost")
            } else {
                (Loss::Something(random.fork()), "some of what is unsynced is kept")
            };
            findings.count(&format!("power cuts: {what}"));
            checking.spawn(Image::cut(&disk, &mut loss, &life, at, what).check(plan.clone()));
            if checking.len() >= AT_ONCE {
                take(plan, findings, checking.join_next().await);
            }
        }
        if let Some(step) = life.steps.get(at) {
            disk.take(step);
        }
    }
    while !checking.is_empty() {
        take(plan, findings, checking.join_next().await);
    }
}

fn take(plan: &Plan, findings: &Findings, checked: Option<Result<Checked, JoinError>>) {
    let checked = checked.expect("one is being checked").expect("what panics in a check is a finding");
    findings.absorb(&checked.what, &checked.findings);
    plan.say(findings, || format!("{}: {} wrong", checked.what, checked.findings.violations().len()));
}

/// When the power is cut, before which step, and whether everything unsynced is lost then.
fn choose(life: &Life, cuts: usize, random: &mut fastrand::Rng) -> BTreeMap<usize, Vec<bool>> {
    let mut moments = BTreeMap::<usize, Vec<bool>>::from([(life.steps.len(), vec![true])]);
    let (mut reports, mut acknowledgements) = (life.told.reported_at(), life.told.acknowledgements());
    random.shuffle(&mut reports);
    random.shuffle(&mut acknowledgements);
    reports.truncate(cuts / 4); // they are few, and each is of another kind
    let others = acknowledgements.into_iter().take(cuts / 2 - reports.len());
    // Besides: little else is told between a rotation and the next sync of its directory.
    let rotations = life.told.said_after_rotations(&life.steps).into_iter().take(ROTATIONS_MAX);
    reports.into_iter().chain(others).chain(rotations).for_each(|at| moments.entry(at).or_default().push(true));
    for _ in 1 + cuts / 2..cuts {
        moments.entry(random.usize(..life.steps.len())).or_default().push(false);
    }
    moments
}

/// What a power cut left, and what had been promised.
struct Image {
    home: Home,
    clients: Vec<Client>,
    accepted: Vec<(Run, u64)>,
    reported: Vec<Fact>,
    what: String,
    unsynced: Vec<String>,
}

impl Image {
    fn cut(disk: &Disk, loss: &mut Loss, life: &Life, at: usize, what: &str) -> Self {
        let home = process::home();
        disk.cut(home.path(), loss);
        let what = format!("power cut before call {at} of {}, {what}", life.steps.len());
        let (clients, accepted, reported) = (life.told.clients(at), life.told.accepted(at), life.told.reported(at));
        Self { home, clients, accepted, reported, what, unsynced: disk.unsynced() }
    }

    /// Starts a node on it and holds that against what had been promised.
    async fn check(self, plan: Plan) -> Checked {
        let (what, unsynced, findings) = (self.what.clone(), self.unsynced.clone(), Arc::<Findings>::default());
        let held = tokio::task::spawn_blocking({
            let findings = Arc::clone(&findings);
            // On a thread of its own, so that a node that cannot be started is a finding among others.
            let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime can be made");
            move || runtime.block_on(self.hold(&Plan { talks: false, ..plan }, &findings))
        });
        if let Err(panicked) = held.await {
            findings.violation(format!("what is left cannot be served: {}", said(panicked)));
        }
        if !findings.violations().is_empty() {
            findings.violation(format!("this was not synced: {unsynced:?}"));
        }
        Checked { what, findings }
    }

    async fn hold(self, plan: &Plan, findings: &Arc<Findings>) {
        for fact in &self.reported {
            fact.check(&self.home, findings).await;
        }
        finale::hold(plan, &self.home, self.clients, &self.accepted, findings).await;
    }
}

/// What was found of an image.
struct Checked {
    what: String,
    findings: Arc<Findings>,
}

fn said(panicked: JoinError) -> String {
    let payload: Box<dyn Any + Send> = panicked.into_panic();
    let text = payload.downcast_ref::<String>().cloned();
    text.or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}
