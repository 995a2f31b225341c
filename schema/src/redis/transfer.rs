//! Sessions and least epochs as lines of files, out of the server's keys and into them.
//!
//! Invariant: what is put in twice is there once, so that a batch whose mark was not written is simply put in again.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use fred::interfaces::{HashesInterface as _, KeysInterface as _};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use portico_kernel::{FieldError, StoreError, UserId};
use portico_session::{ClientInfo, Inserted, Session, SessionId, Store as _, TokenHash};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    Sessions, keys,
    record::{self, Fields, of_sortable},
};
use crate::{
    moment::{from_nanos, to_nanos},
    session::transfer::{EpochLine, Epochs, Open, STALE, SessionLine, TABLES},
    transfer::{Begun, Lines, Put, Table, Transfer, line},
};

/// How many keys the server is asked to look at in one step.
const SCANNED: u32 = 500;
/// How many commands are on their way at the same time.
const AT_ONCE: usize = 64;
/// The fields of the mark that are no file's.
const EXPORT: &str = "export";
const ENDED: &str = "ended";

impl Sessions {
    /// What of it can be taken to another store.
    pub fn transfer(&self) -> Box<dyn Transfer + '_> {
        Box::new(Carried(self))
    }
}

struct Carried<'s>(&'s Sessions);

/// The keys that a file's rows stand under; each once, though the server may name one twice.
struct Scan {
    cursor: Option<String>,
    seen: HashSet<Uuid>,
}

impl Carried<'_> {
    /// The next keys that match, and where to look on.
    async fn scan(&self, cursor: String, pattern: &str) -> Result<(String, Vec<String>), StoreError> {
        let pattern = pattern.to_owned();
        self.0.link.read(|client| async move { client.scan_page(cursor, pattern, Some(SCANNED), None).await }).await
    }

    /// Lines of the next keys of a file.
    async fn page(&self, file: &str, mut scan: Scan, live_at: Option<OffsetDateTime>) -> Page {
        let Some(cursor) = scan.cursor.take() else { return Ok(None) };
        let pattern = if file == Open::FILE { keys::EVERY_SESSION } else { keys::EVERY_LEAST };
        let (next, keys) = self.scan(cursor, pattern).await?;
        scan.cursor = (next != "0").then_some(next);
        let fresh: Vec<_> = keys.into_iter().filter(|key| id_of(key).is_some_and(|id| scan.seen.insert(id))).collect();
        let rows = stream::iter(fresh).map(|key| self.row(key, live_at)).buffered(AT_ONCE);
        let lines = rows.try_filter_map(|line| std::future::ready(Ok(line))).try_collect().await?;
        Ok(Some((lines, scan)))
    }

    /// What stands under a key; none if that is over.
    async fn row(&self, key: String, live_at: Option<OffsetDateTime>) -> Result<Option<String>, StoreError> {
        let unknown = || StoreError::Broken(format!("{key} is no key of this version").into());
        let (user, session) = (keys::of_user(&key).map(|(user, _)| user), keys::session_of(&key));
        let (Some(user), name) = (user, key.clone()) else { return Err(unknown()) };
        let Some(id) = session else { return self.least(user, name).await };
        let mut fields: Fields = self.0.link.read(|client| async move { client.hgetall(name).await }).await?;
        let Some(token) = fields.remove("token") else { return Ok(None) }; // it has ended since
        let session = record::session(user, id, fields)?;
        let is_live = live_at.is_none_or(|live_at| session.is_live(live_at));
        let token_hash = hex::decode(token).map_err(|error| StoreError::Broken(error.into()))?;
        Ok(is_live.then(|| line::text(&session_line(session, token_hash))))
    }

    async fn least(&self, user: UserId, key: String) -> Result<Option<String>, StoreError> {
        let least: Option<String> = self.0.link.read(|client| async move { client.get(key).await }).await?;
        let Some(least) = least else { return Ok(None) };
        let damaged = || StoreError::Broken(format!("the least epoch of {user} is damaged").into());
        let least = of_sortable(&least).ok_or_else(damaged)?;
        Ok(Some(line::text(&EpochLine { user_id: user.uuid(), least })))
    }

    async fn marks(&self) -> Result<HashMap<String, String>, StoreError> {
        self.0.link.read(|client| async move { client.hgetall(keys::IMPORT).await }).await
    }

    async fn mark(&self, fields: HashMap<String, String>) -> Result<(), StoreError> {
        self.0.link.write(|client| async move { client.hset::<(), _, _>(keys::IMPORT, fields).await }).await
    }

    /// The file that a key of ours would be a row of, if there is one.
    async fn occupied(&self) -> Result<Option<&'static str>, StoreError> {
        let mut cursor = "0".to_owned();
        loop {
            let (next, found) = self.scan(cursor, keys::EVERY).await?;
            let row = found.iter().find(|key| ![keys::PROBE, keys::IMPORT].contains(&&***key));
            if let Some(key) = row {
                return Ok(Some(if key.ends_with(":least") { Epochs::FILE } else { Open::FILE }));
            }
            if next == "0" {
                return Ok(None);
            }
            cursor = next;
        }
    }

    /// Puts a line in; what speaks against it, if something does.
    async fn keep(&self, file: &str, line: String) -> Result<Option<&'static str>, StoreError> {
        let broken = |error: FieldError| StoreError::Broken(error.detail.into());
        if file == Epochs::FILE {
            let EpochLine { user_id, least } = line::parse(&line).map_err(broken)?;
            self.0.raise_epoch(user_id.into(), least, None).await?;
            return Ok(None);
        }
        let (session, hash) = session(line::parse(&line).map_err(broken)?)?;
        match self.0.insert(&session, hash, u32::MAX).await? {
            Inserted::Kept { .. } => Ok(None),
            Inserted::Stale => Ok(Some(STALE)),
        }
    }
}

type Page = Result<Option<(Vec<String>, Scan)>, StoreError>;

/// What tells a key from the others of its file.
fn id_of(key: &str) -> Option<Uuid> {
    keys::session_of(key).map(SessionId::uuid).or_else(|| keys::of_user(key).map(|(user, _)| user.uuid()))
}

fn session_line(session: Session, token_hash: Vec<u8>) -> SessionLine {
    SessionLine {
        id: session.id.uuid(),
        user_id: session.user.uuid(),
        token_hash,
        epoch: session.epoch,
        created_at: to_nanos(session.created_at),
        last_seen_at: to_nanos(session.last_seen_at),
        expires_at: to_nanos(session.expires_at),
        user_agent: session.client.user_agent,
        address: session.client.address.map(|address| address.to_string()),
    }
}

fn session(line: SessionLine) -> Result<(Session, TokenHash), StoreError> {
    let broken = |what: &str| StoreError::Broken(what.to_owned().into());
    let address = line.address.map(|address| address.parse()).transpose();
    let session = Session {
        id: line.id.into(),
        user: line.user_id.into(),
        epoch: line.epoch,
        created_at: from_nanos(line.created_at),
        last_seen_at: from_nanos(line.last_seen_at),
        expires_at: from_nanos(line.expires_at),
        client: ClientInfo {
            user_agent: line.user_agent,
            address: address.map_err(|_| broken("an address that is none"))?,
        },
    };
    let hash = line.token_hash.try_into().map_err(|_| broken("a hash has 32 bytes"))?;
    Ok((session, TokenHash(hash)))
}

#[async_trait]
impl Transfer for Carried<'_> {
    fn section(&self) -> &'static str {
        "session.store"
    }

    fn schema(&self) -> String {
        "redis".to_owned()
    }

    fn files(&self) -> Vec<&'static str> {
        TABLES.iter().map(|table| table.file()).collect()
    }

    fn lines<'s>(&'s self, file: &'s str, live_at: Option<OffsetDateTime>) -> Lines<'s> {
        let scan = Scan { cursor: Some("0".to_owned()), seen: HashSet::new() };
        stream::try_unfold(scan, move |scan| self.page(file, scan, live_at)).boxed()
    }

    /// The server is not told by whom it is used; whoever carries events is known to the user domain's database.
    async fn is_in_use(&self) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn standing(&self, export: Uuid) -> Result<Begun, StoreError> {
        let mut marks = self.marks().await?;
        let Some(known) = marks.remove(EXPORT) else {
            return Ok(self.occupied().await?.map_or_else(|| Begun::At(HashMap::new()), Begun::Occupied));
        };
        let known: Uuid = known.parse().map_err(|_| StoreError::Broken("the mark of an import is damaged".into()))?;
        if known != export {
            return Ok(Begun::Another(known));
        }
        if marks.contains_key(ENDED) {
            return Ok(Begun::Ended);
        }
        let number = |(file, lines): (String, String)| Some((file, lines.parse().ok()?));
        Ok(Begun::At(marks.into_iter().filter_map(number).collect()))
    }

    async fn begin(&self, export: Uuid) -> Result<Begun, StoreError> {
        let standing = self.standing(export).await?;
        if matches!(standing, Begun::At(_)) {
            self.mark(HashMap::from([(EXPORT.to_owned(), export.to_string())])).await?;
        }
        Ok(standing)
    }

    async fn put(&self, export: Uuid, file: &str, lines: (u64, u64), rows: Vec<String>) -> Result<Put, StoreError> {
        let (before, after) = lines;
        match self.standing(export).await? {
            Begun::At(marks) if marks.get(file).copied().unwrap_or_default() == before => {}
            _ => return Ok(Put::Overtaken),
        }
        let kept = stream::iter(rows).map(|row| self.keep(file, row)).buffered(AT_ONCE);
        let against: Vec<_> = kept.try_collect().await?;
        let refused = against.into_iter().enumerate().find_map(|(index, against)| Some((index, against?)));
        if let Some((index, detail)) = refused {
            return Ok(Put::Refused { index, detail });
        }
        self.mark(HashMap::from([(file.to_owned(), after.to_string())])).await?;
        Ok(Put::Kept)
    }

    async fn end(&self, _: Uuid, now: OffsetDateTime) -> Result<(), StoreError> {
        self.mark(HashMap::from([(ENDED.to_owned(), to_nanos(now).to_string())])).await
    }

    async fn unfinished(&self) -> Result<Option<Uuid>, StoreError> {
        let marks = self.marks().await?;
        let open = marks.get(EXPORT).filter(|_| !marks.contains_key(ENDED));
        Ok(open.map(|export| export.parse().unwrap_or_default()))
    }
}
