//! The account: one session that all share, and the tree.
//!
//! Invariant: one flight at a time signs in or reads the tree; whoever came meanwhile takes what it brought. After a sign-in that
//! failed the next one waits for a moment: Mega blocks whoever tries too often.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use futures_util::StreamExt as _;
use reqwest::Body;
use secrecy::SecretString;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio_util::io::ReaderStream;

use super::{
    api::{self, Api, again},
    crypto::{FileKey, encode, random, seal_name, wrap},
    error::Error,
    session::{Session, sign_in},
    tree::{Changes, File, Listing, Tree},
};

/// How long a sign-in that failed is answered for by its error.
const REFUSED_FOR: Duration = Duration::from_secs(1);
/// How much longer Mega may take to begin with the whole tree than with any other answer.
const LISTED_WITHIN: u32 = 10;
/// The least rate at which Mega takes bytes, beyond the time that any answer may take.
const PUT_MIN_BYTES_PER_S: u64 = 128 * 1024;
/// Bytes that are read from a file at a time.
const CHUNK_BYTES: usize = 128 * 1024;

/// An account.
pub(super) struct Account {
    pub(super) api: Api,
    pub(super) email: SecretString,
    pub(super) password: SecretString,
    pub(super) folder: String,
    session: Mutex<Signed>,
    signing_in: Semaphore,
    tree: Mutex<Tree>,
    /// When the reading began that brought the tree.
    read_at: Mutex<Option<Instant>>,
    reading: Semaphore,
}

/// What the last sign-in came to.
#[derive(Default)]
enum Signed {
    #[default]
    Never,
    In(Arc<Session>),
    Refused(Error, Instant),
}

/// What `g` answers.
#[derive(Deserialize)]
struct Source {
    #[serde(default)]
    g: String,
    #[serde(default)]
    e: i64,
}

/// What `u` answers.
#[derive(Deserialize)]
struct Target {
    p: String,
}

/// What `p` answers.
#[derive(Deserialize)]
struct Made {
    f: Vec<MadeNode>,
}

#[derive(Deserialize)]
struct MadeNode {
    h: String,
}

/// What `uq` answers: bytes that the account may have, and has.
#[derive(Deserialize)]
struct Quota {
    mstrg: u64,
    #[serde(default)]
    cstrg: u64,
}

impl Account {
    pub(super) fn new(api: Api, email: SecretString, password: SecretString, folder: String) -> Self {
        Self {
            api,
            email,
            password,
            folder,
            session: Mutex::default(),
            signing_in: Semaphore::new(1),
            tree: Mutex::default(),
            read_at: Mutex::default(),
            reading: Semaphore::new(1),
        }
    }

    pub(super) fn tree(&self) -> MutexGuard<'_, Tree> {
        self.tree.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does `work` within the session, and once more within a new one if Mega has ended it.
    pub(super) async fn within<T, F>(&self, work: impl Fn(Arc<Session>) -> F + Send + Sync) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>> + Send,
    {
        let session = self.session(None).await?;
        match work(Arc::clone(&session)).await {
            Err(error) if error.is_session_lost() => work(self.session(Some(&session)).await?).await,
            done => done,
        }
    }

    /// The session, or another than the one that was `lost`.
    async fn session(&self, lost: Option<&Arc<Session>>) -> Result<Arc<Session>, Error> {
        if let Some(known) = self.known(lost) {
            return known;
        }
        let _turn = self.signing_in.acquire().await.expect("the semaphore is never closed");
        if let Some(known) = self.known(lost) {
            return known;
        }
        let signed = again(|| sign_in(&self.api, &self.email, &self.password)).await.map(Arc::new);
        *self.session.lock().unwrap_or_else(PoisonError::into_inner) = match &signed {
            Ok(session) => Signed::In(Arc::clone(session)),
            Err(error) => Signed::Refused(error.clone(), Instant::now()),
        };
        signed
    }

    fn known(&self, lost: Option<&Arc<Session>>) -> Option<Result<Arc<Session>, Error>> {
        match &*self.session.lock().unwrap_or_else(PoisonError::into_inner) {
            Signed::In(session) if lost.is_none_or(|lost| !Arc::ptr_eq(session, lost)) => Some(Ok(Arc::clone(session))),
            Signed::Refused(error, at) if at.elapsed() < REFUSED_FOR => Some(Err(error.clone())),
            _ => None,
        }
    }

    /// Looks at what has changed, unless somebody has begun to since this was called.
    pub(super) async fn refresh(&self) -> Result<(), Error> {
        let called_at = Instant::now();
        let _turn = self.reading.acquire().await.expect("the semaphore is never closed");
        let read_at = *self.read_at.lock().unwrap_or_else(PoisonError::into_inner);
        if read_at.is_some_and(|read_at| read_at >= called_at) {
            return Ok(());
        }
        let (began, doubts) = (Instant::now(), self.tree().doubts());
        match self.follow().await {
            // What has changed is told for a while only.
            Err(Error::Said(_)) => {
                self.read().await?;
                self.follow().await?;
            }
            followed => followed?,
        }
        self.tree().settle(doubts);
        *self.read_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(began);
        Ok(())
    }

    /// Takes over all that has changed.
    async fn follow(&self) -> Result<(), Error> {
        loop {
            let cursor = self.tree().cursor().to_owned();
            let cursor = &cursor;
            let read = || {
                self.within(move |session| async move {
                    let changes: Changes = self.api.changes(session.sid(), cursor).await?;
                    Ok((changes, session))
                })
            };
            let (changes, session) = again(read).await?;
            if changes.a.is_empty() {
                return Ok(());
            }
            self.tree().follow(changes, &session.master);
        }
    }

    /// Reads the whole tree.
    async fn read(&self) -> Result<(), Error> {
        let read = again(|| self.within(|session| self.listing(session))).await?;
        self.tree().replace(read);
        Ok(())
    }

    async fn listing(&self, session: Arc<Session>) -> Result<Tree, Error> {
        let within = self.api.timeout * LISTED_WITHIN;
        let answer = self.api.ask(Some(session.sid()), &json!({ "a": "f", "c": 1 }), within).await?;
        let folder = self.folder.clone();
        let read = move || Tree::read(api::read::<Listing>(&answer)?, &folder, &session.master);
        tokio::task::spawn_blocking(read).await.map_err(|_| Error::Strange("a tree"))?
    }

    /// Reads the tree, and makes the folder in it if it is missing.
    pub(super) async fn prepare(&self) -> Result<(), Error> {
        self.read().await?;
        if self.tree().folder().is_some() {
            return Ok(());
        }
        let root = self.tree().root().to_owned();
        let (key, id) = (random(), encode(random::<9>()));
        let name = seal_name(&self.folder, &key);
        again(|| {
            let (root, name, id) = (&root, &name, &id);
            self.within(move |session| async move {
                let mut key = key;
                wrap(&session.master, &mut key);
                let node = json!({ "h": "xxxxxxxx", "t": 1, "a": name, "k": encode(key) });
                let command = json!({ "a": "p", "t": root, "n": [node], "i": id });
                self.api.call::<Value>(Some(session.sid()), &command).await
            })
        })
        .await?;
        self.read().await
    }

    /// Where a file's bytes can be read.
    pub(super) async fn source(&self, handle: &str) -> Result<String, Error> {
        let source: Source = self.command(json!({ "a": "g", "g": 1, "ssl": 2, "n": handle })).await?;
        if source.e < 0 { Err(Error::Said(source.e)) } else { Ok(source.g) }
    }

    /// Deletes a file; one that is not there is deleted.
    pub(super) async fn delete(&self, handle: &str) -> Result<(), Error> {
        let command = json!({ "a": "d", "n": handle, "i": encode(random::<9>()) });
        let deleted = again(|| self.command::<Value>(command.clone())).await;
        deleted.map(drop).or_else(|error| if error.is_absent() { Ok(()) } else { Err(error) })
    }

    /// Sends the bytes of a file, and makes the node that holds them.
    pub(super) async fn put(&self, name: &str, path: &Path) -> Result<File, Error> {
        let (size, key) = sealing_key(path.to_owned()).await?;
        let token = again(|| self.send(path, size, &key)).await?;
        let folder = self.tree().folder().ok_or(Error::Strange("a tree without the folder"))?.to_owned();
        let id = encode(random::<9>()); // told again with each try, so that the node is made once
        let made: Made = again(|| {
            let (folder, id, token, key) = (&folder, &id, &token, &key);
            self.within(move |session| async move {
                let (name, key) = (seal_name(name, key.name()), encode(key.seal(&session.master)));
                let node = json!({ "h": token, "t": 0, "a": name, "k": key });
                let command = json!({ "a": "p", "t": folder, "n": [node], "i": id });
                self.api.call(Some(session.sid()), &command).await
            })
        })
        .await?;
        let handle = made.f.into_iter().next().ok_or(Error::Strange("no node was made"))?.h;
        Ok(File { handle, size, key })
    }

    async fn send(&self, path: &Path, size: u64, key: &FileKey) -> Result<String, Error> {
        let target: Target = self.command(json!({ "a": "u", "s": size, "ssl": 2 })).await?;
        let file = tokio::fs::File::open(path).await?;
        let mut cipher = key.cipher(0);
        let encrypted = ReaderStream::with_capacity(file, CHUNK_BYTES).map(move |chunk| {
            let mut chunk = Vec::from(chunk?);
            cipher.apply(&mut chunk);
            Ok::<_, std::io::Error>(chunk)
        });
        let within = self.api.timeout + Duration::from_secs(size / PUT_MIN_BYTES_PER_S);
        self.api.post(&format!("{}/0", target.p), Body::wrap_stream(encrypted), within).await
    }

    /// Whether the session is good; and how much room there is.
    pub(super) async fn check(&self) -> Result<(), Error> {
        let quota: Quota = again(|| self.command(json!({ "a": "uq", "strg": 1, "xfer": 1 }))).await?;
        if quota.cstrg < quota.mstrg { Ok(()) } else { Err(Error::Said(-17)) }
    }

    /// Asks within the session, once.
    async fn command<T: DeserializeOwned + Send>(&self, command: Value) -> Result<T, Error> {
        let command = &command;
        self.within(move |session| async move { self.api.call(Some(session.sid()), command).await }).await
    }
}

/// The size of a file, and a new key that has its MAC.
async fn sealing_key(path: PathBuf) -> Result<(u64, FileKey), Error> {
    use std::io::Read as _;

    let read = move || {
        let (key, mut file) = (FileKey::new(), std::fs::File::open(path)?);
        let (mut macs, mut size, mut chunk) = (key.macs(), 0, vec![0; CHUNK_BYTES]);
        loop {
            match file.read(&mut chunk)? {
                0 => return Ok((size, key.with_mac(macs.finish()))),
                length => {
                    macs.update(&chunk[..length]);
                    size += length as u64;
                }
            }
        }
    };
    tokio::task::spawn_blocking(read).await.map_err(|_| Error::Strange("a file"))?
}
