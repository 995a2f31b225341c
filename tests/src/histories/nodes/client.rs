//! Makes requests under the sessions of one user, and notes what their answers say of them.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use reqwest::Method;
use serde_json::{Value, json};

use super::{history::History, model::Op};
use crate::{
    Answer, PASSWORD,
    client::Call,
    crash::Findings,
    histories::{
        models::{accounts::Number, sessions},
        timeline::Span,
        world::{Session, pick_of},
    },
};

/// How long an answer may take: far longer than the gateway's own deadline.
const PATIENCE: Duration = Duration::from_secs(40);
/// How many sessions are in use: they stay so for longer than a lease.
const LATEST: usize = 12;

/// What all clients of one user know.
pub(super) struct User {
    email: String,
    id: String,
    begun: Instant,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    sessions: Vec<Session>,
    /// Those that have not ended as far as anybody was told.
    open: Vec<Session>,
    history: History,
}

/// Somebody who calls one of the gateways. Cheap to clone.
#[derive(Clone)]
pub(super) struct Client {
    http: crate::Client,
    user: Arc<User>,
    findings: Arc<Findings>,
}

/// What became of a call.
enum Asked {
    Answered(Span, Answer),
    /// It did not run: a part of the system was away, or had too much to do.
    Never,
    /// Nobody knows whether it ran, or ever will.
    Unknown(Span),
}

impl User {
    /// Registers somebody.
    pub(super) async fn register(gateway: &str, name: &str) -> Self {
        let account = crate::Account::register(gateway.to_owned(), name).await;
        let (email, id) = (account.email.clone(), account.id.clone());
        Self { email, id, begun: Instant::now(), known: Mutex::default() }
    }

    /// How many sessions were handed out.
    pub(super) fn sessions(&self) -> usize {
        self.lock().sessions.len()
    }

    pub(super) fn into_history(self) -> History {
        self.known.into_inner().unwrap_or_else(PoisonError::into_inner).history
    }

    /// Microseconds, cut off: a moment that was later on the clock may have the same number, never a lower one.
    fn tick(&self) -> u64 {
        self.begun.elapsed().as_micros().try_into().unwrap_or(Span::NEVER - 1)
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, span: Span, operations: &[Op]) {
        let mut known = self.lock();
        for operation in operations {
            known.history.note(span, *operation);
            known.open.retain(|session| !operation.has_ended(session.number));
        }
    }

    fn surprise(&self, what: &str, answer: &Answer) {
        let body = String::from_utf8_lossy(&answer.bytes);
        self.lock().history.surprise(format!("{what} was answered {}: {body}", answer.status));
    }
}

impl Client {
    pub(super) fn new(gateway: &str, user: &Arc<User>, findings: &Arc<Findings>) -> Self {
        let http = crate::Client::new(gateway.to_owned());
        Self { http, user: Arc::clone(user), findings: Arc::clone(findings) }
    }

    /// One of the sessions that were opened last: as a rule one that is open.
    pub(super) fn session(&self, chance: u8) -> Option<Session> {
        let known = self.user.lock();
        let among = if known.open.is_empty() || chance.is_multiple_of(8) { &known.sessions } else { &known.open };
        pick_of(among, LATEST, chance / 8)
    }

    /// The sessions in use that have not ended as far as anybody was told.
    pub(super) fn open(&self) -> Vec<Session> {
        let known = self.user.lock();
        known.open[known.open.len().saturating_sub(LATEST)..].to_vec()
    }

    /// The session of a number.
    pub(super) fn numbered(&self, number: Number) -> Session {
        self.user.lock().sessions[number].clone()
    }

    pub(super) async fn sign_in(&self) {
        let credentials = json!({ "email": self.user.email, "password": PASSWORD });
        let asked = self.ask("sign in", self.http.post("/auth?transport=bearer").json(&credentials)).await;
        let Asked::Answered(span, answer) = asked else { return }; // nobody has the token of one that was opened unheard
        if answer.status != 200 {
            return self.user.surprise("signing in", &answer);
        }
        let signed_in = answer.json();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (id, token) = (text(&signed_in["session"]["id"]), text(&signed_in["token"]));
        let mut known = self.user.lock();
        let number = known.sessions.len();
        let session = Session { number, user: 0, id, token };
        known.open.push(session.clone());
        known.sessions.push(session);
        known.history.note(span, Op::One(number, sessions::Op::Open));
    }

    /// Whether it was accepted; none if it was not answered.
    pub(super) async fn verify(&self, session: &Session) -> Option<bool> {
        let asked = self.ask("verify", self.under(session, Method::GET, "/session/verify")).await;
        let Asked::Answered(span, answer) = asked else { return None };
        let whose = (answer.header("x-user-id"), answer.header("x-session-id"));
        let is_accepted = answer.status == 204 && whose == (&self.user.id, &session.id);
        if is_accepted {
            self.user.note(span, &[Op::One(session.number, sessions::Op::Accepted)]);
        } else {
            self.refused("verifying", session, span, &answer);
        }
        Some(is_accepted)
    }

    pub(super) async fn log_out(&self, by: &Session) {
        let end = Op::One(by.number, sessions::Op::End);
        self.end("log out", by, "/logout", end, None).await;
    }

    pub(super) async fn revoke(&self, by: &Session, session: &Session) {
        let [end, missing] = [sessions::Op::Revoke, sessions::Op::Missing].map(|op| Op::One(session.number, op));
        self.end("revoke", by, &format!("/me/sessions/{}", session.id), end, Some(missing)).await;
    }

    pub(super) async fn revoke_others(&self, by: &Session) {
        let end = Op::EndOthers { keep: by.number };
        self.end("revoke others", by, "/me/sessions", end, None).await;
    }

    /// Ends sessions, or finds that what it would end is `missing`.
    async fn end(&self, what: &str, by: &Session, path: &str, end: Op, missing: Option<Op>) {
        let accepted = Op::One(by.number, sessions::Op::Accepted);
        match (self.ask(what, self.under(by, Method::DELETE, path)).await, missing) {
            (Asked::Answered(span, answer), _) if answer.status == 204 => self.user.note(span, &[accepted, end]),
            (Asked::Answered(span, answer), Some(missing)) if answer.problem().1 == "session_unknown" => {
                self.user.note(span, &[accepted, missing]);
            }
            (Asked::Answered(span, answer), _) => self.refused(what, by, span, &answer),
            (Asked::Unknown(span), _) => self.user.note(span.endless(), &[end.unacknowledged()]),
            (Asked::Never, _) => {}
        }
    }

    /// Notes that a request was refused, if its session was.
    fn refused(&self, what: &str, by: &Session, span: Span, answer: &Answer) {
        if (answer.status, answer.problem().1.as_str()) == (401, "session_dead") {
            self.user.note(span, &[Op::One(by.number, sessions::Op::Refused)]);
        } else {
            self.user.surprise(what, answer);
        }
    }

    fn under(&self, session: &Session, method: Method, path: &str) -> Call {
        self.http.call(method, path).header("authorization", &format!("Bearer {}", session.token))
    }

    async fn ask(&self, what: &str, call: Call) -> Asked {
        let begin = self.user.tick();
        let answer = tokio::time::timeout(PATIENCE, call.attempt()).await.ok().flatten();
        let span = Span { begin, end: self.user.tick() + 1 };
        let Some(answer) = answer else {
            self.findings.count(&format!("{what}: no answer"));
            return Asked::Unknown(span);
        };
        let (status, code, _) = answer.problem();
        self.findings.count(format!("{what}: {status} {code}").trim_end());
        match code.as_str() {
            "overloaded" | "unavailable" => Asked::Never,
            "deadline_exceeded" => Asked::Unknown(span),
            _ => Asked::Answered(span, answer),
        }
    }
}
