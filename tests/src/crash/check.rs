//! Holds an account's journal against what the API says.

use std::collections::HashSet;

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use super::{
    journal::{Account, Photo, Standing},
    operations::{session, sign_in, surprise, text},
    pictures,
    wire::{Call, Unknown, Wire},
};

/// The most ended sessions and deleted photos of an account that are looked at, the latest ones.
const LOOKED_AT: usize = 8;

type Checked = Result<(), Unknown>;

impl Account {
    /// Holds everything that is known of the account against the node.
    pub(super) async fn check(&mut self, wire: &Wire) -> Checked {
        if self.pending.is_some() {
            return Err(Unknown);
        }
        self.check_ended(wire).await?;
        match self.standing {
            Standing::Open => self.check_open(wire).await?,
            Standing::Closed | Standing::ClosedUnseen => self.check_closed(wire).await?,
        }
        self.touched = false;
        wire.findings.count("accounts checked");
        Ok(())
    }

    /// What was ended opens nothing.
    async fn check_ended(&self, wire: &Wire) -> Checked {
        for token in self.ended.iter().rev().take(LOOKED_AT) {
            let answer = wire.insist(&Call::get("/session/verify").by(token)).await?;
            if (answer.status, answer.problem().1.as_str()) != (401, "session_dead") {
                surprise(wire, self, "an ended session", &answer);
            }
            wire.findings.count("checked: ended sessions");
        }
        Ok(())
    }

    async fn check_closed(&self, wire: &Wire) -> Checked {
        let answer = wire.insist(&sign_in(self, &self.password)).await?;
        if answer.problem().1 != "bad_credentials" {
            surprise(wire, self, "signing in to a deleted account", &answer);
        }
        wire.findings.count("checked: deleted accounts");
        Ok(())
    }

    async fn check_open(&mut self, wire: &Wire) -> Checked {
        let answer = wire.insist(&sign_in(self, &self.password)).await?;
        let id = answer.json()["user"]["id"].as_str().map(str::to_owned);
        self.id = self.id.take().or_else(|| id.clone()); // nobody was told that of an account that was imported
        if answer.status != 200 || self.id != id {
            surprise(wire, self, "signing in", &answer);
            return Ok(());
        }
        let by = session(&answer.json());
        self.check_old_password(wire).await?;
        self.check_sessions(wire).await?;
        let listed = self.list(wire, &by.token).await?;
        self.adopt(wire, &by.token, &listed).await?;
        self.check_listed(wire, &listed);
        for photo in &self.photos {
            self.check_photo(wire, &by.token, photo).await?;
        }
        for id in self.deleted.iter().rev().take(LOOKED_AT) {
            let answer = wire.insist(&Call::get(format!("/me/photos/{id}/content")).by(&by.token)).await?;
            if answer.status != 404 {
                surprise(wire, self, "a deleted photo", &answer);
            }
            wire.findings.count("checked: deleted photos");
        }
        self.sessions.push(by);
        Ok(())
    }

    async fn check_old_password(&self, wire: &Wire) -> Checked {
        let Some(old) = &self.old_password else { return Ok(()) };
        let answer = wire.insist(&sign_in(self, old)).await?;
        if answer.status != 401 {
            surprise(wire, self, "the old password", &answer);
        }
        wire.findings.count("checked: old passwords");
        Ok(())
    }

    async fn check_sessions(&self, wire: &Wire) -> Checked {
        for session in &self.sessions {
            let answer = wire.insist(&Call::get("/session/verify").by(&session.token)).await?;
            if answer.status != 204 || self.id.as_deref() != Some(answer.header("x-user-id")) {
                surprise(wire, self, "a live session", &answer);
            }
            wire.findings.count("checked: live sessions");
        }
        Ok(())
    }

    async fn list(&self, wire: &Wire, by: &str) -> Result<Vec<Value>, Unknown> {
        let answer = wire.insist(&Call::get("/me/photos?limit=100").by(by)).await?;
        if answer.status != 200 {
            surprise(wire, self, "the list of photos", &answer);
        }
        Ok(answer.json()["items"].as_array().cloned().unwrap_or_default())
    }

    /// A photo that nobody acknowledged is one whose upload had no answer; it is whole all the same.
    async fn adopt(&mut self, wire: &Wire, by: &str, listed: &[Value]) -> Checked {
        let known: HashSet<_> = self.photos.iter().map(|photo| photo.id.clone()).collect();
        for photo in listed.iter().filter(|photo| !known.contains(&text(&photo["id"]))) {
            let content = wire.insist(&Call::get(text(&photo["content_url"])).by(by)).await?;
            let Some(at) = self.doubtful.iter().position(|upload| pictures::shows(&content.bytes, upload.seed)) else {
                wire.findings.violation(format!("{}: nobody uploaded {photo}", self.email));
                continue;
            };
            let seed = self.doubtful.remove(at).seed;
            self.photos.push(Photo { id: text(&photo["id"]), sha256: text(&photo["sha256"]), seed });
            wire.findings.count("uploads without an answer that had happened");
        }
        Ok(())
    }

    fn check_listed(&self, wire: &Wire, listed: &[Value]) {
        let listed: HashSet<_> = listed.iter().map(|photo| text(&photo["id"])).collect();
        for photo in self.photos.iter().filter(|photo| !listed.contains(&photo.id)) {
            wire.findings.violation(format!("{}: photo {} is lost", self.email, photo.id));
        }
        for id in self.deleted.iter().filter(|id| listed.contains(*id)) {
            wire.findings.violation(format!("{}: deleted photo {id} is listed", self.email));
        }
    }

    /// Byte for byte as its hash says, pixel for pixel as it was sent, and with a rendition.
    async fn check_photo(&self, wire: &Wire, by: &str, photo: &Photo) -> Checked {
        let path = format!("/me/photos/{}/content", photo.id);
        let content = wire.insist(&Call::get(&path).by(by)).await?;
        let hash = hex::encode(Sha256::digest(&content.bytes));
        let whole = content.status == 200
            && hash == photo.sha256
            && content.header("etag") == format!("\"{hash}\"")
            && pictures::shows(&content.bytes, photo.seed);
        wire.findings.hold(whole, || {
            format!("{}: photo {} does not read back: {} {:?}", self.email, photo.id, content.status, content.headers)
        });
        let thumb = wire.insist(&Call::get(format!("{path}?size=thumb")).by(by)).await?;
        let hash = format!("\"{}\"", hex::encode(Sha256::digest(&thumb.bytes)));
        let whole =
            thumb.status == 200 && thumb.header("etag") == hash && image::load_from_memory(&thumb.bytes).is_ok();
        wire.findings
            .hold(whole, || format!("{}: rendition of {} does not read back: {}", self.email, photo.id, thumb.status));
        wire.findings.count("checked: photos");
        Ok(())
    }

    /// What others see of an account once it is gone: nothing. It follows from the deletion, in a moment.
    pub(super) async fn check_traces(&self, wire: &Wire, observer: &str, until: Instant) -> Checked {
        let Some(id) = self.id.as_deref().filter(|_| !self.is_open()) else { return Ok(()) };
        let mut paths = vec![format!("/users/id/{id}"), format!("/users/id/{id}/photos")];
        paths.extend(self.deleted.last().map(|photo| format!("/users/id/{id}/photos/{photo}/content")));
        for path in paths {
            let gone = wire.comes_to(&Call::get(&path).by(observer), 404, until).await?;
            wire.findings.hold(gone, || format!("{}: {path} is still there", self.email));
        }
        Ok(())
    }
}
