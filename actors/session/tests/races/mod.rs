//! Readings and ends of a session that overlap, in an order that the test chooses.

use std::sync::Arc;

use portico_kernel::UserId;
use portico_session::*;
use time::Duration;

use crate::support::{PER_USER_MAX, World, world};

/// Every way in which a session ends before its time.
#[derive(Debug, Clone, Copy)]
enum End {
    Delete,
    DeleteOthers,
    RaiseEpoch,
    Rotate,
    TooMany,
}

impl End {
    const ALL: [Self; 5] = [Self::Delete, Self::DeleteOthers, Self::RaiseEpoch, Self::Rotate, Self::TooMany];

    /// Ends a session in this way.
    async fn of(self, world: &World, session: &Session) {
        let (user, client) = (session.user, ClientInfo::default());
        match self {
            Self::Delete => world.ask(Delete { user, session: session.id }).await.unwrap(),
            Self::DeleteOthers => world.ask(DeleteOthers { user, keep: SessionId::new() }).await.unwrap(),
            Self::RaiseEpoch => world.ask(RaiseEpoch { user, epoch: 2 }).await.unwrap(),
            Self::Rotate => drop(world.ask(Rotate { user, epoch: 2, client }).await.unwrap()),
            Self::TooMany => {
                for _ in 0..PER_USER_MAX {
                    world.open(user, 1).await;
                }
            }
        }
    }
}

#[actix::test]
async fn a_reading_that_an_end_overtakes_does_not_bring_the_session_back() {
    for end in End::ALL {
        let world = world();
        let opened = world.open(UserId::new(), 1).await;
        world.clock.advance(Duration::HOUR);
        let held = world.store.hold_next_find();
        let validate = world.validate.clone();
        let token = opened.token.clone();
        let reading = actix::spawn(async move { validate.ask(Validate { token }).await });
        held.has_read.await.unwrap();

        end.of(&world, &opened.session).await;
        held.release.send(()).unwrap();
        reading.await.unwrap().expect("it was asked before the end");

        assert!(!world.is_live(&opened).await, "{end:?}");
    }
}

#[actix::test]
async fn a_session_that_is_in_the_view_is_refused_when_its_end_is_answered() {
    for end in End::ALL {
        let world = world();
        let opened = world.open(UserId::new(), 1).await;
        let before = world.is_live(&opened).await;
        world.clock.advance(Duration::SECOND); // those that are opened later are later

        end.of(&world, &opened.session).await;

        assert!(before && !world.is_live(&opened).await, "{end:?}");
    }
}

#[actix::test]
async fn a_session_is_refused_while_its_epoch_is_still_being_raised() {
    for end in [End::RaiseEpoch, End::Rotate] {
        let world = Arc::new(world());
        let opened = world.open(UserId::new(), 1).await;
        let held = world.store.hold_next_raise();
        let raising = actix::spawn({
            let (world, session) = (Arc::clone(&world), opened.session.clone());
            async move { end.of(&world, &session).await }
        });
        held.has_read.await.unwrap();

        let meanwhile = world.is_live(&opened).await;
        held.release.send(()).unwrap();
        raising.await.unwrap();

        assert!(!meanwhile, "{end:?}");
    }
}

#[actix::test]
async fn a_reading_that_begins_while_an_epoch_is_raised_is_dead_when_it_comes_after_the_answer() {
    for end in [End::RaiseEpoch, End::Rotate] {
        let world = Arc::new(world());
        let opened = world.open(UserId::new(), 1).await;
        world.clock.advance(Duration::HOUR); // so that the store is asked
        let raise = world.store.hold_next_raise();
        let raising = actix::spawn({
            let (world, session) = (Arc::clone(&world), opened.session.clone());
            async move { end.of(&world, &session).await }
        });
        raise.has_read.await.unwrap();
        let find = world.store.hold_next_find();
        let (validate, token) = (world.validate.clone(), opened.token.clone());
        let reading = actix::spawn(async move { validate.ask(Validate { token }).await });
        find.has_read.await.unwrap();

        raise.release.send(()).unwrap();
        raising.await.unwrap();
        find.release.send(()).unwrap();
        let _begun_before_the_answer = reading.await.unwrap();

        assert!(!world.is_live(&opened).await, "{end:?}");
    }
}
