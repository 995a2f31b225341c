//! `session_check`: a session that is looked up in Redis each time (`session.cache: off`), against a raw `GET`.
//!
//! Both sides have one connection and as many callers; the server is one of this run's own. A lookup is two steps, from the
//! token's hash to the session's place and from there to the session, so that it cannot reach more than half. With the
//! cache that is the default (`tracked`), the check of a session that was looked up before asks the server nothing:
//! `verify_hot` is what that costs.

use std::{
    net::{IpAddr, Ipv4Addr},
    time::{Duration, Instant},
};

use actix::System;
use fred::{
    clients::Client,
    interfaces::{ClientLike as _, KeysInterface as _},
    types::{RespVersion, config::Config},
};
use futures_util::{StreamExt as _, stream};
use portico_kernel::{Clock as _, SystemClock, UserId};
use portico_schema::redis::{Ears, Sessions, Settings};
use portico_session::{ClientInfo, Session, SessionId, Store as _, TokenHash};

use super::servers::Servers;
use crate::{
    figure::{Direction, Figure},
    run::{Failure, Run},
    statistics::Repeats,
};

/// Sessions that are looked up in turn, and values that are read.
const SESSIONS: usize = 1_000;
/// Lookups that are under way at the same time.
const CONCURRENT: usize = 64;
/// Lookups of one turn.
const LOOKUPS: usize = 200_000;
/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How long a session lives.
const LIFETIME: Duration = Duration::from_hours(1);

/// Measures `session_check`.
///
/// # Errors
/// Redis cannot be started, or does not answer.
pub fn measure(run: &Run) -> Result<Vec<Figure>, Failure> {
    let servers = Servers::start(&run.directory("redis")?, &["redis"])?;
    let url = servers.setting("REDIS_URL")?;
    let lookups = run.count(LOOKUPS, 2_000);
    let (ours, raw) = System::new().block_on(in_turns(run, url, lookups))?;
    let reference = ("GET of a value of as many bytes, by the same client over one connection", raw.median());
    Ok(vec![
        Figure::reported("session_check", "checks/s", ours.median(), reference, Direction::AtLeast)
            .note(format!("{lookups} lookups of {SESSIONS} sessions, {CONCURRENT} at the same time; two steps each"))
            .note(format!("{} repeats in turns: {}; reference {}", run.repeats(), ours.spread(), raw.spread())),
    ])
}

async fn in_turns(run: &Run, url: &str, lookups: usize) -> Result<(Repeats, Repeats), Failure> {
    let settings = Settings { url: url.to_owned().into(), ca_file: None, timeout: TIMEOUT };
    let sessions = Box::pin(Sessions::connect(&settings, Ears::default())).await.map_err(Failure::said)?;
    let client = raw_client(url).await?;
    let hashes = fill(&sessions, &client).await?;
    let check = async |hash: TokenHash| sessions.find(hash).await.is_ok_and(|found| found.is_some());
    let get = async |hash: TokenHash| client.get::<Option<String>, _>(key(hash)).await.is_ok_and(|got| got.is_some());
    let (mut ours, mut raw) = (Repeats::default(), Repeats::default());
    for repeat in 0..run.repeats() {
        raw.add(rate(&hashes, lookups, &get).await?);
        ours.add(rate(&hashes, lookups, &check).await?);
        run.progress(format!("session_check {}: {:.0} against {:.0} a second", repeat + 1, ours.last(), raw.last()));
    }
    Ok((ours, raw))
}

async fn raw_client(url: &str) -> Result<Client, Failure> {
    let config = Config { version: RespVersion::RESP3, ..Config::from_url(url).map_err(Failure::said)? };
    let client = Client::new(config, None, None, None);
    client.init().await.map_err(Failure::said)?;
    Ok(client)
}

/// Has the server keep sessions, and beside each a value that is about as long.
async fn fill(sessions: &Sessions, client: &Client) -> Result<Vec<TokenHash>, Failure> {
    let mut hashes = Vec::with_capacity(SESSIONS);
    for number in 0..SESSIONS {
        let mut hash = [0; 32];
        hash[..8].copy_from_slice(&number.to_be_bytes());
        let (session, hash) = (session(), TokenHash(hash));
        sessions.insert(&session, hash, 1).await.map_err(Failure::said)?;
        client.set::<(), _, _>(key(hash), format!("{session:?}"), None, None, false).await.map_err(Failure::said)?;
        hashes.push(hash);
    }
    Ok(hashes)
}

fn session() -> Session {
    let now = SystemClock.now();
    Session {
        id: SessionId::new(),
        user: UserId::new(),
        epoch: 1,
        created_at: now,
        last_seen_at: now,
        expires_at: now + LIFETIME,
        client: ClientInfo {
            user_agent: Some("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0".to_owned()),
            address: Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1))),
        },
    }
}

fn key(hash: TokenHash) -> String {
    format!("bench:{}", u64::from_be_bytes(std::array::from_fn(|byte| hash.0[byte])))
}

/// Lookups a second, all of which must find something.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
async fn rate(hashes: &[TokenHash], lookups: usize, look_up: &impl AsyncFn(TokenHash) -> bool) -> Result<f64, Failure> {
    let began = Instant::now();
    let found = stream::iter(hashes.iter().cycle().take(lookups))
        .map(|hash| look_up(*hash))
        .buffer_unordered(CONCURRENT)
        .filter(|found| std::future::ready(*found))
        .count()
        .await;
    if found < lookups {
        return Err(Failure::said(format!("{found} of {lookups} lookups found something")));
    }
    Ok(lookups as f64 / began.elapsed().as_secs_f64())
}
