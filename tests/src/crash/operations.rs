//! Each thing that a client can do: the call, and what its answer means for the journal.
//!
//! An answer that no history allows is a violation at once; no answer leaves the operation pending.

use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{
    journal::{Account, Pending, Photo, Session, Standing, Upload},
    pictures,
    wire::{Call, Unknown, Wire},
};
use crate::Answer;

type Done = Result<(), Unknown>;

pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The session in a `SignedIn`.
pub(super) fn session(signed_in: &Value) -> Session {
    Session { id: text(&signed_in["session"]["id"]), token: text(&signed_in["token"]) }
}

pub(super) fn registration<'a>(account: &Account, key: Option<&'a str>) -> Call<'a> {
    let new = json!({"name": account.name, "email": account.email, "password": account.password});
    Call::post("/reg?transport=bearer").key(key).json(new)
}

pub(super) fn sign_in(account: &Account, password: &str) -> Call<'static> {
    Call::post("/auth?transport=bearer").json(json!({"email": account.email, "password": password}))
}

/// Says that an answer is none that the account's history allows.
pub(super) fn surprise(wire: &Wire, account: &Account, what: &str, answer: &Answer) {
    let said = String::from_utf8_lossy(&answer.bytes);
    wire.findings.violation(format!("{}: {what} answered {}: {said}", account.email, answer.status));
}

impl Account {
    pub(super) async fn register(&mut self, wire: &Wire, key: Option<String>) -> Done {
        self.pending = Some(Pending::Register { key: key.clone() });
        let answer = wire.call(&registration(self, key.as_deref())).await?;
        self.pending = None;
        if answer.status != 201 {
            surprise(wire, self, "registering", &answer);
            self.standing = Standing::Closed;
            return Ok(());
        }
        self.registered(&answer);
        wire.findings.acknowledged(if key.is_some() { "registration with a key" } else { "registration" });
        Ok(())
    }

    pub(super) fn registered(&mut self, answer: &Answer) {
        let signed_in = answer.json();
        self.id = Some(text(&signed_in["user"]["id"]));
        self.sessions.push(session(&signed_in));
    }

    pub(super) async fn sign_in(&mut self, wire: &Wire) -> Done {
        let answer = wire.call(&sign_in(self, &self.password)).await?; // unanswered it left at most a session nobody has
        if answer.status != 200 {
            surprise(wire, self, "signing in", &answer);
            return Ok(());
        }
        self.sessions.push(session(&answer.json()));
        wire.findings.acknowledged("sign-in");
        Ok(())
    }

    pub(super) async fn logout(&mut self, wire: &Wire, session: Session) -> Done {
        self.pending = Some(Pending::Logout { token: session.token.clone() });
        self.sessions.retain(|live| *live != session);
        let answer = wire.call(&Call::delete("/logout").by(&session.token)).await?;
        self.pending = None;
        self.ended.push(session.token);
        self.expect(wire, 204, "logout", &answer);
        Ok(())
    }

    pub(super) async fn revoke(&mut self, wire: &Wire, by: Session, session: Session) -> Done {
        self.pending = Some(Pending::Revoke { by: by.token.clone(), session: session.clone() });
        self.sessions.retain(|live| *live != session);
        let answer = wire.call(&Call::delete(format!("/me/sessions/{}", session.id)).by(&by.token)).await?;
        self.pending = None;
        self.ended.push(session.token);
        self.expect(wire, 204, "revocation of one", &answer);
        Ok(())
    }

    pub(super) async fn revoke_others(&mut self, wire: &Wire, by: Session) -> Done {
        self.pending = Some(Pending::RevokeOthers { by: by.clone() });
        let answer = wire.call(&Call::delete("/me/sessions").by(&by.token)).await?;
        self.pending = None;
        self.end_sessions(|session| *session == by);
        self.expect(wire, 204, "revocation of all others", &answer);
        Ok(())
    }

    pub(super) async fn rename(&mut self, wire: &Wire, by: &str, name: String) -> Done {
        self.pending = Some(Pending::Rename);
        let answer = wire.call(&rename(by, &name)).await?;
        self.pending = None;
        self.name = name;
        self.expect(wire, 200, "change of name", &answer);
        Ok(())
    }

    pub(super) async fn change_password(&mut self, wire: &Wire, by: &str, new: String) -> Done {
        self.pending = Some(Pending::ChangePassword { new: new.clone() });
        let change = json!({"current_password": self.password, "new_password": new});
        let answer = wire.call(&Call::new(Method::PATCH, "/me/update").by(by).json(change)).await?;
        self.pending = None;
        if self.expect(wire, 200, "change of password", &answer) {
            self.password_is(new);
            self.end_sessions(|_| false);
            self.sessions.push(session(&answer.json()));
        }
        Ok(())
    }

    pub(super) fn password_is(&mut self, new: String) {
        self.old_password = Some(std::mem::replace(&mut self.password, new));
    }

    pub(super) async fn upload(&mut self, wire: &Wire, by: &str, upload: Upload) -> Done {
        self.pending = Some(Pending::Upload { by: by.to_owned(), upload: upload.clone() });
        let bytes = pictures::png(upload.seed);
        let call = Call::post("/me/photos").by(by).key(upload.key.as_deref()).picture(&bytes);
        let answer = wire.call(&call).await?;
        self.pending = None;
        if self.expect(wire, 201, if upload.key.is_some() { "upload with a key" } else { "upload" }, &answer) {
            self.uploaded(&answer, upload.seed);
        }
        Ok(())
    }

    pub(super) fn uploaded(&mut self, answer: &Answer, seed: u64) {
        let photo = answer.json();
        self.photos.push(Photo { id: text(&photo["id"]), sha256: text(&photo["sha256"]), seed });
    }

    pub(super) async fn remove_photo(&mut self, wire: &Wire, by: &str, photo: Photo) -> Done {
        self.photos.retain(|kept| kept.id != photo.id);
        let call = Call::delete(format!("/me/photos/{}", photo.id)).by(by);
        let id = photo.id.clone();
        self.pending = Some(Pending::DeletePhoto { by: by.to_owned(), photo });
        let answer = wire.call(&call).await?;
        self.pending = None;
        self.deleted.push(id);
        self.expect(wire, 204, "deletion of a photo", &answer);
        Ok(())
    }

    pub(super) async fn remove(&mut self, wire: &Wire, by: &str) -> Done {
        self.pending = Some(Pending::DeleteAccount);
        let answer = wire.call(&removal(by, &self.password)).await?;
        self.pending = None;
        if self.expect(wire, 204, "deletion of an account", &answer) {
            self.close(Standing::Closed);
        }
        Ok(())
    }

    /// Has a session verified.
    pub(super) async fn verify(&self, wire: &Wire, by: &str) -> Done {
        let answer = wire.call(&Call::get("/session/verify").by(by)).await?;
        if self.expect(wire, 204, "session check", &answer) && self.id.as_deref() != Some(answer.header("x-user-id")) {
            surprise(wire, self, "a session check of somebody else", &answer);
        }
        Ok(())
    }

    /// Looks at the account.
    pub(super) async fn look(&self, wire: &Wire, by: &str) -> Done {
        let answer = wire.call(&Call::get("/me").by(by)).await?;
        let me = answer.json();
        if self.expect(wire, 200, "look at the account", &answer)
            && (text(&me["email"]), text(&me["name"])) != (self.email.clone(), self.name.clone())
        {
            surprise(wire, self, "a look at the account", &answer);
        }
        Ok(())
    }

    /// Reads a photo's bytes.
    pub(super) async fn read(&self, wire: &Wire, by: &str, photo: &Photo) -> Done {
        let answer = wire.call(&Call::get(format!("/me/photos/{}/content", photo.id)).by(by)).await?;
        if self.expect(wire, 200, "reading of a photo", &answer)
            && hex::encode(Sha256::digest(&answer.bytes)) != photo.sha256
        {
            wire.findings.violation(format!("{}: photo {} has other bytes", self.email, photo.id));
        }
        Ok(())
    }

    /// Notes what was acknowledged, or the surprise.
    fn expect(&self, wire: &Wire, status: u16, what: &str, answer: &Answer) -> bool {
        let as_expected = answer.status == status;
        if as_expected {
            wire.findings.acknowledged(what);
        } else {
            surprise(wire, self, what, answer);
        }
        as_expected
    }
}

pub(super) fn rename<'a>(by: &'a str, name: &str) -> Call<'a> {
    Call::new(Method::PATCH, "/me/update").by(by).json(json!({ "name": name }))
}

pub(super) fn removal<'a>(by: &'a str, password: &str) -> Call<'a> {
    Call::delete("/delete").by(by).json(json!({ "password": password }))
}
