//! Starts the bridges: here a courier for each domain that must know of user events, so that none waits for another.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use portico_bus::{Broker, Courier, Deliver, LocalBroker, Subscribers, lanes};
use portico_kernel::{Outbox, Ref, Spec, Supervisor};

use super::{chain, photo, session, user};
use crate::exit::Failure;

/// How often the session domain is told of what waits for it before the node gives up.
const REVOCATIONS_TRIED: u32 = 3;
/// The wait between two times.
const REVOCATIONS_RETRY: Duration = Duration::from_secs(1);
/// How long all of what waits may take: a photo database that was broken for long has left many events.
const REVOCATIONS_TIMEOUT: Duration = Duration::from_mins(10);

/// The running bridges.
pub(super) struct Domain {
    session: Ref<Courier>,
    photo: Ref<Courier>,
}

/// Starts the couriers over the outbox of the user domain.
pub(super) fn start(
    root: &Supervisor,
    user: &user::Domain,
    session: &session::Domain,
    photo: &photo::Domain,
) -> Domain {
    let mut lanes = lanes(Arc::clone(&user.outbox), 2).into_iter();
    let mut courier = |name, subscribers| {
        let lane: Arc<dyn Outbox> = lanes.next().expect("there is a lane for each courier");
        let broker = Arc::new(LocalBroker::new(subscribers)) as Arc<dyn Broker>;
        let spec = Spec::new(name).on("bus");
        root.supervise(spec, move || Courier::new(Arc::clone(&lane), Arc::clone(&broker)))
    };
    let of = Subscribers::default;
    Domain {
        session: courier("courier-session", of().with("session", session.actor.ask(), portico_session::ApplyUserEvent)),
        photo: courier("courier-photo", of().with("photo", photo.actor.ask(), portico_photo::ApplyUserEvent)),
    }
}

impl Domain {
    /// Has the session domain refuse what was revoked, as far as an earlier process did not live to tell it.
    ///
    /// # Errors
    /// The operator's: it cannot be told, so that sessions that were ended would work.
    pub(super) async fn revoke_what_waits(&self) -> Result<(), Failure> {
        let deliver = self.session.ask().timeout(REVOCATIONS_TIMEOUT);
        let mut failures = 0;
        while let Err(error) = deliver.ask(Deliver).await {
            failures += 1;
            if failures == REVOCATIONS_TRIED {
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
        for delivered in join_all([&self.session, &self.photo].map(deliver_all)).await {
            if let Err(error) = delivered {
                tracing::warn!(error = &error as &dyn std::error::Error, "events are left for the next start");
            }
        }
    }
}

async fn deliver_all(courier: &Ref<Courier>) -> Result<(), portico_bus::Error> {
    courier.ask().ask(Deliver).await
}
