//! What was done to each thing in a history, and whether the models explain it.

use std::collections::BTreeMap;

use super::{
    models::{
        accounts::{self, Accounts, Number},
        names::{self, Name},
        photos::{self, Photos},
        sessions::{self, Session},
    },
    timeline::{Span, Timed, is_explained, is_explained_one_by_one, told},
};

/// All operations of a history, by the thing that they were done to.
#[derive(Default)]
pub(super) struct Ledger {
    accounts: Vec<Timed<accounts::Op>>,
    names: BTreeMap<Number, Vec<Timed<names::Op>>>,
    photos: BTreeMap<Number, Vec<Timed<photos::Op>>>,
    sessions: BTreeMap<Number, Opened>,
    sweeps: Vec<Sweep>,
    surprises: Vec<String>,
}

/// A session, and what was done to it alone.
struct Opened {
    user: Number,
    /// The password that it was opened with.
    password: Number,
    span: Span,
    history: Vec<Timed<sessions::Op>>,
}

/// What ended the sessions of a user, all but one.
pub(super) struct Sweep {
    pub(super) user: Number,
    pub(super) span: Span,
    pub(super) cause: Cause,
    pub(super) kept: Option<Number>,
}

/// Why sessions end together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    Others,
    Email,
    /// The password changed, from this one.
    Password(Number),
    Deletion,
}

impl Sweep {
    /// What it did to a session of the user.
    fn on(&self, number: Number, session: &Opened) -> Option<Timed<sessions::Op>> {
        if self.user != session.user || self.kept == Some(number) || self.span.is_before(session.span) {
            return None;
        }
        // Under the old password, or of a deleted account, it ends however the two race.
        let certain = session.span.is_before(self.span)
            || self.cause == Cause::Deletion
            || self.cause == Cause::Password(session.password);
        Some(if certain {
            Timed { what: sessions::Op::End, span: self.span }
        } else {
            Timed { what: sessions::Op::MayEnd, span: self.span.endless() }
        })
    }
}

impl Ledger {
    pub(super) fn account(&mut self, span: Span, what: accounts::Op) {
        self.accounts.push(Timed { what, span });
    }

    pub(super) fn name(&mut self, user: Number, span: Span, what: names::Op) {
        self.names.entry(user).or_default().push(Timed { what, span });
    }

    pub(super) fn photo(&mut self, user: Number, span: Span, what: photos::Op) {
        self.photos.entry(user).or_default().push(Timed { what, span });
    }

    pub(super) fn open(&mut self, session: Number, user: Number, password: Number, span: Span) {
        let history = vec![Timed { what: sessions::Op::Open, span }];
        self.sessions.insert(session, Opened { user, password, span, history });
    }

    /// Of a session that has been opened.
    pub(super) fn session(&mut self, session: Number, span: Span, what: sessions::Op) {
        let opened = self.sessions.get_mut(&session).expect("nobody uses a session before it is opened");
        opened.history.push(Timed { what, span });
    }

    pub(super) fn sweep(&mut self, sweep: Sweep) {
        self.sweeps.push(sweep);
    }

    /// An answer that no history allows.
    pub(super) fn surprise(&mut self, text: String) {
        self.surprises.push(text);
    }

    /// What cannot be explained; nothing, after a good history.
    pub(super) fn verdict(mut self) -> Vec<String> {
        let mut wrong = std::mem::take(&mut self.surprises);
        let mut hold = |is_explained: bool, what: &str, history: String| {
            if !is_explained {
                wrong.push(format!("no order of these explains the answers, of {what}:\n{history}"));
            }
        };
        hold(is_explained::<Accounts>(&self.accounts), "accounts", told(&self.accounts));
        for (user, history) in &self.names {
            hold(is_explained::<Name>(history), &format!("the name of user {user}"), told(history));
        }
        for (number, session) in &self.sessions {
            let swept = self.sweeps.iter().filter_map(|sweep| sweep.on(*number, session));
            let history: Vec<_> = session.history.iter().cloned().chain(swept).collect();
            let explained = is_explained_one_by_one::<Session>(&history, |op| op.is_observation());
            hold(explained, &format!("session {number} of user {}", session.user), told(&history));
        }
        for (user, history) in &self.photos {
            let (summaries, stored): (Vec<_>, Vec<_>) = history.iter().cloned().partition(|op| op.what.is_summary());
            hold(is_explained::<Photos>(&stored), &format!("the photos of user {user}"), told(&stored));
            let changes = stored.into_iter().filter(|op| op.what.is_change());
            let counted: Vec<_> = changes.chain(summaries).collect();
            let explained = is_explained_one_by_one::<Photos>(&counted, photos::Op::is_summary);
            hold(explained, &format!("the count of photos of user {user}"), told(&counted));
        }
        wrong
    }
}

#[cfg(test)]
mod tests;
