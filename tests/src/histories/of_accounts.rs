//! What is done to accounts: the request, and what its answer says of each thing that it touched.

use reqwest::Method;
use serde_json::{Value, json};

use super::{
    caller::{Answered, Caller, surprise},
    ledger::{Cause, Sweep},
    models::{accounts::Op, names, photos, sessions},
    world::{Session, Shared, name, name_number, password},
};

/// New credentials.
struct Change {
    op: Op,
    /// The password that proves who asks.
    current: usize,
    email: usize,
    password: usize,
}

impl Caller {
    pub(super) async fn register(&self, email: usize, with_key: bool) {
        let key = with_key.then_some(email);
        let number = key.unwrap_or_else(|| self.world.lock().fresh());
        let new = json!({ "name": name(number), "email": self.world.email(email), "password": password(number) });
        let mut call = self.post("/reg?transport=bearer", &new);
        if let Some(key) = key {
            call = call.header("idempotency-key", &self.world.key(key));
        }
        let Some(answered) = self.ask("register", call).await else { return };
        let (span, mut shared) = (answered.span, self.world.lock());
        match (answered.status, answered.code.as_str(), key) {
            (201, ..) => {
                let (_, user) = shared.open(&answered.json(), email, number, span);
                shared.ledger.account(span, Op::Register { user, email, password: number, key });
                shared.ledger.name(user, span, names::Op::Create(number));
            }
            (409, "email_taken", _) => shared.ledger.account(span, Op::Taken { email, key }),
            (401, "bad_credentials", Some(key)) => {
                shared.ledger.account(span, Op::NotRepeated { key, password: number });
            }
            (409, "idempotency_key_in_progress", Some(_)) | (401, "credentials_changed", Some(_)) => {}
            _ => surprise(&mut shared, "registering", &answered),
        }
    }

    pub(super) async fn sign_in(&self, email: usize, password: usize) {
        let call = self.post("/auth?transport=bearer", &self.credentials(email, password));
        let Some(answered) = self.ask("sign in", call).await else { return };
        let (span, mut shared) = (answered.span, self.world.lock());
        match (answered.status, answered.code.as_str()) {
            (200, _) => {
                let (_, user) = shared.open(&answered.json(), email, password, span);
                shared.ledger.account(span, Op::SignIn { user, email, password });
            }
            (401, "bad_credentials") => shared.ledger.account(span, Op::Refused { email, password }),
            (401, "credentials_changed") => {}
            _ => surprise(&mut shared, "signing in", &answered),
        }
    }

    pub(super) async fn rename(&self, by: &Session) {
        let number = self.world.lock().fresh();
        let call = self.update(by, &json!({ "name": name(number) }));
        let Some(answered) = self.ask_under(by, true, "rename", call).await else { return };
        let mut shared = self.world.lock();
        if answered.status == 200 && name_number(&answered.json()["name"]) == Some(number) {
            shared.ledger.name(by.user, answered.span, names::Op::Change(number));
        } else {
            refused(&mut shared, "rename", by.user, &answered);
        }
    }

    pub(super) async fn change_password(&self, by: &Session) {
        let (new, (email, current)) = {
            let mut shared = self.world.lock();
            (shared.fresh(), shared.current[&by.user])
        };
        let body = json!({ "current_password": password(current), "new_password": password(new) });
        let op = Op::ChangePassword { user: by.user, current, new };
        self.change(by, "change password", body, Change { op, current, email, password: new }).await;
    }

    pub(super) async fn change_email(&self, by: &Session, email: usize) {
        let (_, current) = self.world.lock().current[&by.user];
        let body = json!({ "current_password": password(current), "email": self.world.email(email) });
        let op = Op::ChangeEmail { user: by.user, current, email };
        self.change(by, "change email", body, Change { op, current, email, password: current }).await;
    }

    /// Changes credentials, and notes what follows of it.
    async fn change(&self, by: &Session, what: &str, body: Value, change: Change) {
        let Some(answered) = self.ask_under(by, true, what, self.update(by, &body)).await else { return };
        let (user, span) = (by.user, answered.span);
        let mut shared = self.world.lock();
        let Change { op, current, email, password } = change;
        match (answered.status, answered.code.as_str()) {
            (200, _) | (401, "credentials_changed") => {
                // Without a session it happened too; a later change was quicker to replace the session.
                let replaced = answered.status == 200;
                let kept = replaced.then(|| shared.open(&answered.json(), email, password, span).0);
                let cause = if password == current { Cause::Email } else { Cause::Password(current) };
                shared.changed(user, email, password);
                shared.ledger.account(span, op);
                shared.ledger.sweep(Sweep { user, span, cause, kept });
            }
            (401, "wrong_password") => shared.ledger.account(span, Op::WrongPassword { user, password: current }),
            (409, "email_taken") => shared.ledger.account(span, Op::EmailTaken { user, current, email }),
            _ => refused(&mut shared, what, user, &answered),
        }
    }

    pub(super) async fn delete_account(&self, by: &Session) {
        let (_, current) = self.world.lock().current[&by.user];
        let call = self.under(&by.token, Method::DELETE, "/delete").json(&json!({ "password": password(current) }));
        let Some(answered) = self.ask_under(by, true, "delete account", call).await else { return };
        let (user, span, mut shared) = (by.user, answered.span, self.world.lock());
        match (answered.status, answered.code.as_str()) {
            (204, _) => {
                shared.ledger.account(span, Op::Delete { user, password: current });
                shared.ledger.name(user, span, names::Op::Delete);
                shared.ledger.photo(user, span.endless(), photos::Op::Bury); // photo hears of it by the event
                shared.ledger.sweep(Sweep { user, span, cause: Cause::Deletion, kept: None });
            }
            (401, "wrong_password") => {
                shared.ledger.account(span, Op::WrongPassword { user, password: current });
            }
            _ => refused(&mut shared, "delete account", user, &answered),
        }
    }

    pub(super) async fn log_out(&self, by: &Session) {
        let call = self.under(&by.token, Method::DELETE, "/logout");
        let Some(answered) = self.ask_under(by, true, "log out", call).await else { return };
        let mut shared = self.world.lock();
        match answered.status {
            204 => shared.ledger.session(by.number, answered.span, sessions::Op::End),
            _ => surprise(&mut shared, "logging out", &answered),
        }
    }

    pub(super) async fn revoke(&self, by: &Session, session: &Session) {
        let call = self.under(&by.token, Method::DELETE, &format!("/me/sessions/{}", session.id));
        let Some(answered) = self.ask_under(by, true, "revoke", call).await else { return };
        let (span, mut shared) = (answered.span, self.world.lock());
        match (answered.status, by.user == session.user) {
            (204, true) => shared.ledger.session(session.number, span, sessions::Op::Revoke),
            (404, true) => shared.ledger.session(session.number, span, sessions::Op::Missing),
            (404, false) => {}
            _ => surprise(&mut shared, "revoking", &answered),
        }
    }

    pub(super) async fn revoke_others(&self, by: &Session) {
        let call = self.under(&by.token, Method::DELETE, "/me/sessions");
        let Some(answered) = self.ask_under(by, true, "revoke others", call).await else { return };
        let mut shared = self.world.lock();
        match answered.status {
            204 => {
                let kept = Some(by.number);
                shared.ledger.sweep(Sweep { user: by.user, span: answered.span, cause: Cause::Others, kept });
            }
            _ => surprise(&mut shared, "revoking all others", &answered),
        }
    }

    pub(super) async fn verify(&self, session: &Session) {
        let call = self.under(&session.token, Method::GET, "/session/verify");
        let Some(answered) = self.ask_under(session, true, "verify", call).await else { return };
        let mut shared = self.world.lock();
        let whose = shared.users[session.user].clone();
        if answered.status != 204 || answered.answer.header("x-user-id") != whose {
            surprise(&mut shared, "verifying", &answered);
        }
    }
}

/// Notes what a change or deletion found that did not happen.
fn refused(shared: &mut Shared, what: &str, user: usize, answered: &Answered) {
    match (answered.status, answered.code.as_str()) {
        (404, "user_unknown") => shared.ledger.account(answered.span, Op::Gone { user }),
        (409, "conflict") => {} // others were quicker, again and again
        _ => surprise(shared, what, answered),
    }
}
