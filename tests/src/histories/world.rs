//! What the clients of a history know of each other: who there is, and how to get in.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use serde_json::Value;

use super::{
    ledger::Ledger,
    models::accounts::Number,
    steps::{EMAILS, Pick},
    timeline::Span,
};

/// Everything that the clients of one history share.
pub(super) struct World {
    /// No address of one history is one of another.
    history: u64,
    ticks: AtomicU64,
    shared: Mutex<Shared>,
}

/// What is known, and what was written down.
pub(super) struct Shared {
    pub(super) ledger: Ledger,
    pub(super) users: Vec<String>,
    pub(super) sessions: Vec<Session>,
    /// Whose photo it is, and its id.
    pub(super) photos: Vec<(Number, String)>,
    /// Addresses and passwords that were right at some time.
    pub(super) credentials: Vec<(Number, Number)>,
    /// What was acknowledged last of each user.
    pub(super) current: BTreeMap<Number, (Number, Number)>,
    numbers: Number,
}

/// A session that was handed out.
#[derive(Debug, Clone)]
pub(super) struct Session {
    pub(super) number: Number,
    pub(super) user: Number,
    pub(super) id: String,
    pub(super) token: String,
}

impl World {
    pub(super) fn new(history: u64) -> Self {
        let shared = Shared {
            ledger: Ledger::default(),
            users: Vec::new(),
            sessions: Vec::new(),
            photos: Vec::new(),
            credentials: Vec::new(),
            current: BTreeMap::new(),
            // Those below belong to registrations under a key, whose repeats must be the same.
            numbers: EMAILS,
        };
        Self { history, ticks: AtomicU64::new(1), shared: Mutex::new(shared) }
    }

    pub(super) fn tick(&self) -> u64 {
        self.ticks.fetch_add(1, Ordering::SeqCst)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn into_ledger(self) -> Ledger {
        self.shared.into_inner().unwrap_or_else(PoisonError::into_inner).ledger
    }

    pub(super) fn email(&self, email: Number) -> String {
        format!("history{}.{email}@example.com", self.history)
    }

    /// A key of this history alone.
    pub(super) fn key(&self, key: Number) -> String {
        format!("history{}.{key}", self.history)
    }
}

pub(super) fn password(number: Number) -> String {
    format!("marble compass {number}")
}

pub(super) fn name(number: Number) -> String {
    format!("Name {number}")
}

/// The number in a name.
pub(super) fn name_number(name: &Value) -> Option<Number> {
    name.as_str()?.strip_prefix("Name ")?.parse().ok()
}

impl Shared {
    /// A number that nobody has used, for a name or a password.
    pub(super) fn fresh(&mut self) -> Number {
        self.numbers += 1;
        self.numbers
    }

    /// The number of a user, a new one if it has not been met before.
    pub(super) fn user(&mut self, id: &str) -> Number {
        number_of(&mut self.users, id.to_owned())
    }

    /// The number of a photo likewise.
    pub(super) fn photo(&mut self, user: Number, id: &str) -> Number {
        number_of(&mut self.photos, (user, id.to_owned()))
    }

    /// Writes down that a session was handed out, and what it was opened with. Answers its number and whose it is.
    pub(super) fn open(&mut self, signed_in: &Value, email: Number, password: Number, span: Span) -> (Number, Number) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (number, user) = (self.sessions.len(), self.user(&text(&signed_in["user"]["id"])));
        let (id, token) = (text(&signed_in["session"]["id"]), text(&signed_in["token"]));
        self.sessions.push(Session { number, user, id, token });
        self.ledger.open(number, user, password, span);
        self.current.entry(user).or_insert((email, password));
        self.learn(email, password);
        (number, user)
    }

    /// Keeps in mind what was acknowledged.
    pub(super) fn changed(&mut self, user: Number, email: Number, password: Number) {
        self.current.insert(user, (email, password));
        self.learn(email, password);
    }

    fn learn(&mut self, email: Number, password: Number) {
        if !self.credentials.contains(&(email, password)) {
            self.credentials.push((email, password));
        }
    }
}

fn number_of<T: PartialEq>(known: &mut Vec<T>, wanted: T) -> Number {
    known.iter().position(|known| *known == wanted).unwrap_or_else(|| {
        known.push(wanted);
        known.len() - 1
    })
}

/// The latest, or one of those before it.
pub(super) fn pick<T: Clone>(known: &[T], pick: Pick) -> Option<T> {
    const LATEST: usize = 5;
    pick_of(known, LATEST, pick)
}

/// One of so many of the latest.
pub(super) fn pick_of<T: Clone>(known: &[T], latest: usize, pick: Pick) -> Option<T> {
    let back = usize::from(pick) % known.len().clamp(1, latest);
    known.get(known.len().checked_sub(1 + back)?).cloned()
}
