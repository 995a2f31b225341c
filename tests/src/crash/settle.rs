//! An operation without an answer: whether it happened is the node's to say, but it happened as a whole or not at all.
//!
//! Work of a call that crashed may have been handed to a database already, and commit a moment later. So each operation is
//! repeated until an answer comes, after which nothing of the first one can follow; only then is it looked at.

use tokio::time::Instant;

use super::{
    journal::{Account, Pending, Photo, Session, Standing, Upload},
    operations::{registration, removal, rename, session, sign_in, surprise, text},
    pictures,
    wire::{Call, FOLLOWS_WITHIN, Mode, PAUSE, Unknown, Wire},
};
use crate::Answer;

/// How often it is asked anew where answers contradict each other because a change commits in between.
const ROUNDS: usize = 100;

type Settled = Result<(), Unknown>;

impl Account {
    /// Finds out what became of the pending operation.
    pub(super) async fn settle(&mut self, wire: &Wire, random: &mut fastrand::Rng) -> Settled {
        let Some(pending) = self.pending.clone() else { return Ok(()) };
        match pending {
            Pending::Register { key } => self.settle_registration(wire, key.as_deref()).await?,
            Pending::Logout { token } => {
                let answer = wire.insist(&Call::delete("/logout").by(&token)).await?;
                self.one_of(wire, &[204, 401], "logout, repeated,", &answer);
                self.ended.push(token);
            }
            Pending::Revoke { by, session } => self.settle_revocation(wire, &by, session).await?,
            Pending::RevokeOthers { by } => {
                let answer = wire.insist(&Call::delete("/me/sessions").by(&by.token)).await?;
                self.one_of(wire, &[204], "revocation of all others, repeated,", &answer);
                self.end_sessions(|session| *session == by);
            }
            Pending::Rename => {
                let changed = self.confirm(wire).await?;
                wire.findings.hold(changed, || format!("{}: the name cannot be changed any more", self.email));
            }
            Pending::ChangePassword { new } => self.settle_password(wire, new).await?,
            Pending::ResetPassword { new } => self.settle_reset(wire, new).await?,
            Pending::Upload { by, upload } => self.settle_upload(wire, &by, upload).await?,
            Pending::DeletePhoto { by, photo } => self.settle_photo(wire, &by, photo, random).await?,
            Pending::DeleteAccount => self.settle_removal(wire, random).await?,
        }
        self.pending = None;
        wire.findings.count("operations without an answer, settled");
        Ok(())
    }

    /// The account either signs in or can be registered.
    async fn settle_registration(&mut self, wire: &Wire, key: Option<&str>) -> Settled {
        for _ in 0..ROUNDS {
            let known = wire.insist(&sign_in(self, &self.password)).await?;
            if known.status == 200 && key.is_none() {
                self.registered(&known);
                return Ok(());
            }
            let answer = wire.insist(&registration(self, key)).await?;
            match answer.status {
                201 => {
                    self.registered(&answer);
                    let same =
                        known.status != 200 || text(&known.json()["user"]["id"]) == text(&answer.json()["user"]["id"]);
                    wire.findings.hold(same, || format!("{}: its key made a second account", self.email));
                    return Ok(());
                }
                409 => {} // committed meanwhile
                _ => {
                    surprise(wire, self, "registering, repeated,", &answer);
                    break;
                }
            }
        }
        wire.findings.violation(format!("{} neither signs in nor can be registered", self.email));
        self.standing = Standing::Closed;
        Ok(())
    }

    async fn settle_revocation(&mut self, wire: &Wire, by: &str, session: Session) -> Settled {
        let answer = wire.insist(&Call::delete(format!("/me/sessions/{}", session.id)).by(by)).await?;
        self.one_of(wire, &[204, 404], "revocation of one, repeated,", &answer);
        self.ended.push(session.token);
        Ok(())
    }

    /// Exactly one of two passwords is right; if it is the new one, the sessions from before it end by and by.
    async fn settle_password(&mut self, wire: &Wire, new: String) -> Settled {
        for _ in 0..ROUNDS {
            let by_new = wire.insist(&sign_in(self, &new)).await?;
            if by_new.status == 200 {
                let before: Vec<_> = self.sessions.drain(..).collect();
                for session in before {
                    self.dies(wire, session.token).await?;
                }
                self.password_is(new);
                self.sessions.push(session(&by_new.json()));
                return Ok(());
            }
            self.one_of(wire, &[401], "signing in with the new password", &by_new);
            if self.confirm(wire).await? {
                // Nothing of the change can follow any more: the old password is right for good.
                let still = wire.insist(&sign_in(self, &new)).await?;
                if still.status == 401 {
                    return Ok(());
                }
            }
        }
        wire.findings.violation(format!("{}: neither the old nor the new password is right", self.email));
        Ok(())
    }

    /// Either the old password is right, or the new one must be. That is not tried, since it signs in once: the check does. Nobody
    /// is there any more from whom the change could follow.
    async fn settle_reset(&mut self, wire: &Wire, new: String) -> Settled {
        let by_old = wire.insist(&sign_in(self, &self.password)).await?;
        self.one_of(wire, &[200, 401], "signing in with the password from before a reset", &by_old);
        if by_old.status == 200 {
            self.sessions.push(session(&by_old.json()));
        } else {
            for session in std::mem::take(&mut self.sessions) {
                self.dies(wire, session.token).await?;
            }
            self.password_is(new);
        }
        Ok(())
    }

    /// Changes the name under the password that is known; a change that commits shows that no older one follows. False when
    /// the password is not right, or stopped being so.
    async fn confirm(&mut self, wire: &Wire) -> Result<bool, Unknown> {
        let answer = wire.insist(&sign_in(self, &self.password)).await?;
        if answer.status != 200 {
            return Ok(false);
        }
        let by = session(&answer.json());
        let name = format!("{} again", self.name.trim_end_matches(" again"));
        let renamed = wire.insist(&rename(&by.token, &name)).await?;
        if renamed.status != 200 {
            return Ok(false);
        }
        self.name = name;
        self.sessions.push(by);
        Ok(true)
    }

    async fn settle_upload(&mut self, wire: &Wire, by: &str, upload: Upload) -> Settled {
        let Some(key) = upload.key.as_deref() else {
            self.doubtful.push(upload);
            return Ok(());
        };
        let bytes = pictures::png(upload.seed);
        for _ in 0..ROUNDS {
            let answer = wire.insist(&Call::post("/me/photos").by(by).key(Some(key)).picture(&bytes)).await?;
            match answer.status {
                201 => {
                    self.uploaded(&answer, upload.seed);
                    return Ok(());
                }
                409 => tokio::time::sleep(PAUSE).await, // the first one is still in progress
                _ => {
                    surprise(wire, self, "upload, repeated under its key,", &answer);
                    return Ok(());
                }
            }
        }
        wire.findings.violation(format!("{}: an upload stayed in progress", self.email));
        Ok(())
    }

    async fn settle_photo(&mut self, wire: &Wire, by: &str, photo: Photo, random: &mut fastrand::Rng) -> Settled {
        let path = format!("/me/photos/{}", photo.id);
        // After a kill nothing follows, so that what is seen is what is; it may stay that way.
        let seen = wire.insist(&Call::get(&path).by(by)).await?;
        self.one_of(wire, &[200, 404], "a photo in doubt", &seen);
        if seen.status == 200 && wire.mode == Mode::Killed && random.bool() {
            self.photos.push(photo);
            return Ok(());
        }
        let answer = wire.insist(&Call::delete(path).by(by)).await?;
        self.one_of(wire, &[204, 404], "deletion of a photo, repeated,", &answer);
        self.delete_photo(&photo.id);
        Ok(())
    }

    async fn settle_removal(&mut self, wire: &Wire, random: &mut fastrand::Rng) -> Settled {
        for _ in 0..ROUNDS {
            let answer = wire.insist(&sign_in(self, &self.password)).await?;
            if answer.status == 401 {
                for session in std::mem::take(&mut self.sessions) {
                    self.dies(wire, session.token).await?;
                }
                self.close(Standing::ClosedUnseen);
                return Ok(());
            }
            if !self.one_of(wire, &[200], "signing in after a deletion without an answer", &answer) {
                return Ok(());
            }
            self.sessions.push(session(&answer.json()));
            if random.bool() {
                let by = session(&answer.json()).token;
                let removed = wire.insist(&removal(&by, &self.password)).await?;
                if removed.status == 204 {
                    self.close(Standing::Closed);
                    return Ok(());
                }
            } else if self.confirm(wire).await? {
                return Ok(()); // it stays
            }
        }
        wire.findings.violation(format!("{} can neither be used nor be deleted", self.email));
        Ok(())
    }

    /// Waits until a session is refused: what ends it was committed, and is on its way.
    async fn dies(&mut self, wire: &Wire, token: String) -> Settled {
        let dead =
            wire.comes_to(&Call::get("/session/verify").by(&token), 401, Instant::now() + FOLLOWS_WITHIN).await?;
        wire.findings.hold(dead, || format!("{}: a session outlives what ended it", self.email));
        self.ended.push(token);
        Ok(())
    }

    fn one_of(&self, wire: &Wire, statuses: &[u16], what: &str, answer: &Answer) -> bool {
        let expected = statuses.contains(&answer.status);
        if !expected {
            surprise(wire, self, what, answer);
        }
        expected
    }
}
