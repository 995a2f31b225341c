//! Calls the API, and judges the form of what it says.
//!
//! Invariant: every call is counted once when it is sent and once when it is answered. A node that was killed owes no
//! answer; any other does.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use reqwest::{RequestBuilder, Response};
use tokio::time::Instant;

use super::Findings;
pub(super) use super::call::{Body, Call};
use crate::{Answer, client::http};

/// How long an answer may take: far longer than the node's own deadline.
const PATIENCE: Duration = Duration::from_secs(40);
/// How often a call is repeated whose answer is the server's fault.
const INSISTENCE: usize = 500;
/// How long a repetition waits for a server that the node depends on.
const UNTIL_MENDED: Duration = Duration::from_millis(100);

/// How long what follows from a commit may take: the longest that a cache keeps what it was not told of, and some.
pub(super) const FOLLOWS_WITHIN: Duration = Duration::from_secs(75);
/// How often it is looked at meanwhile.
pub(super) const PAUSE: Duration = Duration::from_millis(20);

/// Problems that may be answered while actors crash, each with its status.
const EXCUSED: [(u16, &str); 4] =
    [(500, "internal"), (503, "overloaded"), (503, "unavailable"), (504, "deadline_exceeded")];

/// Whether the node may owe an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// The process may be killed at any moment; nothing inside of it fails.
    Killed,
    /// Actors crash; the process stays.
    Crashed,
    /// A server that the node depends on is away or slow; nothing inside of the process fails.
    Cut,
    /// Nodes of many are killed, or cut off from each other; nothing inside of a process fails. Which answers are owed is judged
    /// by what was killed when.
    Lost,
    /// Nothing fails.
    Calm,
}

/// Somebody who calls a node, or several in turn. Cheap to clone.
///
/// A call that meets a connection refused goes to the next one. One whose kept connection turns out to have been closed before
/// anything was sent goes by a new one, as the HTTP library has it. No other is sent twice.
#[derive(Clone)]
pub(super) struct Wire {
    http: reqwest::Client,
    bases: Arc<[String]>,
    next: Arc<AtomicUsize>,
    pub(super) findings: Arc<Findings>,
    pub(super) mode: Mode,
    /// The id of the latest request that was answered, which says in a trace which answer it was.
    latest: Arc<Mutex<Option<String>>>,
    watcher: Option<Watcher>,
}

/// Is told when a call was sent, to which of several, and of its answer; none if the connection failed.
pub(super) type Watcher = Arc<dyn Fn(Instant, usize, Option<&Answer>) + Send + Sync>;

/// The node did not answer, or did not say whether it did what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unknown;

impl Wire {
    pub(super) fn new(base: &str, findings: &Arc<Findings>, mode: Mode) -> Self {
        Self::among([base.to_owned()], findings, mode)
    }

    /// Calls one after the other of `bases`.
    pub(super) fn among(bases: impl Into<Arc<[String]>>, findings: &Arc<Findings>, mode: Mode) -> Self {
        let http = http().timeout(PATIENCE).build().expect("a client without TLS can be built");
        let (bases, findings) = (bases.into(), Arc::clone(findings));
        Self { http, bases, next: Arc::default(), findings, mode, latest: Arc::default(), watcher: None }
    }

    /// The same, with somebody who is told of each call.
    pub(super) fn watched(&self, watcher: Watcher) -> Self {
        Self { watcher: Some(watcher), ..self.clone() }
    }

    /// The id of the latest request that was answered; none before the first.
    pub(super) fn latest(&self) -> Option<String> {
        self.latest.lock().expect("nobody panics with it").clone()
    }

    /// Makes the call once.
    ///
    /// # Errors
    /// [`Unknown`] when there was no answer, or one by which the server takes the blame.
    pub(super) async fn call(&self, call: &Call<'_>) -> Result<Answer, Unknown> {
        self.findings.count("requests sent");
        let sent = Instant::now();
        let (base, answer) = self.send(call).await;
        if let Some(watcher) = &self.watcher {
            watcher(sent, base, answer.as_ref());
        }
        match &answer {
            Some(answer) if answer.status < 500 => self.findings.count("requests answered"),
            Some(answer) => {
                self.findings.count("requests answered");
                self.judge(call, answer);
                return Err(Unknown);
            }
            None => {
                self.findings.count("requests without an answer");
                let owed = !matches!(self.mode, Mode::Killed | Mode::Lost);
                self.findings.hold(!owed, || format!("{} {} was not answered", call.method, call.path));
            }
        }
        answer.ok_or(Unknown)
    }

    /// Makes the call until the answer says what is so. For calls that may be repeated.
    ///
    /// # Errors
    /// [`Unknown`] when the node is gone.
    pub(super) async fn insist(&self, call: &Call<'_>) -> Result<Answer, Unknown> {
        let tries = if matches!(self.mode, Mode::Crashed | Mode::Cut | Mode::Lost) { INSISTENCE } else { 1 };
        for _ in 0..tries {
            if let Ok(answer) = self.call(call).await {
                return Ok(answer);
            }
            if matches!(self.mode, Mode::Cut | Mode::Lost) {
                tokio::time::sleep(UNTIL_MENDED).await;
            }
        }
        self.findings.hold(tries == 1, || format!("{} {} never succeeded", call.method, call.path));
        Err(Unknown)
    }

    /// Makes the call until it answers `status`, or `until`: for what follows from a commit in a moment. False when it never
    /// did.
    ///
    /// # Errors
    /// [`Unknown`] when the node is gone.
    pub(super) async fn comes_to(&self, call: &Call<'_>, status: u16, until: Instant) -> Result<bool, Unknown> {
        while self.insist(call).await?.status != status {
            if Instant::now() > until {
                return Ok(false);
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(true)
    }

    fn request(&self, call: &Call<'_>, base: usize) -> RequestBuilder {
        let mut request = self.http.request(call.method.clone(), format!("{}{}", self.bases[base], call.path));
        if let Some(token) = call.token {
            request = request.bearer_auth(token);
        }
        if let Some(key) = call.key {
            request = request.header("idempotency-key", key);
        }
        match &call.body {
            Body::None => request,
            Body::Json(body) => request.json(body),
            Body::Picture(bytes) => request.header("content-type", "application/octet-stream").body(bytes.to_vec()),
        }
    }

    /// Sends it to one of several, and tells to which; to the next one where a connection is refused.
    async fn send(&self, call: &Call<'_>) -> (usize, Option<Answer>) {
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        let mut base = first % self.bases.len();
        for other in 1..=self.bases.len() {
            match self.request(call, base).send().await {
                Err(error) if error.is_connect() && other < self.bases.len() => {
                    self.findings.count("connections that were refused");
                    base = (first + other) % self.bases.len();
                }
                answer => return (base, self.receive(answer).await),
            }
        }
        (base, None)
    }

    async fn receive(&self, answer: reqwest::Result<Response>) -> Option<Answer> {
        let answer = answer.ok()?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let answer = Answer { status, headers, bytes: answer.bytes().await.ok()?.into() };
        *self.latest.lock().expect("nobody panics with it") = Some(answer.header("x-request-id").to_owned());
        Some(answer)
    }

    /// A server's fault must be told by a problem of the closed list.
    fn judge(&self, call: &Call<'_>, answer: &Answer) {
        let (status, code, _) = answer.problem();
        self.findings.count(&format!("problem: {status} {code}"));
        let excused =
            EXCUSED.contains(&(status, code.as_str())) && answer.header("content-type") == "application/problem+json";
        // Where nothing inside of the process fails, nothing is an internal error.
        let expected = excused && (self.mode == Mode::Crashed || code != "internal");
        self.findings.hold(expected, || {
            format!("{} {} answered {status}: {}", call.method, call.path, String::from_utf8_lossy(&answer.bytes))
        });
        let says_when = status != 503 || !answer.header("retry-after").is_empty();
        self.findings.hold(says_when, || format!("{} {} answered 503 without Retry-After", call.method, call.path));
    }
}
