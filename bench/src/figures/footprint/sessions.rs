//! Live sessions, many and soon: kept by the session domain's own store, as the node would.

use std::{net::Ipv4Addr, path::Path};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use portico_kernel::{Clock as _, StoreError, SystemClock, UserId};
use portico_schema::session::Sessions;
use portico_session::{ClientInfo, Session, SessionId, Store as _, Token};
use time::Duration;

use crate::run::Failure;

/// More than one transaction of the store takes.
const AT_ONCE: usize = 512;
/// What a browser says of itself.
const USER_AGENT: &str =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36";

/// Keeps `count` sessions of as many accounts in the database at `path`, which no node may have open. Answers their tokens.
pub(super) fn keep(path: &Path, count: usize) -> Result<Vec<String>, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(keep_all(path, count)).map_err(Failure::said)
}

async fn keep_all(path: &Path, count: usize) -> Result<Vec<String>, StoreError> {
    let store = Sessions::open(path).await?;
    let kept = stream::iter(0..count).map(|number| keep_one(&store, number)).buffered(AT_ONCE).try_collect().await;
    store.close().await?;
    kept
}

async fn keep_one(store: &Sessions, number: usize) -> Result<String, StoreError> {
    let (now, token) = (SystemClock.now(), Token::generate());
    let address = Ipv4Addr::from_bits(0x0A00_0000 | u32::try_from(number).unwrap_or(0));
    let session = Session {
        id: SessionId::new(),
        user: UserId::new(),
        epoch: 0,
        created_at: now,
        last_seen_at: now,
        expires_at: now + Duration::days(1),
        client: ClientInfo { user_agent: Some(USER_AGENT.to_owned()), address: Some(address.into()) },
    };
    store.insert(&session, token.hash(), 1).await.map(|_| token.expose())
}
