//! What clients do: one thing after the other at a fixed schedule, however long the answers take.
//!
//! Invariant: an account is in one call at a time. One whose change had no answer is only looked at until it is settled.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::oneshot,
    task::{JoinHandle, JoinSet},
    time::{MissedTickBehavior, interval},
};

use super::{
    CLIENTS,
    calls::Calls,
    client::{Client, password},
    journal::{Account, Standing},
    kills::together,
    turn::Turn,
    wire::Wire,
};

/// Accounts that may be used from one trial to the next.
const ACCOUNTS_MAX: usize = 250;
/// Photos of each account at the beginning.
const PHOTOS: usize = 2;

/// All accounts that there ever were.
pub(super) struct Crowd {
    random: fastrand::Rng,
    made: usize,
    /// Those in use.
    free: Vec<Account>,
    /// Those that are left alone, and those that are gone.
    rest: Vec<Account>,
}

impl Crowd {
    pub(super) fn new(random: fastrand::Rng) -> Self {
        Self { random, made: 0, free: Vec::new(), rest: Vec::new() }
    }

    /// Registers so many accounts, with photos, as far as they are not there already.
    pub(super) async fn gather(&mut self, wire: &Wire, accounts: usize) {
        let mut busy = JoinSet::new();
        for _ in self.free.len()..accounts {
            if busy.len() >= CLIENTS {
                self.free.extend(busy.join_next().await.map(|done| done.expect("clients do not panic")));
            }
            let (mut account, mut random, wire) = (self.newcomer(), self.random.fork(), wire.clone());
            busy.spawn(async move {
                for turn in [Turn::Register].into_iter().chain([Turn::Upload; PHOTOS]) {
                    let done = turn.act(&mut account, &wire, &mut random).await;
                    wire.findings.hold(done.is_ok(), || format!("{}: {turn:?} before any cut", account.email));
                }
                account
            });
        }
        self.free.extend(busy.join_all().await);
    }

    fn newcomer(&mut self) -> Account {
        self.made += 1;
        let email = format!("somebody{}@example.com", self.made);
        Account::new(email, password(&mut self.random))
    }

    /// An account that something can be done with.
    fn somebody(&mut self, turn: Turn) -> Option<Account> {
        if turn == Turn::Register {
            return Some(self.newcomer());
        }
        let fitting: Vec<_> = (0..self.free.len()).filter(|at| turn.fits(&self.free[*at])).collect();
        let at = self.random.choice(fitting)?;
        Some(self.free.swap_remove(at))
    }

    /// Takes an account back.
    fn back(&mut self, account: Account) {
        let place = if account.is_open() { &mut self.free } else { &mut self.rest };
        place.push(account);
    }

    /// Settles what had no answer, and holds all accounts that were in use against the node.
    pub(super) async fn check(mut self, wire: &Wire) -> Self {
        let mut parts: Vec<Vec<Account>> = (0..CLIENTS).map(|_| Vec::new()).collect();
        let (touched, untouched): (Vec<_>, Vec<_>) =
            self.free.into_iter().chain(self.rest).partition(|account| account.touched);
        touched.into_iter().enumerate().for_each(|(at, account)| parts[at % CLIENTS].push(account));
        let random = &mut self.random;
        let clients = parts.into_iter().enumerate().map(|(at, part)| Client::of(at, random.fork(), part)).collect();
        let clients = together(clients, |client| client.check(wire.clone(), true)).await;
        let (free, mut rest): (Vec<_>, Vec<_>) = clients
            .into_iter()
            .flat_map(|client| client.accounts)
            .chain(untouched)
            .partition(|account| account.standing == Standing::Open && !account.photos.is_empty());
        self.free = free;
        rest.extend(self.free.split_off(self.free.len().min(ACCOUNTS_MAX)));
        Self { rest, ..self }
    }

    /// As the clients that the last checks are about.
    pub(super) fn clients(mut self) -> Vec<Client> {
        self.free.extend(self.rest);
        vec![Client::of(0, self.random, self.free)]
    }
}

/// Clients at work.
pub(super) struct Load {
    stop: oneshot::Sender<()>,
    working: JoinHandle<Crowd>,
}

impl Load {
    /// Has them take these turns one after the other, and begin again; a call each `beat`.
    pub(super) fn start(crowd: Crowd, turns: &[Turn], beat: Duration, wire: &Wire, calls: &Arc<Calls>) -> Self {
        let (stop, stopped) = oneshot::channel();
        let turns = turns.iter().map(|turn| (*turn, wire.watched(calls.watcher(*turn)))).collect();
        Self { stop, working: tokio::spawn(work(crowd, turns, beat, stopped)) }
    }

    /// Has them end what they have begun.
    pub(super) async fn stop(self) -> Crowd {
        let _gone = self.stop.send(());
        self.working.await.expect("clients do not panic")
    }
}

async fn work(mut crowd: Crowd, turns: Vec<(Turn, Wire)>, beat: Duration, mut stopped: oneshot::Receiver<()>) -> Crowd {
    let (mut beat, mut busy, mut turns) = (interval(beat), JoinSet::new(), turns.iter().cycle());
    beat.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            _ = beat.tick() => {
                let Some((turn, wire)) = turns.next() else { break };
                match crowd.somebody(*turn) {
                    Some(account) => drop(busy.spawn(turn.take(account, wire.clone(), crowd.random.fork()))),
                    None => wire.findings.count("turns that nobody was free for"),
                }
            }
            Some(done) = busy.join_next() => crowd.back(done.expect("clients do not panic")),
            _ = &mut stopped => break,
        }
    }
    busy.join_all().await.into_iter().for_each(|account| crowd.back(account));
    crowd
}
