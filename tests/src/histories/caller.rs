//! Makes requests, and notes when each began and was answered.

use std::{sync::Arc, time::Duration};

use reqwest::Method;
use serde_json::{Value, json};

use super::{
    models::sessions,
    timeline::Span,
    world::{Session, Shared, World},
};
use crate::{Answer, Client, client::Call, crash::Findings};

/// How long an answer may take: far longer than the node's own deadline.
const PATIENCE: Duration = Duration::from_secs(40);

/// A client of a history. Cheap to clone.
#[derive(Clone)]
pub(super) struct Caller {
    pub(super) http: Client,
    pub(super) world: Arc<World>,
    pub(super) findings: Arc<Findings>,
    /// Pictures to upload: one for each idempotency key, and a last one without.
    pub(super) pictures: Arc<[Vec<u8>]>,
    /// Opens a session of somebody who only looks.
    pub(super) watcher: Arc<str>,
}

/// An answer, and when it was given.
pub(super) struct Answered {
    pub(super) span: Span,
    pub(super) answer: Answer,
    pub(super) status: u16,
    pub(super) code: String,
}

impl Answered {
    pub(super) fn is(&self, status: u16, code: &str) -> bool {
        (self.status, self.code.as_str()) == (status, code)
    }

    pub(super) fn json(&self) -> Value {
        self.answer.json()
    }
}

impl Caller {
    pub(super) fn post(&self, path: &str, body: &Value) -> Call {
        self.http.post(path).json(body)
    }

    /// A request under a session.
    pub(super) fn under(&self, token: &str, method: Method, path: &str) -> Call {
        self.http.call(method, path).header("authorization", &format!("Bearer {token}"))
    }

    pub(super) fn update(&self, by: &Session, change: &Value) -> Call {
        self.under(&by.token, Method::PATCH, "/me/update").json(change)
    }

    pub(super) fn credentials(&self, email: usize, password: usize) -> Value {
        json!({ "email": self.world.email(email), "password": super::world::password(password) })
    }

    /// Makes a call. None if it did not run, since the node had too much to do.
    pub(super) async fn ask(&self, what: &str, call: Call) -> Option<Answered> {
        let begin = self.world.tick();
        let answer = tokio::time::timeout(PATIENCE, call.attempt()).await.ok().flatten();
        let span = Span { begin, end: self.world.tick() };
        let Some(answer) = answer else {
            self.world.lock().ledger.surprise(format!("{what} was not answered"));
            return None;
        };
        let (status, code, _) = answer.problem();
        self.findings.count(format!("{what}: {status} {code}").trim_end());
        (!matches!(code.as_str(), "overloaded" | "unavailable")).then_some(Answered { span, answer, status, code })
    }

    /// Makes a call under a session. None if it did not run: the session was refused, or the node had too much to do.
    ///
    /// `dead_if_refused` is false where a live session is refused as well, whose account is gone already.
    pub(super) async fn ask_under(
        &self,
        by: &Session,
        dead_if_refused: bool,
        what: &str,
        call: Call,
    ) -> Option<Answered> {
        let answered = self.ask(what, call).await?;
        let refused = answered.is(401, "session_dead");
        let mut shared = self.world.lock();
        if !refused {
            shared.ledger.session(by.number, answered.span, sessions::Op::Accepted);
        } else if dead_if_refused {
            shared.ledger.session(by.number, answered.span, sessions::Op::Refused);
        }
        (!refused).then_some(answered)
    }
}

/// Notes an answer that no history allows.
pub(super) fn surprise(shared: &mut Shared, what: &str, answered: &Answered) {
    let body = String::from_utf8_lossy(&answered.answer.bytes);
    shared.ledger.surprise(format!("{what} was answered {}: {body}", answered.status));
}
