//! Carries out plans: when each request is due, and over which connection it goes.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    io,
    net::SocketAddr,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use tokio::{
    sync::Notify,
    task::{JoinSet, LocalSet, yield_now},
    time::{sleep, timeout},
};

use super::{Connection, Outcome, Request, idling::Idling};
use crate::{cores::on_core, run::Failure};

/// How long answers are waited for once the last request was due.
const PATIENCE: Duration = Duration::from_secs(15);
/// The system wakes a sleeper this much too late at times: the rest of a wait is spent awake.
const COARSE: Duration = Duration::from_millis(2);

/// When requests are sent.
#[derive(Debug, Clone, Copy)]
pub enum Pace {
    /// By a fixed schedule, at even distances.
    Open {
        /// Requests a second.
        per_s: f64,
        /// What becomes of a request that finds every connection busy.
        when_busy: WhenBusy,
    },
    /// On each connection as soon as the answer before is there.
    Closed,
}

/// What becomes of a request that finds every connection busy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenBusy {
    /// It waits for one, and the wait counts.
    Wait,
    /// It is not sent, as by a proxy whose pool of connections is exhausted.
    GiveUp,
}

/// Whom to ask what, when, for how long.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where the server is.
    pub server: SocketAddr,
    /// What is asked, in turns.
    pub requests: Arc<[Request]>,
    /// Whether the plan is over when each request was sent once, and not only with its window.
    pub once: bool,
    /// When.
    pub pace: Pace,
    /// Over how many connections.
    pub connections: usize,
    /// For how long requests are due.
    pub window: Duration,
}

/// Carries out `plans` at the same time, on one thread. If a `core` is given, it has that to itself and stays awake there.
///
/// # Errors
/// A server cannot be reached at all, or the core is refused.
pub fn run(core: Option<usize>, plans: &[Plan]) -> Result<Vec<Outcome>, Failure> {
    let work = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        LocalSet::new().block_on(&runtime, async {
            // On a core of its own the generator never sleeps: to wake it would cost the server more than an answer does,
            // and the less the server gets done, the more often.
            let idling = core.map(|_| Idling::begin());
            let outcomes = join_all(plans.iter().map(carry_out)).await;
            let mut outcomes = outcomes.into_iter().collect::<io::Result<Vec<_>>>()?;
            let share = idling.map_or(0.0, Idling::end);
            for outcome in &mut outcomes {
                outcome.busy_share = share;
            }
            Ok(outcomes)
        })
    };
    let outcomes = match core {
        Some(core) => on_core(core, work).map_err(Failure::io(format!("core {core} is refused")))?,
        None => work(),
    };
    outcomes.map_err(Failure::io("the server cannot be reached"))
}

/// Carries out one plan.
async fn carry_out(plan: &Plan) -> io::Result<Outcome> {
    let mut connections = Vec::with_capacity(plan.connections);
    for _ in 0..plan.connections.max(1) {
        connections.push(Connection::open(plan.server).await?);
    }
    let began = Instant::now();
    let desk = Rc::new(Desk::new(plan, began));
    let mut workers = JoinSet::new();
    for connection in connections {
        workers.spawn_local(Rc::clone(&desk).work(Some(connection)));
    }
    if let Pace::Open { per_s, when_busy } = plan.pace {
        desk.dispatch(per_s, when_busy).await;
    }
    let _cut_off = timeout(plan.window + PATIENCE, async { while workers.join_next().await.is_some() {} }).await;
    workers.shutdown().await;
    let mut outcome = desk.outcome.take();
    outcome.broken = outcome.due - outcome.unsent - outcome.answered() as u64;
    Ok(outcome)
}

/// A request that is due.
struct Job {
    number: u64,
    due: Instant,
}

/// Where the requests that are due lie, for the connections to take.
struct Desk {
    plan: Plan,
    began: Instant,
    queue: RefCell<VecDeque<Job>>,
    filled: Notify,
    idle: Cell<usize>,
    closed: Cell<bool>,
    outcome: RefCell<Outcome>,
}

impl Desk {
    fn new(plan: &Plan, began: Instant) -> Self {
        Self {
            plan: plan.clone(),
            began,
            queue: RefCell::default(),
            filled: Notify::new(),
            idle: Cell::new(plan.connections),
            closed: Cell::new(false),
            outcome: RefCell::default(),
        }
    }

    fn requests(&self) -> u64 {
        self.plan.requests.len() as u64
    }

    /// Lays each request on the desk when it is due, to the end of the window. It looks at the clock all the time: a
    /// timer's grain is a millisecond.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    async fn dispatch(&self, per_s: f64, when_busy: WhenBusy) {
        let all = (per_s * self.plan.window.as_secs_f64()) as u64;
        let all = if self.plan.once { all.min(self.requests()) } else { all };
        for number in 0..all {
            let due = self.began + Duration::from_secs_f64(number as f64 / per_s);
            wait_until(due).await;
            self.outcome.borrow_mut().due += 1;
            if when_busy == WhenBusy::GiveUp && self.idle.get() <= self.queue.borrow().len() {
                self.outcome.borrow_mut().unsent += 1;
            } else {
                self.queue.borrow_mut().push_back(Job { number, due });
                self.filled.notify_one();
            }
        }
        self.closed.set(true);
        self.filled.notify_waiters();
    }

    /// The next request for a connection that has nothing to do; none when the plan is over.
    async fn next(&self) -> Option<Job> {
        if matches!(self.plan.pace, Pace::Closed) {
            let due = Instant::now();
            let mut outcome = self.outcome.borrow_mut();
            let number = outcome.due;
            let is_over = due >= self.began + self.plan.window || (self.plan.once && number >= self.requests());
            return (!is_over).then(|| {
                outcome.due += 1;
                Job { number, due }
            });
        }
        loop {
            let filled = self.filled.notified();
            if let Some(job) = self.queue.borrow_mut().pop_front() {
                return Some(job);
            }
            if self.closed.get() {
                return None;
            }
            filled.await;
        }
    }

    /// One connection: takes what is due until the plan is over, and connects again when it was cut off.
    async fn work(self: Rc<Self>, mut connection: Option<Connection>) {
        while let Some(job) = self.next().await {
            self.idle.update(|idle| idle.saturating_sub(1));
            if connection.is_none() {
                connection = Connection::open(self.plan.server).await.ok();
            }
            if let Some(open) = &mut connection
                && !self.exchange(open, &job).await
            {
                connection = None;
            }
            self.idle.update(|idle| idle + 1);
        }
    }

    /// Sends what is due and notes the answer. False when the connection is of no use any more.
    async fn exchange(&self, connection: &mut Connection, job: &Job) -> bool {
        let requests = &self.plan.requests;
        let index = usize::try_from(job.number).unwrap_or(0) % requests.len();
        let sent = Instant::now();
        let answer = connection.exchange(&requests[index]).await;
        let mut outcome = self.outcome.borrow_mut();
        outcome.lateness.add(sent - job.due);
        outcome.lasted = self.began.elapsed();
        let Ok(reply) = answer else { return false };
        outcome.rude += u64::from(reply.status == 503 && !reply.retry_after);
        outcome.answers.entry(reply.status).or_default().add(job.due.elapsed());
        !reply.closes
    }
}

/// Waits until `due`, to the microsecond, while other tasks run.
async fn wait_until(due: Instant) {
    loop {
        let left = due.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        match left.checked_sub(COARSE) {
            Some(rest) => sleep(rest).await,
            None => yield_now().await,
        }
    }
}
