//! Photos: who has which, and what becomes of their bytes.
//!
//! Invariant: content is written down for deletion before it is kept, and taken off that list by the transaction that
//! keeps its row; so whatever fails or crashes when, content without a row is deleted in the end.

mod budget;
mod decoders;
mod fingerprints;
mod load;
mod mover;
mod staging;
mod summaries;
mod sweep;
mod uploads;
mod user_event;

use std::sync::Arc;

use actix::{Actor, AsyncContext as _, Context, Handler, WrapFuture as _};
use portico_kernel::{Clock, ResponseFuture};

pub use budget::Budget;
pub use decoders::Decoders;
pub use fingerprints::Fingerprints;
pub use staging::Staging;
pub use summaries::Summaries;
pub use uploads::Uploads;

use self::sweep::Sweeper;
use crate::{
    ApplyUserEvent, Both, Content, ContentStore, Delete, Error, Get, Limits, List, Load, Move, Moved, Open, Page,
    Photo, Store, Summarize, Summary, Sweep, log::logged,
};

/// What the photo domain stands on. It outlives the actor's restarts: uploads go on while a fresh actor takes over.
#[derive(Clone)]
pub struct Parts {
    /// Keeps rows, owners and the list of content to delete.
    pub store: Arc<dyn Store>,
    /// Keeps bytes.
    pub content: Arc<dyn ContentStore>,
    /// The two places of them, while they are moved from the one to the other.
    pub places: Option<Both>,
    /// Decode; a pool of its own, so that pictures never delay passwords.
    pub decoders: Decoders,
    /// The memory that all pictures share while they are processed.
    pub budget: Budget,
    /// Bounds and tells apart the uploads in progress.
    pub uploads: Uploads,
    /// Tells repeated uploads from others.
    pub fingerprints: Fingerprints,
    /// Where uploads wait for their processing.
    pub staging: Staging,
    /// The read view behind [`Summarize`].
    pub summaries: Summaries,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// What may be uploaded.
    pub limits: Limits,
}

/// The photo actor.
pub struct Photos {
    parts: Arc<Parts>,
    sweeper: Arc<Sweeper>,
}

impl Photos {
    /// A photo actor. It begins to delete what is due once it is started.
    pub fn new(parts: Parts) -> Self {
        let parts = Arc::new(parts);
        Self { sweeper: Arc::new(Sweeper::new(Arc::clone(&parts))), parts }
    }
}

impl Actor for Photos {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        let sweeper = Arc::clone(&self.sweeper);
        context.spawn(async move { sweeper.run().await }.into_actor(self));
    }
}

impl Handler<Load> for Photos {
    type Result = ResponseFuture<Result<Photo, Error>>;

    fn handle(&mut self, command: Load, _: &mut Context<Self>) -> Self::Result {
        let owner = command.owner;
        let work = load::load(Arc::clone(&self.parts), Arc::clone(&self.sweeper), command);
        logged("load photo", Some(owner), |photo: Option<&Photo>| photo.map(|photo| photo.id), work)
    }
}

impl Handler<Get> for Photos {
    type Result = ResponseFuture<Result<Photo, Error>>;

    fn handle(&mut self, query: Get, _: &mut Context<Self>) -> Self::Result {
        let parts = Arc::clone(&self.parts);
        ResponseFuture::new(async move { parts.store.find(query.owner, query.photo).await?.ok_or(Error::Unknown) })
    }
}

impl Handler<List> for Photos {
    type Result = ResponseFuture<Result<Page, Error>>;

    fn handle(&mut self, query: List, _: &mut Context<Self>) -> Self::Result {
        let parts = Arc::clone(&self.parts);
        let limit = query.limit.clamp(1, List::LIMIT_MAX);
        ResponseFuture::new(async move { Ok(parts.store.list(query.owner, query.after, limit).await?) })
    }
}

impl Handler<Summarize> for Photos {
    type Result = ResponseFuture<Result<Summary, Error>>;

    fn handle(&mut self, query: Summarize, _: &mut Context<Self>) -> Self::Result {
        let parts = Arc::clone(&self.parts);
        ResponseFuture::new(async move { parts.summaries.get(query.owner).await })
    }
}

impl Handler<Open> for Photos {
    type Result = ResponseFuture<Result<Content, Error>>;

    fn handle(&mut self, query: Open, _: &mut Context<Self>) -> Self::Result {
        let parts = Arc::clone(&self.parts);
        ResponseFuture::new(async move {
            let range = query.range.unwrap_or(0..query.photo.size_of(query.rendition));
            let opened = parts.content.open(query.photo.key(query.rendition), range).await?;
            opened.map(Content).ok_or(Error::Unknown) // deleted since its row was read
        })
    }
}

impl Handler<Delete> for Photos {
    type Result = ResponseFuture<Result<(), Error>>;

    fn handle(&mut self, command: Delete, _: &mut Context<Self>) -> Self::Result {
        let (parts, sweeper) = (Arc::clone(&self.parts), Arc::clone(&self.sweeper));
        logged("delete photo", Some(command.owner), move |_| Some(command.photo), async move {
            let _stale = parts.summaries.outdate(command.owner);
            let deleted = parts.store.delete(command.owner, command.photo, parts.clock.now()).await?;
            sweeper.wake();
            if deleted { Ok(()) } else { Err(Error::Unknown) }
        })
    }
}

impl Handler<ApplyUserEvent> for Photos {
    type Result = ResponseFuture<Result<(), Error>>;

    fn handle(&mut self, event: ApplyUserEvent, _: &mut Context<Self>) -> Self::Result {
        let (parts, sweeper) = (Arc::clone(&self.parts), Arc::clone(&self.sweeper));
        logged("apply user event", event.0.subject.parse().ok(), |_| None, async move {
            let Some(change) = user_event::owner_change(&event.0)? else {
                return Ok(());
            };
            let _stale = parts.summaries.outdate(change.owner);
            parts.store.apply(event.0.id, change, parts.clock.now()).await?;
            if change.deleted {
                sweeper.wake();
            }
            Ok(())
        })
    }
}

impl Handler<Move> for Photos {
    type Result = ResponseFuture<Result<Moved, Error>>;

    fn handle(&mut self, command: Move, _: &mut Context<Self>) -> Self::Result {
        let (parts, sweeper) = (Arc::clone(&self.parts), Arc::clone(&self.sweeper));
        ResponseFuture::new(async move { mover::run(&parts, &sweeper, command).await })
    }
}

impl Handler<Sweep> for Photos {
    type Result = ResponseFuture<Result<u64, Error>>;

    fn handle(&mut self, _: Sweep, _: &mut Context<Self>) -> Self::Result {
        let sweeper = Arc::clone(&self.sweeper);
        ResponseFuture::new(async move { sweeper.sweep().await })
    }
}
