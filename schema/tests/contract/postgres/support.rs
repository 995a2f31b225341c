//! A real server, and schemas in it.

use std::{sync::LazyLock, time::Duration};

use portico_schema::postgres::{Settings, Tls};
use portico_tests::Servers;
use sea_orm::sqlx::{self, Connection as _, postgres::PgConnection};

/// The server that tests share, which none of them kills.
pub(super) static SHARED: LazyLock<Servers> = LazyLock::new(|| Servers::shared(&["postgres"]));

/// A schema of the shared server, which is as good as a database and made in a fraction of the time.
pub(super) struct Database {
    pub(super) url: String,
}

impl Database {
    pub(super) fn new() -> Self {
        Self::on(&SHARED)
    }

    pub(super) fn on(servers: &Servers) -> Self {
        Self { url: servers.schema("USER") }
    }

    /// Somebody else's connection to it.
    pub(super) async fn connection(&self) -> PgConnection {
        PgConnection::connect(&self.url).await.unwrap()
    }

    pub(super) fn settings(&self) -> Settings {
        settings(&self.url)
    }
}

/// Time enough for a crowd on a busy machine.
pub(super) fn settings(url: &str) -> Settings {
    Settings {
        url: url.into(),
        pool_max: 8,
        acquire_timeout: Duration::from_mins(1),
        statement_timeout: Duration::from_secs(20),
        tls: Tls::Disabled,
    }
}

/// A store, and what it is in.
pub(super) struct Opened<S> {
    pub(super) store: S,
    pub(super) database: Database,
}

pub(super) async fn opened<S, F: Future<Output = S>>(
    database: Database,
    open: impl FnOnce(Settings) -> F,
) -> Opened<S> {
    Opened { store: open(database.settings()).await, database }
}

pub(super) async fn execute(connection: &mut PgConnection, statement: &'static str) {
    sqlx::raw_sql(statement).execute(connection).await.unwrap();
}
