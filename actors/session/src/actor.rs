//! Sessions: who is signed in, from where, and until when.
//!
//! Invariant: a revocation is committed, and gone from the view, before it answers; a raised epoch counts even when the
//! store could not be told. The store arbitrates between concurrent commands; the actor keeps nothing that its restart
//! could lose.

mod ports;

use std::{sync::Arc, time::Duration};

use actix::{Actor, ActorFutureExt as _, AsyncContext as _, Context, Handler, WrapFuture as _};
use portico_kernel::{Clock, Event, ResponseFuture, UserId};
use serde::Deserialize;

use self::ports::Ports;
use crate::{
    ApplyUserEvent, Create, Delete, DeleteOthers, EnsureRevocable, Epoch, Error, Limits, List, Live, Opened,
    RaiseEpoch, Rotate, Session, Store, Validate, View, log::logged,
};

/// How often expired sessions are purged.
pub const PURGE_INTERVAL: Duration = Duration::from_mins(1);
/// The most sessions that one transaction of a purge deletes.
pub const PURGE_BATCH: u32 = 500;
/// The most transactions of one purge; what is left waits for the next.
const PURGE_ROUNDS: u32 = 100;
/// The most uses that are being written down at the same time; further ones wait for the session's next use.
const TOUCHES_MAX: usize = 64;

/// The actor that answers every message of this domain.
pub struct Sessions {
    ports: Ports,
    purging: bool,
}

impl Sessions {
    /// Serves the sessions of `store` and publishes those in use in `view`, which every instance over the same store
    /// must share.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, limits: Limits, view: View) -> Self {
        Self { ports: Ports::new(store, clock, limits, view), purging: false }
    }

    fn purge(&mut self, context: &mut Context<Self>) {
        if !std::mem::replace(&mut self.purging, true) {
            let ports = self.ports.clone();
            let purge = async move { ports.purge().await };
            context.spawn(purge.into_actor(self).map(|(), actor, _| actor.purging = false));
        }
    }
}

impl Actor for Sessions {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.run_interval(PURGE_INTERVAL, Self::purge);
    }
}

impl Handler<Create> for Sessions {
    type Result = ResponseFuture<Result<Opened, Error>>;

    fn handle(&mut self, create: Create, _: &mut Context<Self>) -> Self::Result {
        let ports = self.ports.clone();
        logged("create session", Some(create.user), async move { ports.create(create).await })
    }
}

impl Handler<Validate> for Sessions {
    type Result = ResponseFuture<Result<Live, Error>>;

    fn handle(&mut self, validate: Validate, _: &mut Context<Self>) -> Self::Result {
        let ports = self.ports.clone();
        ResponseFuture::new(async move { ports.validate(validate.token.hash()).await })
    }
}

impl Handler<Delete> for Sessions {
    type Result = ResponseFuture<Result<(), Error>>;

    fn handle(&mut self, delete: Delete, _: &mut Context<Self>) -> Self::Result {
        let ports = self.ports.clone();
        logged("delete session", Some(delete.user), async move {
            let _revoking = ports.view.revoking(delete.user);
            let existed = ports.store.delete(delete.user, delete.session).await?;
            if existed { Ok(()) } else { Err(Error::Unknown) }
        })
    }
}

impl Handler<List> for Sessions {
    type Result = ResponseFuture<Result<Vec<Session>, Error>>;

    fn handle(&mut self, list: List, _: &mut Context<Self>) -> Self::Result {
        let ports = self.ports.clone();
        ResponseFuture::new(async move { ports.list(list.user).await })
    }
}

impl Handler<DeleteOthers> for Sessions {
    type Result = ResponseFuture<Result<(), Error>>;

    fn handle(&mut self, others: DeleteOthers, _: &mut Context<Self>) -> Self::Result {
        let ports = self.ports.clone();
        logged("delete other sessions", Some(others.user), async move {
            let _revoking = ports.view.revoking(others.user);
            Ok(ports.store.delete_others(others.user, others.keep).await?)
        })
    }
}

impl Handler<EnsureRevocable> for Sessions {
    type Result = Result<(), Error>;

    fn handle(&mut self, EnsureRevocable { user }: EnsureRevocable, _: &mut Context<Self>) -> Self::Result {
        if self.ports.view.has_room(user) { Ok(()) } else { Err(Error::Full) }
    }
}

impl Handler<RaiseEpoch> for Sessions {
    type Result = ResponseFuture<Result<(), Error>>;

    fn handle(&mut self, raise: RaiseEpoch, _: &mut Context<Self>) -> Self::Result {
        let ports = self.ports.clone();
        logged("raise epoch", Some(raise.user), async move { ports.raise_epoch(raise.user, raise.epoch).await })
    }
}

impl Handler<Rotate> for Sessions {
    type Result = ResponseFuture<Result<Opened, Error>>;

    fn handle(&mut self, rotate: Rotate, _: &mut Context<Self>) -> Self::Result {
        let ports = self.ports.clone();
        logged("rotate session", Some(rotate.user), async move { ports.rotate(rotate).await })
    }
}

impl Handler<ApplyUserEvent> for Sessions {
    type Result = ResponseFuture<Result<(), Error>>;

    fn handle(&mut self, ApplyUserEvent(event): ApplyUserEvent, _: &mut Context<Self>) -> Self::Result {
        let ports = self.ports.clone();
        logged("apply user event", event.subject.parse().ok(), async move {
            match Credentials::of(event)? {
                Some(changed) => ports.raise_epoch(changed.user_id, changed.epoch).await,
                None => Ok(()),
            }
        })
    }
}

/// What a user event says of the user's credentials; the rest of its data is other domains' concern.
#[derive(Deserialize)]
struct Credentials {
    user_id: UserId,
    epoch: Epoch,
}

impl Credentials {
    /// None for an event that ends no session.
    fn of(event: Event) -> Result<Option<Self>, Error> {
        match event.kind.as_str() {
            "user.updated" | "user.deleted" => serde_json::from_value(event.data).map(Some).map_err(Error::BadEvent),
            _ => Ok(None),
        }
    }
}
