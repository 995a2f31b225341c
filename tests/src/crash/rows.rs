//! Looks into the node's databases, for what no API tells.
//!
//! Invariant: rows are only read, but for [`let_an_hour_pass`].

use std::{collections::BTreeSet, path::Path};

use sea_orm::sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, Row as _,
    sqlite::{SqliteConnectOptions, SqliteConnection},
};

use super::{Findings, sessions};
use crate::{Home, servers::psql};

/// A database of a node, while it runs or after it stopped.
pub(crate) enum Rows {
    /// In a file of the data directory.
    File(SqliteConnection),
    /// At a PostgreSQL server.
    Server(String),
}

impl Rows {
    /// A database in a data directory.
    pub(crate) async fn open(data: &Path, name: &str) -> Self {
        let options = SqliteConnectOptions::new().filename(data.join(name)).pragma("query_only", "ON");
        let connection = options.connect().await.unwrap_or_else(|error| panic!("{name} cannot be opened: {error}"));
        Self::File(connection)
    }

    /// The database of a domain, wherever a home's nodes keep it.
    pub(crate) async fn of(home: &Home, domain: &str) -> Self {
        match home.setting(&format!("{domain}.store.url")) {
            Some(url) => Self::Server(url.to_owned()),
            None => Self::open(&home.data(), &format!("{domain}.db")).await,
        }
    }

    /// How an id is selected as text without hyphens.
    fn plain(&self, column: &str) -> String {
        match self {
            Self::File(_) => format!("lower(hex({column}))"),
            Self::Server(_) => format!("replace({column}::text, '-', '')"),
        }
    }

    /// The first column of every row, as text.
    pub(super) async fn texts(&mut self, query: &str) -> BTreeSet<String> {
        match self {
            Self::File(connection) => {
                let rows = connection.fetch_all(AssertSqlSafe(query)).await;
                rows.unwrap_or_else(|error| panic!("{query}: {error}")).iter().map(|row| row.get(0)).collect()
            }
            Self::Server(url) => select(url, query).await.lines().map(str::to_owned).collect(),
        }
    }

    /// The first column of the only row.
    pub(crate) async fn number(&mut self, query: &str) -> u64 {
        match self {
            Self::File(connection) => {
                let row = connection.fetch_one(AssertSqlSafe(query)).await;
                row.unwrap_or_else(|error| panic!("{query}: {error}")).get::<i64, _>(0).unsigned_abs()
            }
            Self::Server(url) => select(url, query).await.trim().parse().expect("a number"),
        }
    }

    pub(crate) async fn close(self) {
        if let Self::File(connection) = self {
            let _closed = connection.close().await;
        }
    }
}

async fn select(url: &str, statement: &str) -> String {
    let (url, statement) = (url.to_owned(), statement.to_owned());
    tokio::task::spawn_blocking(move || psql(&url, &statement)).await.expect("psql answers")
}

/// What stands in the databases of a node that has stopped.
pub(super) struct Standing {
    users: BTreeSet<String>,
    emails: BTreeSet<String>,
    versions: BTreeSet<String>,
    owners: BTreeSet<String>,
    tombstones: BTreeSet<String>,
    buried: BTreeSet<String>,
    session_owners: BTreeSet<String>,
    pub(super) photos: BTreeSet<String>,
    pub(super) photo_paths: BTreeSet<String>,
    pub(super) work_paths: BTreeSet<String>,
    outbox: u64,
    set_aside: u64,
    miscounted: u64,
}

impl Standing {
    pub(super) async fn read(home: &Home) -> Self {
        let (mut user, mut photo) = (Rows::of(home, "user").await, Rows::of(home, "photo").await);
        let (id, owner, of_photo) = (user.plain("id"), photo.plain("owner_id"), photo.plain("photo_id"));
        let (sessions, photo_id) = (sessions::read(home).await, photo.plain("id"));
        let standing = Self {
            users: user.texts(&format!("SELECT {id} FROM users")).await,
            emails: user.texts("SELECT email FROM users").await,
            versions: user.texts(&format!("SELECT {id} || ' ' || version FROM users")).await,
            owners: photo.texts(&format!("SELECT {photo_id} || ' ' || version FROM owners WHERE NOT deleted")).await,
            tombstones: photo.texts(&format!("SELECT {photo_id} FROM owners WHERE deleted")).await,
            buried: sessions.buried,
            session_owners: sessions.owners,
            photos: photo.texts(&format!("SELECT {photo_id} FROM photos")).await,
            photo_paths: photo.texts(&format!("SELECT {owner} || '/' || {photo_id} FROM photos")).await,
            work_paths: photo.texts(&format!("SELECT {owner} || '/' || {of_photo} FROM content_work")).await,
            outbox: user.number("SELECT count(*) FROM outbox").await,
            set_aside: user.number("SELECT count(*) FROM set_aside").await,
            miscounted: photo.number(MISCOUNTED).await,
        };
        user.close().await;
        photo.close().await;
        standing
    }

    /// Holds the rows against each other and against the journal.
    pub(super) fn check(&self, findings: &Findings, promised: &Promised) {
        self.check_each_other(findings);
        same(findings, "accounts", &self.emails, &promised.emails);
        same(findings, "photos", &self.photos, &promised.photos);
        within(findings, "tombstones of owners", &promised.deleted, &self.tombstones);
        within(findings, "last epochs", &promised.deleted, &self.buried);
    }

    /// Holds the rows against each other.
    pub(super) fn check_each_other(&self, findings: &Findings) {
        findings.hold(self.outbox == 0, || format!("{} committed events were not delivered", self.outbox));
        findings.hold(self.set_aside == 0, || format!("{} events were set aside", self.set_aside));
        findings.hold(self.miscounted == 0, || format!("{} owners have a wrong count of photos", self.miscounted));
        // Each event raised its owner to its version: the owners say whether all of them arrived.
        same(findings, "versions of owners", &self.owners, &self.versions);
        same(
            findings,
            "sessions' users",
            &self.session_owners.difference(&self.users).cloned().collect(),
            &BTreeSet::new(),
        );
        within(findings, "last epochs", &self.tombstones, &self.buried);
        findings.add("rows: accounts", self.users.len() as u64);
        findings.add("rows: photos", self.photos.len() as u64);
        findings.add("rows: tombstones", self.tombstones.len() as u64);
    }
}

const MISCOUNTED: &str = "SELECT count(*) FROM owners WHERE photo_count <> \
                          (SELECT count(*) FROM photos WHERE photos.owner_id = owners.id)";

/// What the journals say must stand. Ids without hyphens, as `hex` writes them.
#[derive(Debug, Default)]
pub(super) struct Promised {
    pub(super) emails: BTreeSet<String>,
    pub(super) photos: BTreeSet<String>,
    /// Users that are gone.
    pub(super) deleted: BTreeSet<String>,
}

fn same(findings: &Findings, what: &str, found: &BTreeSet<String>, promised: &BTreeSet<String>) {
    let (more, less): (Vec<_>, Vec<_>) =
        (found.difference(promised).take(5).collect(), promised.difference(found).take(5).collect());
    findings.hold(more.is_empty() && less.is_empty(), || format!("{what}: unexpected {more:?}, missing {less:?}"));
}

fn within(findings: &Findings, what: &str, promised: &BTreeSet<String>, found: &BTreeSet<String>) {
    let less: Vec<_> = promised.difference(found).take(5).collect();
    findings.hold(less.is_empty(), || format!("{what}: missing {less:?}"));
}

/// Whether every domain has heard of every change of a user: no event waits, and where a broker has taken them, photo knows
/// each user at its version.
pub(super) async fn have_heard(home: &Home) -> bool {
    let (mut user, mut photo) = (Rows::of(home, "user").await, Rows::of(home, "photo").await);
    let (id, owner) = (user.plain("id"), photo.plain("id"));
    let mut heard = user.number("SELECT count(*) FROM outbox").await == 0;
    if heard && home.setting("bus.broker.adapter").is_some() {
        heard = user.texts(&format!("SELECT {id} || ' ' || version FROM users")).await
            == photo.texts(&format!("SELECT {owner} || ' ' || version FROM owners WHERE NOT deleted")).await;
    }
    user.close().await;
    photo.close().await;
    heard
}

/// Makes every reservation due, as an hour would. The node must be down.
pub(super) async fn let_an_hour_pass(home: &Home) {
    const PASS: &str = "UPDATE content_work SET due = 0";
    if let Some(url) = home.setting("photo.store.url") {
        select(url, PASS).await;
        return;
    }
    let options = SqliteConnectOptions::new().filename(home.data().join("photo.db"));
    let mut connection = options.connect().await.expect("the database can be opened");
    connection.execute(PASS).await.expect("the work list can be written");
    let _closed = connection.close().await;
}

/// How many entries the work list has.
pub(super) async fn work_left(home: &Home) -> u64 {
    let mut photo = Rows::of(home, "photo").await;
    let left = photo.number("SELECT count(*) FROM content_work").await;
    photo.close().await;
    left
}
