//! Opens a pool, or tells in one line why it cannot be.

use std::{io, time::Duration};

use futures_util::future::join_all;
use sea_orm::{
    DatabaseConnection, SqlxError, SqlxPostgresConnector,
    sqlx::{
        self, Connection as _,
        postgres::{PgConnectOptions, PgConnection, PgPoolOptions},
    },
};
use tokio::time::timeout;

use super::{Settings, Unopened, error::state};

/// The first version that will do, as the server counts.
const OLDEST: i32 = 15_00_00;
/// How long the server may take for the first answers.
const FIRST_ANSWERS: Duration = Duration::from_secs(5);
/// How long a connection that comes back may take to answer before it is given up.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(2);

/// A pool of connections to a server that was seen to be the right one. A few are open, others are opened as they are needed.
pub(super) async fn pool(settings: &Settings) -> Result<DatabaseConnection, Unopened> {
    let options = settings.options()?;
    let looked = timeout(FIRST_ANSWERS, look(&options)).await;
    looked.unwrap_or_else(|_| Err(Unopened::for_now("the server does not answer")))?;
    let pool = PgPoolOptions::new()
        .max_connections(settings.pool_max)
        .acquire_timeout(settings.acquire_timeout)
        // The driver would wait for an answer as long as the network lets it.
        .after_release(|connection, _| {
            Box::pin(async {
                let answered = timeout(RELEASE_TIMEOUT, connection.ping()).await;
                answered.map_err(|_| SqlxError::Io(io::ErrorKind::TimedOut.into()))?.map(|()| true)
            })
        })
        .connect_lazy_with(options);
    let _fewer_if_it_went_away = join_all((0..settings.few()).map(|_| pool.acquire())).await;
    Ok(SqlxPostgresConnector::from_sqlx_postgres_pool(pool))
}

async fn look(options: &PgConnectOptions) -> Result<(), Unopened> {
    let mut connection = PgConnection::connect_with(options).await.map_err(|error| refused(&error))?;
    let version = show(&mut connection, "SHOW server_version_num").await?;
    for (setting, query) in [("fsync", "SHOW fsync"), ("synchronous_commit", "SHOW synchronous_commit")] {
        if show(&mut connection, query).await? == "off" {
            tracing::warn!(setting, "PostgreSQL acknowledges what a crash may lose: turn this setting on");
        }
    }
    drop(connection.close().await); // what had to be known is known
    is_new_enough(version.parse().unwrap_or_default())
}

async fn show(connection: &mut PgConnection, query: &'static str) -> Result<String, Unopened> {
    sqlx::query_scalar(query).fetch_one(connection).await.map_err(|error| refused(&error))
}

fn is_new_enough(version: i32) -> Result<(), Unopened> {
    if version >= OLDEST {
        return Ok(());
    }
    let (major, minor) = (version / 10_000, version % 10_000);
    let detail = format!("the server is PostgreSQL {major}.{minor}; 15 or later is needed");
    Err(Unopened::for_good("url", detail))
}

fn refused(error: &SqlxError) -> Unopened {
    match error {
        SqlxError::Database(told) => match state(&**told) {
            // Starting, stopping, or full for the moment.
            "57P01" | "57P02" | "57P03" | "53300" => {
                Unopened::for_now(format!("the server refuses: {}", told.message()))
            }
            _ => Unopened::for_good("url", format!("the server refuses: {}", told.message())),
        },
        // So the driver hands on what TLS found.
        SqlxError::Io(error) if error.kind() == io::ErrorKind::InvalidData => untrusted(error),
        SqlxError::Io(error) => Unopened::for_now(format!("the server cannot be reached: {error}")),
        SqlxError::Tls(error) => untrusted(error),
        other => Unopened::for_good("url", other.to_string()),
    }
}

fn untrusted(error: &impl std::fmt::Display) -> Unopened {
    Unopened::for_good("tls", format!("the server is not trusted: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_before_15_is_refused_by_its_version() {
        assert!(is_new_enough(15_00_00).is_ok());
        assert!(is_new_enough(17_00_05).is_ok());

        let refused = is_new_enough(14_00_19).unwrap_err();

        assert_eq!(refused.to_string(), "the server is PostgreSQL 14.19; 15 or later is needed");
        assert!(!refused.passes);
    }
}
