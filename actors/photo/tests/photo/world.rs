//! A photo actor in a world of its own.

use std::{path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use portico_kernel::{
    Ask, Event, IdempotencyKey, Ref, UserId,
    testkit::{ManualClock, spawn, until},
};
use portico_photo::{
    Budget, Decoders, Error, Fingerprints, Limits, Load, Parts, Photo, Photos, Staging, Summaries, Summarize, Upload,
    UploadAborted, Uploads,
};
use tokio::sync::mpsc;

use crate::memory::{MemoryContent, MemoryStore};

pub(crate) const LIMITS: Limits = Limits { upload_max_bytes: 100_000, pixels_max: 1_000_000, photos_per_user_max: 3 };

pub(crate) struct World {
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) content: Arc<MemoryContent>,
    pub(crate) clock: ManualClock,
    pub(crate) photos: Ref<Photos>,
    pub(crate) summaries: Ask<Summarize>,
    pub(crate) owner: UserId,
    dir: tempfile::TempDir,
}

/// A world whose actor is made from the usual parts.
pub(crate) fn world() -> World {
    world_with(|_| {})
}

/// A world whose parts are changed before the actor is made from them.
pub(crate) fn world_with(change: impl FnOnce(&mut Parts)) -> World {
    let (store, content) = (Arc::new(MemoryStore::default()), Arc::new(MemoryContent::default()));
    let (clock, dir) = (ManualClock::default(), tempfile::tempdir().unwrap());
    let summaries = Summaries::new(store.clone(), 100);
    let mut parts = Parts {
        store: store.clone(),
        content: content.clone(),
        places: None,
        decoders: Decoders::new(2, 16),
        budget: Budget::new(64 << 20),
        uploads: Uploads::new(8),
        fingerprints: Fingerprints::new([1; 32]),
        staging: Staging::open(dir.path().join("staging")).unwrap(),
        summaries: summaries.clone(),
        clock: Arc::new(clock.clone()),
        limits: LIMITS,
    };
    change(&mut parts);
    let photos = spawn(Photos::new(parts));
    World { store, content, clock, photos, summaries: summaries.ask(), owner: UserId::new(), dir }
}

impl World {
    pub(crate) async fn load(&self, picture: &[u8]) -> Result<Photo, Error> {
        self.load_under(None, picture).await
    }

    pub(crate) async fn load_under(&self, key: Option<&str>, picture: &[u8]) -> Result<Photo, Error> {
        let idempotency = key.map(|key| IdempotencyKey::parse(key).unwrap());
        self.photos.ask::<Load>().ask(Load { owner: self.owner, upload: upload(picture), idempotency }).await
    }

    /// The fingerprint that is remembered under a key.
    pub(crate) fn fingerprint(&self, key: &str) -> [u8; 32] {
        self.store.rows.lock().unwrap().keys[&(self.owner, key.to_owned())].1.fingerprint
    }

    pub(crate) fn staged(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.dir.path().join("staging")).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    /// Waits until neither content, nor work, nor a staged file is left.
    pub(crate) async fn until_nothing_is_left(&self) {
        until("the last trace being gone", || {
            self.content.is_empty() && self.store.backlog_now() == 0 && self.staged().is_empty()
        })
        .await;
    }

    pub(crate) fn user_event(&self, kind: &str, version: i64) -> Event {
        let data = format!(r#"{{"user_id":"{}","version":{version},"epoch":1}}"#, self.owner).parse().unwrap();
        Event::new("/portico/user", kind, self.owner.to_string(), time::macros::datetime!(2026-01-01 0:00 UTC), data)
    }
}

/// An upload of `picture` in small pieces.
pub(crate) fn upload(picture: &[u8]) -> Upload {
    let (sender, receiver) = mpsc::channel(2);
    let pieces: Vec<_> = picture.chunks(1000).map(Bytes::copy_from_slice).collect();
    actix_rt::spawn(async move {
        for piece in pieces {
            if sender.send(Ok(piece)).await.is_err() {
                return; // refused
            }
        }
    });
    Upload(receiver)
}

/// An upload that is sent by hand.
pub(crate) fn upload_by_hand() -> (mpsc::Sender<Result<Bytes, UploadAborted>>, Upload) {
    let (sender, receiver) = mpsc::channel(1);
    (sender, Upload(receiver))
}

/// After every deletion that is put off has become due again.
pub(crate) const LONG_AFTER: Duration = Duration::from_hours(2);
