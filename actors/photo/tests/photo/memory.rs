//! Stores in memory that keep the ports' promises and fail on demand.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    ops::Range,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use portico_kernel::{IDEMPOTENCY_KEPT, Idempotency, IdempotencyKey, StoreError, UserId};
use portico_photo::{
    ByteStream, ContentKey, ContentStore, ContentWork, Inserted, OwnerChange, Page, Photo, PhotoId, Remembered,
    Reserved, Store, Summary,
};
use time::OffsetDateTime;
use tokio::sync::Semaphore;
use uuid::Uuid;

/// Which calls fail, and how often still.
#[derive(Default)]
pub(crate) struct Failures(Mutex<HashMap<&'static str, u32>>);

impl Failures {
    pub(crate) fn next(&self, call: &'static str, times: u32) {
        self.0.lock().unwrap().insert(call, times);
    }

    fn check(&self, call: &'static str) -> Result<(), StoreError> {
        match self.0.lock().unwrap().get_mut(call) {
            Some(left) if *left > 0 => {
                *left -= 1;
                Err(StoreError::Unavailable(format!("{call} fails on demand").into()))
            }
            _ => Ok(()),
        }
    }
}

#[derive(Default)]
pub(crate) struct Rows {
    pub(crate) owners: HashMap<UserId, OwnerChange>,
    pub(crate) photos: BTreeMap<PhotoId, Photo>,
    pub(crate) work: BTreeMap<PhotoId, (OffsetDateTime, ContentWork)>,
    /// With when they were remembered.
    pub(crate) keys: HashMap<(UserId, String), (OffsetDateTime, Remembered)>,
    inbox: HashSet<Uuid>,
}

impl Rows {
    fn refusal(&self, owner: UserId, quota: u32) -> Option<Reserved> {
        let photos = self.photos.values().filter(|photo| photo.owner == owner).count();
        if self.owners.get(&owner).is_some_and(|owner| owner.deleted) {
            Some(Reserved::OwnerDeleted)
        } else {
            (photos >= quota as usize).then_some(Reserved::QuotaReached)
        }
    }

    pub(crate) fn delete_owner(&mut self, change: OwnerChange, now: OffsetDateTime) {
        self.owners.insert(change.owner, change);
        let theirs: Vec<_> = self.photos.values().filter(|photo| photo.owner == change.owner).map(|it| it.id).collect();
        for photo in theirs {
            self.photos.remove(&photo);
            self.work.entry(photo).or_insert((now, ContentWork { owner: change.owner, photo, attempts: 0 }));
        }
    }
}

type Meanwhile = Box<dyn FnOnce(&mut Rows, &Photo) + Send>;
type Afterwards = Box<dyn FnOnce(&mut Rows) + Send>;

pub(crate) struct MemoryStore {
    pub(crate) rows: Mutex<Rows>,
    pub(crate) fail: Failures,
    /// What happens to the rows just before the next insert.
    pub(crate) meanwhile: Mutex<Option<Meanwhile>>,
    /// What happens to the rows just after the work list was next found to have entries that are due.
    pub(crate) after_due: Mutex<Option<Afterwards>>,
    /// Whether another process sweeps.
    pub(crate) is_anothers_turn: AtomicBool,
    /// Summaries are counted at once, and answered when they are let through here.
    pub(crate) summaries: Semaphore,
    pub(crate) summaries_read: Mutex<u32>,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self {
            rows: Mutex::default(),
            fail: Failures::default(),
            meanwhile: Mutex::default(),
            after_due: Mutex::default(),
            is_anothers_turn: AtomicBool::new(false),
            summaries: Semaphore::new(Semaphore::MAX_PERMITS),
            summaries_read: Mutex::default(),
        }
    }
}

impl MemoryStore {
    pub(crate) fn backlog_now(&self) -> usize {
        self.rows.lock().unwrap().work.len()
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn reserve(
        &self,
        owner: UserId,
        photo: PhotoId,
        due: OffsetDateTime,
        quota: u32,
    ) -> Result<Reserved, StoreError> {
        self.fail.check("reserve")?;
        let mut rows = self.rows.lock().unwrap();
        if let Some(refusal) = rows.refusal(owner, quota) {
            return Ok(refusal);
        }
        rows.work.insert(photo, (due, ContentWork { owner, photo, attempts: 0 }));
        Ok(Reserved::Granted)
    }

    async fn insert(
        &self,
        photo: &Photo,
        idempotency: Option<&Idempotency>,
        quota: u32,
    ) -> Result<Inserted, StoreError> {
        self.fail.check("insert")?;
        let mut rows = self.rows.lock().unwrap();
        if let Some(meanwhile) = self.meanwhile.lock().unwrap().take() {
            meanwhile(&mut rows, photo);
        }
        if rows.work.get(&photo.id).is_none_or(|(_, work)| work.attempts > 0) {
            return Err(StoreError::Unavailable("the reservation has expired".into()));
        }
        match rows.refusal(photo.owner, quota) {
            Some(Reserved::OwnerDeleted) => return Ok(Inserted::OwnerDeleted),
            Some(_) => return Ok(Inserted::QuotaReached),
            None => {}
        }
        if let Some(Idempotency { key, fingerprint }) = idempotency {
            let key = (photo.owner, key.as_str().to_owned());
            if rows.keys.get(&key).is_some_and(|(at, _)| *at >= photo.created_at - IDEMPOTENCY_KEPT) {
                return Ok(Inserted::KeyKnown);
            }
            rows.keys.insert(key, (photo.created_at, Remembered { photo: photo.id, fingerprint: *fingerprint }));
        }
        rows.work.remove(&photo.id);
        rows.photos.insert(photo.id, photo.clone());
        drop(rows);
        self.fail.check("answering the insert")?;
        Ok(Inserted::Kept)
    }

    async fn find(&self, owner: UserId, photo: PhotoId) -> Result<Option<Photo>, StoreError> {
        Ok(self.rows.lock().unwrap().photos.get(&photo).filter(|photo| photo.owner == owner).cloned())
    }

    async fn list(&self, owner: UserId, after: Option<PhotoId>, limit: u32) -> Result<Page, StoreError> {
        let rows = self.rows.lock().unwrap();
        let theirs = rows.photos.values().rev().filter(|photo| photo.owner == owner);
        let items =
            theirs.filter(|photo| after.is_none_or(|after| photo.id < after)).take(limit as usize).cloned().collect();
        Ok(Page { items, next: None })
    }

    async fn summary(&self, owner: UserId, latest: u32) -> Result<Summary, StoreError> {
        let items = self.list(owner, None, u32::MAX).await?.items;
        *self.summaries_read.lock().unwrap() += 1;
        self.summaries.acquire().await.unwrap().forget();
        Ok(Summary { count: items.len() as u64, latest: items.into_iter().take(latest as usize).collect() })
    }

    async fn delete(&self, owner: UserId, photo: PhotoId, now: OffsetDateTime) -> Result<bool, StoreError> {
        let mut rows = self.rows.lock().unwrap();
        let deleted = rows.photos.remove(&photo).is_some();
        if deleted {
            rows.work.entry(photo).or_insert((now, ContentWork { owner, photo, attempts: 0 }));
        }
        Ok(deleted)
    }

    async fn all(&self, after: Option<(UserId, PhotoId)>, limit: u32) -> Result<Vec<Photo>, StoreError> {
        let mut photos: Vec<_> = self.rows.lock().unwrap().photos.values().cloned().collect();
        photos.sort_by_key(|photo| (photo.owner, photo.id));
        photos.retain(|photo| after.is_none_or(|after| (photo.owner, photo.id) > after));
        photos.truncate(limit as usize);
        Ok(photos)
    }

    async fn count(&self) -> Result<u64, StoreError> {
        Ok(self.rows.lock().unwrap().photos.len() as u64)
    }

    async fn begin_copy(&self, owner: UserId, photo: PhotoId, due: OffsetDateTime) -> Result<bool, StoreError> {
        let mut rows = self.rows.lock().unwrap();
        let exists = rows.photos.contains_key(&photo);
        if exists {
            rows.work.insert(photo, (due, ContentWork { owner, photo, attempts: 0 }));
        }
        Ok(exists)
    }

    async fn end_copy(&self, owner: UserId, photo: PhotoId, now: OffsetDateTime) -> Result<bool, StoreError> {
        self.fail.check("end_copy")?;
        let mut rows = self.rows.lock().unwrap();
        let exists = rows.photos.contains_key(&photo);
        if exists {
            rows.work.remove(&photo);
        } else {
            rows.work.insert(photo, (now, ContentWork { owner, photo, attempts: 0 }));
        }
        Ok(exists)
    }

    async fn apply(&self, event: Uuid, change: OwnerChange, now: OffsetDateTime) -> Result<(), StoreError> {
        let mut rows = self.rows.lock().unwrap();
        let newer = rows.owners.get(&change.owner).is_none_or(|known| !known.deleted && known.version < change.version);
        if !rows.inbox.insert(event) || !newer {
            return Ok(());
        }
        if change.deleted {
            rows.delete_owner(change, now);
        } else {
            rows.owners.insert(change.owner, change);
        }
        Ok(())
    }

    async fn due(&self, now: OffsetDateTime, limit: u32) -> Result<Vec<ContentWork>, StoreError> {
        self.fail.check("due")?;
        let mut rows = self.rows.lock().unwrap();
        let due = rows.work.values().filter(|(due, _)| *due <= now);
        let due: Vec<_> = due.take(limit as usize).map(|(_, work)| work.clone()).collect();
        if !due.is_empty()
            && let Some(afterwards) = self.after_due.lock().unwrap().take()
        {
            afterwards(&mut rows);
        }
        Ok(due)
    }

    async fn take_turn(&self) -> Result<bool, StoreError> {
        Ok(!self.is_anothers_turn.load(Ordering::SeqCst))
    }

    async fn done(&self, photo: PhotoId) -> Result<(), StoreError> {
        self.rows.lock().unwrap().work.remove(&photo);
        Ok(())
    }

    async fn postpone(&self, photo: PhotoId, due: OffsetDateTime) -> Result<bool, StoreError> {
        let mut rows = self.rows.lock().unwrap();
        if rows.photos.contains_key(&photo) {
            rows.work.remove(&photo);
            return Ok(false);
        }
        let Some((at, work)) = rows.work.get_mut(&photo) else { return Ok(false) };
        *at = due;
        work.attempts += 1;
        Ok(true)
    }

    async fn recall(
        &self,
        owner: UserId,
        key: &IdempotencyKey,
        since: OffsetDateTime,
    ) -> Result<Option<Remembered>, StoreError> {
        let rows = self.rows.lock().unwrap();
        let known = rows.keys.get(&(owner, key.as_str().to_owned())).filter(|(at, _)| *at >= since);
        Ok(known.map(|(_, remembered)| remembered.clone()))
    }

    async fn purge(&self, _: OffsetDateTime, _: OffsetDateTime) -> Result<u64, StoreError> {
        Ok(0)
    }

    async fn backlog(&self) -> Result<u64, StoreError> {
        Ok(self.backlog_now() as u64)
    }

    async fn check(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

type Hook = Box<dyn FnOnce() + Send>;

#[derive(Default)]
pub(crate) struct MemoryContent {
    pub(crate) kept: Mutex<HashMap<ContentKey, Bytes>>,
    pub(crate) fail: Failures,
    /// What happens just before the next put keeps anything,
    pub(crate) before_put: Mutex<Option<Hook>>,
    /// and before the next one opens anything.
    pub(crate) before_open: Mutex<Option<Hook>>,
}

impl MemoryContent {
    pub(crate) fn is_empty(&self) -> bool {
        self.kept.lock().unwrap().is_empty()
    }
}

#[async_trait]
impl ContentStore for MemoryContent {
    async fn put(&self, key: ContentKey, file: &Path) -> Result<(), StoreError> {
        if let Some(meanwhile) = self.before_put.lock().unwrap().take() {
            meanwhile();
        }
        let bytes = std::fs::read(file).unwrap();
        self.kept.lock().unwrap().insert(key, bytes.into());
        self.fail.check("put") // afterwards: it may have left something
    }

    async fn open(&self, key: ContentKey, range: Range<u64>) -> Result<Option<ByteStream>, StoreError> {
        if let Some(meanwhile) = self.before_open.lock().unwrap().take() {
            meanwhile();
        }
        let range = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
        let bytes = self.kept.lock().unwrap().get(&key).map(|bytes| bytes.slice(range));
        Ok(bytes.map(|bytes| stream::iter([Ok(bytes)]).boxed()))
    }

    async fn delete(&self, key: ContentKey) -> Result<(), StoreError> {
        self.fail.check("delete")?;
        self.kept.lock().unwrap().remove(&key);
        Ok(())
    }

    async fn check(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
