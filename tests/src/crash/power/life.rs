//! What a data directory lived through under a tracer, and what each client and the operator had been told by then.
//!
//! Its operator makes it and imports accounts; a node is kept busy until it has rotated its logs; the operator works while
//! no node does; and another node compresses what was rotated, and is kept busy too.

use std::{fs, sync::Arc, time::Duration};

use tokio::task::JoinSet;

use super::{
    super::{
        Findings, Plan,
        client::Client,
        finale, logs, process,
        rows::Rows,
        wire::{Call, Mode, Wire},
    },
    history::History,
    operator::{Desk, Operator, REPORT},
    strace::Step,
    told::{Fact, Told},
    tracer::Tracer,
};
use crate::{Home, Node, eventually};

/// How many clients work at the same time: enough for transactions that are shared.
const CLIENTS: u32 = 4;
/// How many nodes live, one after the other.
const NODES: u64 = 2;
/// Where nobody answers.
const NOBODY: &str = "http://127.0.0.1:1";
/// The most requests that are made for their records alone: several times those that fill a file.
const REQUESTS_MAX: usize = 2_000;

/// A life.
pub(super) struct Life {
    pub(super) steps: Vec<Step>,
    pub(super) told: Told,
}

impl Life {
    /// Lives one.
    pub(super) async fn live(plan: &Plan, findings: &Arc<Findings>) -> Self {
        let (mut tracer, mut told) = (Tracer::new(plan), Told::default());
        let mut operator = Operator::new(CLIENTS as usize, plan.random(1 + u64::from(CLIENTS)));
        let mut clients: Vec<_> = (0..CLIENTS).map(|number| Busy::new(plan, number)).collect();

        let words = operator.migrate(&mut tracer).await;
        told.facts(&tracer.steps, &words, migrations(&tracer.home).await);
        let words = operator.import(Desk::Alone(&mut tracer), 3).await;
        told.facts(&tracer.steps, &words, [report(&tracer.home)]);
        operator.reset_password(Desk::Alone(&mut tracer), 0).await;
        clients = serve(&mut tracer, &mut told, clients, findings, async |node, tracer| {
            rotate(node, &tracer.home, findings).await;
            operate(&mut operator, node, tracer, findings).await;
        })
        .await;
        operator.sign_out(Desk::Alone(&mut tracer), 1).await;
        operator.reset_password(Desk::Alone(&mut tracer), 2).await;
        clients = serve(&mut tracer, &mut told, clients, findings, async |_, tracer| {
            eventually("a log to be compressed", async || has_log(&tracer.home, ".gz").then_some(())).await;
        })
        .await;

        for client in clients {
            told.history(&tracer.steps, client.history());
        }
        told.reports(&tracer.steps, operator.history());
        Self { steps: tracer.steps, told }
    }
}

/// A client, and what it was told.
struct Busy {
    client: Client,
    history: History,
}

impl Busy {
    fn new(plan: &Plan, number: u32) -> Self {
        let client = Client::new(number as usize, plan.random(1 + u64::from(number)));
        Self { client, history: History::default() }
    }

    /// Does `steps` things, and writes down what was known before each.
    async fn work(mut self, wire: Wire, steps: u64) -> Self {
        let nobody = Wire::new(NOBODY, &Arc::default(), Mode::Killed);
        for _ in 0..steps {
            // The same thing, asked where nobody answers: so the client stands while it waits.
            let mut waiting = self.client.clone();
            let _unanswered = waiting.step(&nobody).await;
            self.history.waits(waiting);
            if self.client.step(&wire).await.is_err() {
                break; // a violation, which was noted
            }
            wire.latest().into_iter().for_each(|request| self.history.told(request));
        }
        self
    }

    fn history(self) -> History {
        self.history.ended(self.client)
    }
}

/// Starts a node, keeps it busy while something else is done with it, and stops it.
async fn serve(
    tracer: &mut Tracer<'_>,
    told: &mut Told,
    clients: Vec<Busy>,
    findings: &Arc<Findings>,
    meanwhile: impl AsyncFnOnce(&Node, &Tracer<'_>),
) -> Vec<Busy> {
    let (node, trace) = tracer.up().await;
    let (id, first) = (node.id(), tracer.steps.len());
    let each = tracer.plan.operations_max / u64::from(CLIENTS) / NODES;
    let wire = || Wire::new(node.gateway(), findings, Mode::Calm); // which knows its own latest answer
    let working = clients.into_iter().map(|client| client.work(wire(), each)).collect::<JoinSet<_>>();
    let busy = async { tokio::join!(working.join_all(), meanwhile(&node, tracer)).0 };
    let clients = tokio::select! {
        clients = busy => clients,
        never = ask(&node) => never,
    };
    ask_once(&node).await;
    finale::stop(&tracer.home, node, findings).await;
    tracer.read(trace, id).await;
    let run = logs::latest_run(&tracer.home.data().join("logs")).expect("a node logs");
    told.claims(&tracer.steps, first, &run, findings);
    clients
}

/// The operator works beside the node.
async fn operate(operator: &mut Operator, node: &Node, tracer: &Tracer<'_>, findings: &Arc<Findings>) {
    let wire = Wire::new(node.gateway(), findings, Mode::Calm);
    operator.import(Desk::Beside(tracer), 5).await;
    for account in [1, 2, 3, 4] {
        let _violation = operator.sign_in(&wire, account).await;
    }
    operator.reset_password(Desk::Beside(tracer), 3).await;
    operator.sign_out(Desk::Beside(tracer), 4).await;
}

/// Makes requests until a log of the node was rotated.
async fn rotate(node: &Node, home: &Home, findings: &Arc<Findings>) {
    let wire = Wire::new(node.gateway(), findings, Mode::Calm);
    for _ in 0..REQUESTS_MAX {
        if has_log(home, ".1.jsonl") {
            return;
        }
        let _unknown = wire.call(&Call::get("/no/such/path")).await;
    }
    findings.violation(format!("no log was rotated after {REQUESTS_MAX} requests"));
}

/// Has the node say how many log records are on disk, again and again: the trace has its answers.
async fn ask(node: &Node) -> ! {
    const PAUSE: Duration = Duration::from_millis(20);
    loop {
        ask_once(node).await;
        tokio::time::sleep(PAUSE).await;
    }
}

async fn ask_once(node: &Node) {
    let _in_the_trace = process::metric(node, "portico_log_accepted_total").await;
}

/// Whether a node has a log file whose name ends so.
fn has_log(home: &Home, end: &str) -> bool {
    let mut names = fs::read_dir(home.data().join("logs")).into_iter().flatten().flatten();
    names.any(|entry| entry.file_name().to_string_lossy().ends_with(end))
}

/// How far each database is migrated.
async fn migrations(home: &Home) -> Vec<Fact> {
    let mut facts = Vec::new();
    for database in ["user.db", "session.db", "photo.db"] {
        let mut rows = Rows::open(&home.data(), database).await;
        let count = rows.number("SELECT count(*) FROM seaql_migrations").await;
        rows.close().await;
        assert!(count > 0, "{database} is migrated");
        facts.push(Fact::Migrations { database, count });
    }
    facts
}

/// What the operator reads of the lines that were refused.
fn report(home: &Home) -> Fact {
    let text = fs::read_to_string(home.path().join(REPORT)).expect("the report is there");
    assert_eq!(text.lines().count(), 1, "one line was refused: {text}");
    Fact::File { name: REPORT, text }
}
