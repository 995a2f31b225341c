//! One life of a node under a tracer: what it did, and what each client had been told by then.

use std::{fs, sync::Arc, time::Duration};

use tokio::task::JoinSet;

use super::{
    super::{
        Findings, Plan,
        client::Client,
        finale, process,
        wire::{Mode, Wire},
    },
    strace::{self, Step},
};
use crate::{Node, eventually};

/// How many clients work at the same time: enough for transactions that are shared.
const CLIENTS: u32 = 4;
/// Where nobody answers.
const NOBODY: &str = "http://127.0.0.1:1";

/// A node's life.
pub(super) struct Life {
    pub(super) steps: Vec<Step>,
    histories: Vec<Vec<(usize, Client)>>,
    /// How many log records the node said were on disk, and when it said so.
    claims: Vec<(usize, u64)>,
}

/// What a client knew from an answer on, while its next call was under way.
type Told = (Option<String>, Client);

impl Life {
    /// Starts a node, keeps it busy and stops it.
    pub(super) async fn live(plan: &Plan, findings: &Arc<Findings>) -> Self {
        let (home, trace) = (process::home(), tempfile::NamedTempFile::new().expect("a file can be made"));
        let node = Node::start(strace::traced(&process::command(plan, &home, &[]), trace.path())).await;
        let each = plan.operations_max / u64::from(CLIENTS);
        let mut working = JoinSet::new();
        for number in 0..CLIENTS {
            let client = Client::new(number as usize, plan.random(1 + u64::from(number)));
            working.spawn(work(client, Wire::new(node.gateway(), findings, Mode::Calm), each));
        }
        let mut told = Vec::new();
        while !working.is_empty() {
            tokio::select! {
                worked = working.join_next() => told.extend(worked.map(|told| told.expect("clients do not panic"))),
                () = ask(&node) => {}
            }
        }
        let id = node.id().to_string();
        finale::stop(&home, node, findings).await;
        // The tracer outlives the node for a moment.
        let whole = async || fs::read_to_string(trace.path()).ok().filter(|text| is_whole(text, &id));
        let (trace, root) = (eventually("the trace's end", whole).await, fs::canonicalize(home.path()));
        let root = root.expect("the home is there");
        Self::read(strace::read(&trace, &root), told, findings)
    }

    fn read(steps: Vec<Step>, told: Vec<Vec<Told>>, findings: &Findings) -> Self {
        let answers: Vec<(usize, String)> = steps.iter().enumerate().filter_map(answer).collect();
        let find = |request: &String| answers.iter().find(|(_, text)| text.contains(request.as_str()));
        let at = |request: Option<String>| match request {
            None => 0,
            Some(request) => find(&request).expect("the trace has every answer").0,
        };
        let dated = |told: Vec<Told>| told.into_iter().map(|(request, client)| (at(request), client)).collect();
        let histories = told.into_iter().map(dated).collect();
        let claims: Vec<_> = answers.iter().filter_map(|(at, text)| Some((*at, claim(text)?))).collect();
        findings.hold(!claims.is_empty(), || "the node never said how many log records are on disk".to_owned());
        Self { steps, histories, claims }
    }

    /// The moments at which something was acknowledged, in order.
    pub(super) fn acknowledgements(&self) -> Vec<usize> {
        let mut moments: Vec<_> = self.histories.iter().flatten().map(|(at, _)| *at).filter(|at| *at > 0).collect();
        let risen = self.claims.windows(2).filter(|pair| pair[0].1 < pair[1].1);
        moments.extend(risen.map(|pair| pair[1].0));
        moments.sort_unstable();
        moments
    }

    /// What all clients had been told when the step `at` began.
    pub(super) fn clients(&self, at: usize) -> Vec<Client> {
        let told =
            |history: &Vec<(usize, Client)>| history.iter().rfind(|(when, _)| *when <= at).map(|(_, it)| it.clone());
        self.histories.iter().filter_map(told).collect()
    }

    /// How many log records the node had said were on disk when the step `at` began.
    pub(super) fn accepted(&self, at: usize) -> u64 {
        self.claims.iter().take_while(|(when, _)| *when <= at).map(|(_, count)| *count).max().unwrap_or(0)
    }
}

/// Does `steps` things, and writes down what was known before each.
async fn work(mut client: Client, wire: Wire, steps: u64) -> Vec<Told> {
    let nobody = Wire::new(NOBODY, &Arc::default(), Mode::Killed);
    let mut told = Vec::new();
    for _ in 0..steps {
        // The same thing, asked where nobody answers: so the client stands while it waits.
        let mut waiting = client.clone();
        let _unanswered = waiting.step(&nobody).await;
        told.push((wire.latest(), waiting));
        if client.step(&wire).await.is_err() {
            break; // a violation, which was noted
        }
    }
    told.push((wire.latest(), client));
    told
}

/// Has the node say how many log records are on disk: the trace has its answer.
async fn ask(node: &Node) {
    const PAUSE: Duration = Duration::from_millis(20);
    let _in_the_trace = process::metric(node, "portico_log_accepted_total").await;
    tokio::time::sleep(PAUSE).await;
}

/// A trace ends with the end of its process: `7 +++ exited with 0 +++`.
fn is_whole(trace: &str, process: &str) -> bool {
    let last = trace.lines().next_back().unwrap_or_default();
    trace.ends_with('\n') && last.split_whitespace().take(2).eq([process, "+++"])
}

/// The beginning of an answer, as text.
fn answer((at, step): (usize, &Step)) -> Option<(usize, String)> {
    let Step::Sends(bytes) = step else { return None };
    Some((at, String::from_utf8_lossy(bytes).into_owned()))
}

fn claim(text: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.starts_with("portico_log_accepted_total"))?;
    line.rsplit(' ').next()?.parse().ok()
}
