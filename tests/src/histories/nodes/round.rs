//! One round: some users, clients of theirs at both gateways, and perhaps ways that are frozen meanwhile.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{
    client::{Client, User},
    history::History,
};
use crate::{Proxy, crash::Findings};

/// Clients of each user at each gateway: those that open and end sessions too,
const DOERS: usize = 2;
/// and those that only verify them, one for as long as it is accepted.
const WATCHERS: usize = 5;
/// How long each rests after a request, on average.
const DOERS_REST: Duration = Duration::from_millis(120);
const WATCHERS_REST: Duration = Duration::from_millis(30);
/// How long clients go on before ways are frozen and after they are free again.
const CALM: Duration = Duration::from_millis(700);
/// How long they are frozen: until what was trusted before is trusted no more, and some time after.
const FROZEN: Duration = Duration::from_millis(1800);
/// How long the sessions are asked for at the end until each is answered.
const SETTLING: Duration = Duration::from_secs(20);

/// What a round is lived through with.
pub(super) struct Round<'a> {
    pub(super) gateways: &'a [String],
    pub(super) users: Vec<User>,
    /// The ways that are frozen.
    pub(super) frozen: Vec<&'a Proxy>,
    pub(super) random: fastrand::Rng,
    pub(super) findings: &'a Arc<Findings>,
}

impl Round<'_> {
    /// Lives through it; answers the history of each user.
    pub(super) async fn live(mut self) -> Vec<History> {
        let users: Vec<_> = std::mem::take(&mut self.users).into_iter().map(Arc::new).collect();
        let (phase, mut clients) = (Arc::new(AtomicU8::new(OPENING)), JoinSet::new());
        for user in &users {
            self.client(0, user).sign_in().await;
            for gateway in 0..self.gateways.len() {
                for number in 0..DOERS + WATCHERS {
                    let (client, phase) = (self.client(gateway, user), Arc::clone(&phase));
                    let random = self.random.fork();
                    if number < DOERS {
                        clients.spawn(act(client, random, phase));
                    } else {
                        clients.spawn(watch(client, random, phase));
                    }
                }
            }
        }
        self.weather(&users, &phase).await;
        clients.join_all().await;
        for user in &users {
            self.look(user).await;
        }
        users.into_iter().map(|user| Arc::into_inner(user).expect("all clients have ended").into_history()).collect()
    }

    async fn weather(&self, users: &[Arc<User>], phase: &AtomicU8) {
        sleep(CALM).await;
        self.warm(users).await;
        phase.store(ENDING, Ordering::Relaxed);
        self.frozen.iter().for_each(|way| way.block());
        tokio::join!(sleep(FROZEN), self.end_most(users));
        self.frozen.iter().for_each(|way| way.unblock());
        sleep(CALM).await;
        phase.store(OVER, Ordering::Relaxed);
    }

    /// Has the sessions of all users verified by all gateways, so that every node remembers them.
    async fn warm(&self, users: &[Arc<User>]) {
        for _ in 0..2 {
            let clients =
                users.iter().flat_map(|user| (0..self.gateways.len()).map(|gateway| self.client(gateway, user)));
            let verified = clients.flat_map(|client| {
                client.open().into_iter().map(move |session| {
                    let client = client.clone();
                    async move { client.verify(&session).await }
                })
            });
            join_all(verified).await;
        }
    }

    /// Ends the sessions of all users but one of each, at once, by one gateway and the other.
    async fn end_most(&self, users: &[Arc<User>]) {
        let ends = users.iter().flat_map(|user| {
            let open = self.client(0, user).open();
            let by = open.first().cloned();
            open.into_iter().skip(1).zip(by.into_iter().cycle()).enumerate().map(|(number, (session, by))| {
                let client = self.client(number % self.gateways.len(), user);
                async move { client.revoke(&by, &session).await }
            })
        });
        join_all(ends).await;
    }

    /// Has each session verified once more by each gateway, when nobody changes it any more.
    async fn look(&self, user: &Arc<User>) {
        for gateway in 0..self.gateways.len() {
            let client = self.client(gateway, user);
            for number in 0..user.sessions() {
                let session = client.numbered(number);
                let answered = async {
                    while client.verify(&session).await.is_none() {
                        sleep(WATCHERS_REST).await;
                    }
                };
                let settled = timeout(SETTLING, answered).await.is_ok();
                self.findings
                    .hold(settled, || format!("a session was not answered for within {SETTLING:?} at the end"));
            }
        }
    }

    fn client(&self, gateway: usize, user: &Arc<User>) -> Client {
        Client::new(&self.gateways[gateway], user, self.findings)
    }
}

/// Phases of a round: sessions are opened for the most part, and then ended; and then it is over.
const OPENING: u8 = 0;
const ENDING: u8 = 1;
const OVER: u8 = 2;

/// Opens and ends sessions until the round is over.
async fn act(client: Client, mut random: fastrand::Rng, phase: Arc<AtomicU8>) {
    loop {
        let step = match phase.load(Ordering::Relaxed) {
            OPENING => Step::of(&mut random, [12, 1, 1, 0]),
            ENDING => Step::of(&mut random, [5, 8, 4, 1]),
            _ => return,
        };
        take(&client, step, [random.u8(..), random.u8(..)]).await;
        rest(&mut random, DOERS_REST).await;
    }
}

/// Verifies sessions until the round is over.
async fn watch(client: Client, mut random: fastrand::Rng, phase: Arc<AtomicU8>) {
    let mut watched = None;
    while phase.load(Ordering::Relaxed) != OVER {
        watched = watched.or_else(|| client.session(random.u8(..)));
        if let Some(session) = watched.take()
            && client.verify(&session).await == Some(true)
        {
            watched = Some(session);
        }
        rest(&mut random, WATCHERS_REST).await;
    }
}

/// Rests for so long on average.
async fn rest(random: &mut fastrand::Rng, average: Duration) {
    sleep(average * u32::from(random.u8(..)) / 128).await;
}

/// One request.
#[derive(Debug, Clone, Copy)]
enum Step {
    SignIn,
    Revoke,
    LogOut,
    RevokeOthers,
    Verify,
}

impl Step {
    /// One of the first four by its weight out of 24, or else a verification.
    fn of(random: &mut fastrand::Rng, weights: [u8; 4]) -> Self {
        let mut chance = random.u8(..24);
        let steps = [Self::SignIn, Self::Revoke, Self::LogOut, Self::RevokeOthers];
        let chosen = steps.into_iter().zip(weights).find(|(_, weight)| {
            let is_it = chance < *weight;
            chance = chance.saturating_sub(*weight);
            is_it
        });
        chosen.map_or(Self::Verify, |(step, _)| step)
    }
}

/// Makes one request, if there are sessions that it can be made with.
async fn take(client: &Client, step: Step, chances: [u8; 2]) {
    let [Some(by), Some(session)] = chances.map(|chance| client.session(chance)) else { return };
    match step {
        Step::SignIn => client.sign_in().await,
        Step::Revoke => client.revoke(&by, &session).await,
        Step::LogOut => client.log_out(&by).await,
        Step::RevokeOthers => client.revoke_others(&by).await,
        Step::Verify => _ = client.verify(&session).await,
    }
}
