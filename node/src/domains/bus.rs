//! Starts the bridges: a courier for each way that user events go, so that none waits for another.
//!
//! The session domain is told within the process in any case, since what was ended must be refused before anything is served,
//! whatever else is away. Photo is told so too, or over a server.

#[cfg(feature = "distributed")]
mod rabbitmq;

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use portico_bus::{Broker, Courier, Deliver, LocalBroker, Subscribers, lanes};
use portico_config::{BrokerAdapter, Role};
use portico_kernel::{Outbox, Ref, Spec};

use super::{World, chain, user};
use crate::exit::Failure;

/// How often the session domain is told of what waits for it before the node gives up: one in this process,
const REVOCATIONS_TRIED: u32 = 3;
/// and one on other nodes, which may be starting as well.
const REVOCATIONS_TRIED_ELSEWHERE: u32 = 30;
/// The wait between two times.
const REVOCATIONS_RETRY: Duration = Duration::from_secs(1);
/// How long all of what waits may take: a photo database that was broken for long has left many events.
const REVOCATIONS_TIMEOUT: Duration = Duration::from_mins(10);

/// The running bridges.
pub(super) struct Domain {
    to_session: Ref<Courier>,
    to_others: Ref<Courier>,
    revocations_tried: u32,
}

/// Starts the couriers over the outbox of the user domain. Photo is told by one of them, or by a server.
pub(super) async fn start(
    world: &mut World,
    user: &user::Domain,
    sessions: &portico_session::Asks,
    photos: Option<&portico_photo::Asks>,
) -> Result<Domain, Failure> {
    let sessions =
        Subscribers::default().with("session", sessions.apply_user_event.clone(), portico_session::ApplyUserEvent);
    let sessions = match &user.apply_to_profiles {
        Some(apply) => sessions.with("profiles", apply.clone(), portico_user::ApplyUserEvent),
        None => sessions,
    };
    let (name, others) = match world.config.bus.broker.adapter {
        BrokerAdapter::Local => {
            // Without whom to tell, events would be taken for delivered.
            let photos = photos.ok_or_else(|| Failure::config("node.peers.photo: names nobody who hears of users"))?;
            ("courier-photo", Arc::new(LocalBroker::new(told(photos))) as Arc<dyn Broker>)
        }
        BrokerAdapter::Rabbitmq => ("courier-rabbitmq", Box::pin(rabbitmq::publisher(world)).await?),
    };
    let mut lanes = lanes(Arc::clone(&user.outbox), 2).into_iter();
    let mut courier = |name, broker: Arc<dyn Broker>| {
        let lane: Arc<dyn Outbox> = lanes.next().expect("there is a lane for each courier");
        let spec = Spec::new(name).on("bus");
        world.root.supervise(spec, move || Courier::new(Arc::clone(&lane), Arc::clone(&broker)))
    };
    let to_sessions = LocalBroker::new(sessions).woken_by(world.sessions_returned.clone());
    let to_session = courier("courier-session", Arc::new(to_sessions));
    let to_others = courier(name, others);
    let is_here = world.config.node.hosts(Role::Session);
    let revocations_tried = if is_here { REVOCATIONS_TRIED } else { REVOCATIONS_TRIED_ELSEWHERE };
    Ok(Domain { to_session, to_others, revocations_tried })
}

/// Has the photo domain of this process hear of users, where that comes over a server.
pub(super) fn receive(world: &mut World, photos: &portico_photo::Asks) -> Result<(), Failure> {
    match world.config.bus.broker.adapter {
        BrokerAdapter::Local => Ok(()), // the node with accounts tells it
        BrokerAdapter::Rabbitmq => rabbitmq::receiver(world, told(photos)),
    }
}

fn told(photos: &portico_photo::Asks) -> Subscribers {
    Subscribers::default().with("photo", photos.apply_user_event.clone(), portico_photo::ApplyUserEvent)
}

impl Domain {
    /// Has the session domain refuse what was revoked, as far as an earlier process did not live to tell it.
    ///
    /// # Errors
    /// The operator's: it cannot be told, so that sessions that were ended would work.
    pub(super) async fn revoke_what_waits(&self) -> Result<(), Failure> {
        let deliver = self.to_session.ask().timeout(REVOCATIONS_TIMEOUT);
        let mut failures = 0;
        while let Err(error) = deliver.ask(Deliver).await {
            failures += 1;
            if failures == self.revocations_tried {
                let error = chain(&error);
                return Err(Failure::unavailable(format!(
                    "sessions that were ended cannot be refused yet, so nothing is served: {error}; \
                     mend the databases of sessions and users, then start again"
                )));
            }
            tokio::time::sleep(REVOCATIONS_RETRY).await;
        }
        Ok(())
    }

    /// Delivers what is in the outbox. What cannot be delivered stays there for the next start.
    pub(super) async fn flush(&self) {
        for delivered in join_all([&self.to_session, &self.to_others].map(deliver_all)).await {
            if let Err(error) = delivered {
                tracing::warn!(error = &error as &dyn std::error::Error, "events are left for the next start");
            }
        }
    }
}

async fn deliver_all(courier: &Ref<Courier>) -> Result<(), portico_bus::Error> {
    courier.ask().ask(Deliver).await
}

/// What a binary without it has.
#[cfg(not(feature = "distributed"))]
mod rabbitmq {
    use std::future::Ready;

    use super::{Arc, Broker, Failure, Subscribers, World};

    pub(super) fn publisher(_: &mut World) -> Ready<Result<Arc<dyn Broker>, Failure>> {
        unreachable!("the node has seen which adapters it has")
    }

    pub(super) fn receiver(_: &mut World, _: Subscribers) -> Result<(), Failure> {
        unreachable!("the node has seen which adapters it has")
    }
}
