//! How much of the server is taken, and by whom.
//!
//! Invariant: no address has more than its share of the connections, nor of the calls on them; so a stranger that holds
//! all it can get, or a peer that is broken, leaves room for the others.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Limits;

/// The seats of one server.
pub(super) struct Room {
    limits: Limits,
    seats: Arc<Semaphore>,
    /// Of addresses that have none left some may stand here still.
    shares: Mutex<HashMap<IpAddr, Weak<Share>>>,
}

/// What one address may have.
#[derive(Debug)]
pub(super) struct Share {
    seats: Arc<Semaphore>,
    calls: Arc<Semaphore>,
}

/// A connection's place; free again when this is dropped.
pub(super) struct Seat {
    pub(super) share: Arc<Share>,
    _of_all: OwnedSemaphorePermit,
    _of_share: OwnedSemaphorePermit,
}

/// A call's place; free again when this is dropped.
pub(super) type Place = OwnedSemaphorePermit;

impl Room {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, seats: Arc::new(Semaphore::new(limits.connections_max)), shares: Mutex::default() }
    }

    /// A seat for one more connection from `address`.
    ///
    /// # Errors
    /// There is none; why not.
    pub(super) fn enter(&self, address: IpAddr) -> Result<Seat, &'static str> {
        let share = self.share(address);
        let of_share = Arc::clone(&share.seats).try_acquire_owned().map_err(|_| "its address has its share")?;
        let of_all = Arc::clone(&self.seats).try_acquire_owned().map_err(|_| "there are too many connections")?;
        Ok(Seat { share, _of_all: of_all, _of_share: of_share })
    }

    fn share(&self, address: IpAddr) -> Arc<Share> {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = shares.get(&address).and_then(Weak::upgrade) {
            return share;
        }
        if shares.len() > self.limits.connections_max {
            shares.retain(|_, share| share.strong_count() > 0); // no more are left than there are connections
        }
        let seats = Arc::new(Semaphore::new(self.limits.connections_per_address_max));
        let calls = Arc::new(Semaphore::new(self.limits.calls_per_address_max));
        let share = Arc::new(Share { seats, calls });
        shares.insert(address, Arc::downgrade(&share));
        share
    }
}

impl Share {
    /// A place for one more call; none if the address has its share.
    pub(super) fn begin(&self) -> Option<Place> {
        Arc::clone(&self.calls).try_acquire_owned().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 2));
    const BOB: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 3));

    fn room(connections_max: usize) -> Room {
        let shares = Limits { connections_per_address_max: 2, calls_per_address_max: 3, ..Limits::default() };
        Room::new(Limits { connections_max, ..shares })
    }

    #[test]
    fn an_address_has_its_share_of_the_connections_and_leaves_the_rest_to_others() {
        let room = room(10);
        let seats = [room.enter(ANN), room.enter(ANN)];

        assert!(seats.iter().all(Result::is_ok));
        assert!(room.enter(ANN).is_err());
        assert!(room.enter(BOB).is_ok());

        drop(seats);
        assert!(room.enter(ANN).is_ok());
    }

    #[test]
    fn all_of_them_together_have_no_more_than_there_is() {
        let room = room(1);
        let seat = room.enter(ANN);

        assert!(room.enter(BOB).is_err());

        drop(seat);
        assert!(room.enter(BOB).is_ok());
    }

    #[test]
    fn calls_of_one_address_are_bounded_over_all_its_connections() {
        let room = room(10);
        let (Ok(one), Ok(other)) = (room.enter(ANN), room.enter(ANN)) else { panic!("there is room") };

        let places = [one.share.begin(), one.share.begin(), other.share.begin()];
        assert!(places.iter().all(Option::is_some));
        assert!(one.share.begin().is_none() && other.share.begin().is_none());

        drop(places);
        assert!(other.share.begin().is_some());
    }

    #[test]
    fn addresses_that_are_gone_are_forgotten() {
        let room = room(10);

        for last in 0..100 {
            assert!(room.enter(IpAddr::from([127, 0, 1, last])).is_ok());
        }

        assert!(room.shares.lock().unwrap().len() <= 11);
    }
}
