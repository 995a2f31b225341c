//! Starts the bridges: here the courier, which carries user events to the domains of this process.

use std::sync::Arc;

use portico_bus::{Broker, Courier, Deliver, LocalBroker, Subscribers};
use portico_kernel::{Ref, Spec};

use super::{World, photo, session, user};

/// The running bridges.
pub(super) struct Domain {
    courier: Ref<Courier>,
}

/// Starts the courier over the outbox of the user domain.
pub(super) fn start(world: &World, user: &user::Domain, session: &session::Domain, photo: &photo::Domain) -> Domain {
    let subscribers = Subscribers::default()
        .with("session", session.actor.ask(), portico_session::ApplyUserEvent)
        .with("photo", photo.actor.ask(), portico_photo::ApplyUserEvent);
    let (outbox, broker) = (Arc::clone(&user.outbox), Arc::new(LocalBroker::new(subscribers)) as Arc<dyn Broker>);
    let courier = world
        .root
        .supervise(Spec::new("courier").on("bus"), move || Courier::new(Arc::clone(&outbox), Arc::clone(&broker)));
    Domain { courier }
}

impl Domain {
    /// Delivers what is in the outbox. What cannot be delivered stays there for the next start.
    pub(super) async fn flush(&self) {
        if let Err(error) = self.courier.ask().ask(Deliver).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "events are left for the next start");
        }
    }
}
