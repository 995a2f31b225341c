//! The operator, who has commands do things with accounts of their own, beside a node and without one.
//!
//! Invariant: what a command reports is a promise as soon as the report begins: by the command itself where it works alone,
//! by the node's reply to it where it works beside one.

use std::io::Write as _;

use serde_json::json;

use super::{
    super::{
        client::Client,
        journal::{Account, Pending},
        wire::{Unknown, Wire},
    },
    history::History,
    tracer::Tracer,
};
use crate::Exit;

/// What is written of lines that were refused, in the home.
pub(super) const REPORT: &str = "refused.jsonl";
/// The cheapest that bcrypt allows.
const BCRYPT_COST: u32 = 4;

/// Where a command works.
pub(super) enum Desk<'a, 'b> {
    Alone(&'a mut Tracer<'b>),
    Beside(&'a Tracer<'b>),
}

impl Desk<'_, '_> {
    async fn run(&mut self, arguments: &[&str]) -> Exit {
        let exit = match self {
            Self::Alone(tracer) => tracer.run(arguments).await,
            Self::Beside(tracer) => tracer.run_beside(arguments).await,
        };
        assert!(matches!(exit.code(), Some(0 | 65)), "{arguments:?} fails: {exit:?}");
        exit
    }

    /// By which words the trace shows that something was reported.
    fn words(&self, alone: impl Into<String>, beside: impl Into<String>) -> String {
        match self {
            Self::Alone(_) => alone.into(),
            Self::Beside(_) => beside.into(),
        }
    }
}

/// The operator's journal. Their accounts are a client's like any others.
pub(super) struct Operator {
    client: Client,
    history: History,
    random: fastrand::Rng,
}

impl Operator {
    pub(super) fn new(number: usize, mut random: fastrand::Rng) -> Self {
        let client = Client::new(number, random.fork());
        Self { client, history: History::default(), random }
    }

    /// Has the databases made. Answers by which words that was reported.
    pub(super) async fn migrate(&mut self, tracer: &mut Tracer<'_>) -> String {
        tracer.run(&["migrate"]).await.stdout.trim_end().to_owned()
    }

    /// Imports `count` accounts, and a line that is refused. Answers by which words that was reported.
    pub(super) async fn import(&mut self, mut desk: Desk<'_, '_>, count: usize) -> String {
        let before = self.client.clone();
        let (mut file, first) = (tempfile::NamedTempFile::new().expect("a file can be made"), before.accounts.len());
        for number in first..first + count {
            let account = Account::new(format!("imported{number}@example.com"), self.password());
            let hash = bcrypt::hash(&account.password, BCRYPT_COST).expect("the cost is allowed");
            let line = json!({"name": account.name, "email": account.email, "password_hash": hash});
            writeln!(file, "{line}").expect("the file can be written");
            self.client.accounts.push(account);
        }
        writeln!(file, "no account").expect("the file can be written");
        let path = file.path().to_str().expect("temporary files have plain names");
        let exit = desk.run(&["user", "import", path, "--report", REPORT]).await;
        let told = format!("{count} opened, 0 present already, 1 refused");
        assert_eq!(exit.stdout.trim(), told, "{exit:?}");
        let words = desk.words(told, format!("{{\"imported\":{}}}", json!(vec!["opened"; count])));
        self.reported(before, words.clone(), |account| account.pending = Some(Pending::Register { key: None }));
        words
    }

    /// Gives an account another password, which ends its sessions.
    pub(super) async fn reset_password(&mut self, mut desk: Desk<'_, '_>, at: usize) {
        let before = self.client.clone();
        let exit = desk.run(&["user", "reset-password", &self.client.accounts[at].email]).await;
        let new = exit.stdout.trim().to_owned();
        let account = &mut self.client.accounts[at];
        account.password_is(new.clone());
        account.end_sessions(|_| false);
        self.reported_of(before, new.clone(), at, |account| account.pending = Some(Pending::ResetPassword { new }));
    }

    /// Ends the sessions of an account.
    pub(super) async fn sign_out(&mut self, mut desk: Desk<'_, '_>, at: usize) {
        let before = self.client.clone();
        desk.run(&["user", "sign-out", &self.client.accounts[at].email]).await;
        self.client.accounts[at].end_sessions(|_| false);
        let words = desk.words("All sessions of the account were ended", "\"signed_out\"");
        // Meanwhile nobody knows whether they live.
        self.reported_of(before, words, at, |account| account.sessions.clear());
    }

    /// Signs in to an account.
    pub(super) async fn sign_in(&mut self, wire: &Wire, at: usize) -> Result<(), Unknown> {
        let before = self.client.clone();
        self.client.accounts[at].sign_in(wire).await?;
        let words = wire.latest().expect("it was answered");
        self.reported_of(before, words, at, |_| {});
        Ok(())
    }

    /// The end of the journal.
    pub(super) fn history(self) -> History {
        self.history.ended(self.client)
    }

    fn password(&mut self) -> String {
        format!("{:x} quartz violin", self.random.u64(..))
    }

    /// Something was reported in these words. Until then the journal was as `before`, but that the accounts that are new
    /// since are in doubt.
    fn reported(&mut self, mut before: Client, words: String, doubt: impl Fn(&mut Account)) {
        let known = before.accounts.len();
        before.accounts.extend(self.client.accounts[known..].iter().cloned());
        before.accounts[known..].iter_mut().for_each(doubt);
        self.history.waits(before);
        self.history.told(words);
    }

    /// The same of one account, which was there.
    fn reported_of(&mut self, mut before: Client, words: String, at: usize, doubt: impl FnOnce(&mut Account)) {
        doubt(&mut before.accounts[at]);
        self.history.waits(before);
        self.history.told(words);
    }
}
