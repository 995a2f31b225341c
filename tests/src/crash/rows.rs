//! Looks into the node's databases, for what no API tells.
//!
//! Invariant: rows are only read, but for [`let_an_hour_pass`].

use std::{collections::BTreeSet, path::Path};

use sea_orm::sqlx::{
    ConnectOptions as _, Connection as _, Executor as _, Row as _,
    sqlite::{SqliteConnectOptions, SqliteConnection},
};

use super::Findings;

/// A database of a node, while it runs or after it stopped.
pub(crate) struct Rows {
    connection: SqliteConnection,
}

impl Rows {
    pub(crate) async fn open(data: &Path, name: &str) -> Self {
        let options = SqliteConnectOptions::new().filename(data.join(name)).pragma("query_only", "ON");
        let connection = options.connect().await.unwrap_or_else(|error| panic!("{name} cannot be opened: {error}"));
        Self { connection }
    }

    /// The first column of every row, as text.
    pub(super) async fn texts(&mut self, query: &'static str) -> BTreeSet<String> {
        let rows = self.connection.fetch_all(query).await.unwrap_or_else(|error| panic!("{query}: {error}"));
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// The first column of the only row.
    pub(crate) async fn number(&mut self, query: &'static str) -> u64 {
        let row = self.connection.fetch_one(query).await.unwrap_or_else(|error| panic!("{query}: {error}"));
        row.get::<i64, _>(0).unsigned_abs()
    }

    pub(crate) async fn close(self) {
        let _closed = self.connection.close().await;
    }
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
    pub(super) async fn read(data: &Path) -> Self {
        let (mut user, mut session, mut photo) = (
            Rows::open(data, "user.db").await,
            Rows::open(data, "session.db").await,
            Rows::open(data, "photo.db").await,
        );
        let standing = Self {
            users: user.texts("SELECT lower(hex(id)) FROM users").await,
            emails: user.texts("SELECT email FROM users").await,
            versions: user.texts("SELECT lower(hex(id)) || ' ' || version FROM users").await,
            owners: photo.texts("SELECT lower(hex(id)) || ' ' || version FROM owners WHERE NOT deleted").await,
            tombstones: photo.texts("SELECT lower(hex(id)) FROM owners WHERE deleted").await,
            buried: session.texts("SELECT lower(hex(user_id)) FROM epochs WHERE least = 9223372036854775807").await,
            session_owners: session.texts("SELECT DISTINCT lower(hex(user_id)) FROM sessions").await,
            photos: photo.texts("SELECT lower(hex(id)) FROM photos").await,
            photo_paths: photo.texts("SELECT lower(hex(owner_id)) || '/' || lower(hex(id)) FROM photos").await,
            work_paths: photo
                .texts("SELECT lower(hex(owner_id)) || '/' || lower(hex(photo_id)) FROM content_work")
                .await,
            outbox: user.number("SELECT count(*) FROM outbox").await,
            set_aside: user.number("SELECT count(*) FROM set_aside").await,
            miscounted: photo.number(MISCOUNTED).await,
        };
        user.close().await;
        session.close().await;
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

/// Makes every reservation due, as an hour would. The node must be down.
pub(super) async fn let_an_hour_pass(data: &Path) {
    let options = SqliteConnectOptions::new().filename(data.join("photo.db"));
    let mut connection = options.connect().await.expect("the database can be opened");
    connection.execute("UPDATE content_work SET due = 0").await.expect("the work list can be written");
    let _closed = connection.close().await;
}

/// How many entries the work list has.
pub(super) async fn work_left(data: &Path) -> u64 {
    let mut photo = Rows::open(data, "photo.db").await;
    let left = photo.number("SELECT count(*) FROM content_work").await;
    photo.close().await;
    left
}
