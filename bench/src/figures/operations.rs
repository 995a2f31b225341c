//! What people ask of a gateway, and what it costs the nodes behind it.

use std::{cell::Cell, net::SocketAddr, thread, time::Duration};

use serde::Deserialize;

use super::{cost::Cpu, nodes::Nodes, pictures::pictures, shared::HOT_CONNECTIONS};
use crate::{
    accounts::{self, Account, registration},
    load::{self, Pace, Plan, Request, WhenBusy},
    run::{Failure, Run},
};

/// People who ask.
const PEOPLE: usize = 32;
/// More than register within a window.
const NEWCOMERS: usize = 500;
/// What goes on after an answer (an event that is delivered, a file that is deleted) belongs to the request as well.
const AFTERWARDS: Duration = Duration::from_millis(300);

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Operation {
    /// Who is signed in.
    Me,
    /// Whether somebody is, for a proxy.
    Verify,
    /// Somebody else's profile.
    Profile,
    /// A page of one's photos.
    Page,
    /// A photo's bytes.
    Download,
    /// The same the other way round.
    Upload,
    /// A session for a password.
    SignIn,
    /// A new account.
    Register,
}

impl Operation {
    /// All of them.
    pub(super) const ALL: [Self; 8] =
        [Self::Me, Self::Verify, Self::Profile, Self::Page, Self::Download, Self::Upload, Self::SignIn, Self::Register];

    /// What is asked, as the REST contract has it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Me => "GET /me",
            Self::Verify => "GET /session/verify",
            Self::Profile => "GET /users/id/{id}",
            Self::Page => "GET /me/photos",
            Self::Download => "GET /me/photos/{id}/content",
            Self::Upload => "POST /me/photos",
            Self::SignIn => "POST /auth",
            Self::Register => "POST /reg",
        }
    }

    /// What is answered when all is well.
    pub(super) fn status(self) -> u16 {
        match self {
            Self::Me | Self::Profile | Self::Page | Self::Download | Self::SignIn => 200,
            Self::Upload | Self::Register => 201,
            Self::Verify => 204,
        }
    }

    /// How many ask at the same time to keep a core busy, and no more than what hashes and decodes bears.
    fn connections(self) -> usize {
        match self {
            Self::Me | Self::Verify | Self::Profile | Self::Page => HOT_CONNECTIONS,
            Self::Download | Self::Upload | Self::SignIn | Self::Register => 8,
        }
    }

    fn requests(self, people: &People) -> Vec<Request> {
        let each = |path: fn(&Person) -> String| -> Vec<_> {
            people.all.iter().map(|person| Request::get(&path(person), Some(&person.account.token))).collect()
        };
        match self {
            Self::Me => each(|_| "/me".to_owned()),
            Self::Verify => each(|_| "/session/verify".to_owned()),
            Self::Profile => each(|person| format!("/users/id/{}", person.account.id)),
            Self::Page => each(|_| "/me/photos?limit=20".to_owned()),
            Self::Download => each(|person| format!("/me/photos/{}/content", person.photo)),
            Self::Upload => people.uploads(),
            Self::SignIn => people.all.iter().map(|person| person.account.sign_in()).collect(),
            Self::Register => people.newcomers(),
        }
    }

    /// Asks `server` for as long as `window`.
    fn plan(self, server: SocketAddr, people: &People, share: usize, window: Duration) -> Plan {
        let connections = self.connections().div_ceil(share);
        Plan {
            server,
            requests: self.requests(people).into(),
            once: self == Self::Register,
            pace: Pace::Closed,
            connections,
            window,
        }
    }

    /// The same, so many times a second.
    pub(super) fn paced(self, server: SocketAddr, people: &People, per_s: u16, window: Duration) -> Plan {
        // Few enough that none waits for its first request for longer than a gateway does.
        let connections = usize::from(per_s / 10).clamp(2, HOT_CONNECTIONS);
        let pace = Pace::Open { per_s: per_s.into(), when_busy: WhenBusy::Wait };
        Plan { pace, connections, ..self.plan(server, people, 1, window) }
    }
}

/// Those who ask.
pub(super) struct People {
    all: Vec<Person>,
    pictures: Vec<Vec<u8>>,
    registered: Cell<usize>,
}

struct Person {
    account: Account,
    /// The id of a photo that they own.
    photo: String,
}

#[derive(Deserialize)]
struct Uploaded {
    id: String,
}

impl People {
    /// Has them register at `server` and upload a photo each.
    pub(super) fn gather(run: &Run, server: SocketAddr) -> Result<Self, Failure> {
        let accounts = accounts::register(server, run.count(PEOPLE, 4))?;
        let pictures = pictures(run, 1)?;
        let all = accounts.into_iter().map(|account| Person::with_photo(server, account, &pictures[0]));
        Ok(Self { all: all.collect::<Result<_, _>>()?, pictures, registered: Cell::new(0) })
    }

    /// One of them.
    pub(super) fn somebody(&self) -> &Account {
        &self.all[0].account
    }

    fn uploads(&self) -> Vec<Request> {
        let picture = &self.pictures[0];
        self.all.iter().map(|person| upload(&person.account, picture)).collect()
    }

    /// Registrations that were not made yet.
    fn newcomers(&self) -> Vec<Request> {
        let first = self.registered.replace(self.registered.get() + NEWCOMERS);
        (first..first + NEWCOMERS).map(|number| registration(&format!("newcomer{number}"))).collect()
    }
}

impl Person {
    fn with_photo(server: SocketAddr, account: Account, picture: &[u8]) -> Result<Self, Failure> {
        let answer = accounts::ask(server, &upload(&account, picture))?;
        let Uploaded { id } = serde_json::from_str(&answer.body)
            .map_err(|_| Failure::said(format!("POST /me/photos answered {}: {}", answer.status, answer.body)))?;
        Ok(Self { account, photo: id })
    }
}

fn upload(account: &Account, picture: &[u8]) -> Request {
    Request::upload("/me/photos", &account.token, "image/jpeg", picture)
}

/// What became of an operation that was asked for again and again.
pub(super) struct Turn {
    /// What it cost, by role.
    pub(super) cpu: Cpu,
    /// Answers, all of them as they should be.
    pub(super) count: usize,
    /// Answers a second.
    pub(super) per_s: f64,
}

/// Asks all gateways of `nodes` for as long as `window`, as often as they answer.
pub(super) fn turn(
    run: &Run,
    nodes: &Nodes<'_>,
    operation: Operation,
    people: &People,
    window: Duration,
) -> Result<Turn, Failure> {
    let (gateways, window) = (nodes.gateways(), run.window(window));
    let plans: Vec<_> =
        gateways.iter().map(|gateway| operation.plan(*gateway, people, gateways.len(), window)).collect();
    let before = nodes.cpu()?;
    let outcomes = load::run(Some(run.cores.generator()), &plans)?;
    thread::sleep(AFTERWARDS);
    let cpu = nodes.cpu()?.since(&before);
    let (mut count, mut per_s) = (0, 0.0);
    for outcome in &outcomes {
        expect_only(operation, outcome)?;
        count += outcome.answered();
        per_s += outcome.rate(operation.status());
    }
    Ok(Turn { cpu, count, per_s })
}

/// Refuses an outcome in which anything else came back.
pub(super) fn expect_only(operation: Operation, outcome: &load::Outcome) -> Result<(), Failure> {
    super::shared::expect_only(outcome, operation.status())
        .map_err(|failure| Failure::said(format!("{}: {failure}", operation.name())))
}
