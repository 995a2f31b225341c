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

/// The connections of one server, and the calls on them.
pub(super) struct Quotas {
    limits: Limits,
    connections: Arc<Semaphore>,
    /// Some may stand here still that have none left.
    by_address: Mutex<HashMap<IpAddr, Weak<AddressQuota>>>,
}

/// What one address may have.
#[derive(Debug)]
pub(super) struct AddressQuota {
    connections: Arc<Semaphore>,
    calls: Arc<Semaphore>,
}

/// A connection's permit; free again when this is dropped.
pub(super) struct ConnectionPermit {
    pub(super) quota: Arc<AddressQuota>,
    _of_all: OwnedSemaphorePermit,
    _of_address: OwnedSemaphorePermit,
}

/// A call's permit; free again when this is dropped.
pub(super) type CallPermit = OwnedSemaphorePermit;

impl Quotas {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, connections: Arc::new(Semaphore::new(limits.connections_max)), by_address: Mutex::default() }
    }

    /// A permit for one more connection from `address`.
    ///
    /// # Errors
    /// There is none; why not.
    pub(super) fn connect(&self, address: IpAddr) -> Result<ConnectionPermit, &'static str> {
        let quota = self.quota(address);
        let of_address = Arc::clone(&quota.connections).try_acquire_owned().map_err(|_| "its address has its share")?;
        let of_all = Arc::clone(&self.connections).try_acquire_owned().map_err(|_| "there are too many connections")?;
        Ok(ConnectionPermit { quota, _of_all: of_all, _of_address: of_address })
    }

    fn quota(&self, address: IpAddr) -> Arc<AddressQuota> {
        let mut by_address = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(quota) = by_address.get(&address).and_then(Weak::upgrade) {
            return quota;
        }
        if by_address.len() > self.limits.connections_max {
            by_address.retain(|_, quota| quota.strong_count() > 0); // no more are left than there are connections
        }
        let connections = Arc::new(Semaphore::new(self.limits.connections_per_address_max));
        let calls = Arc::new(Semaphore::new(self.limits.calls_per_address_max));
        let quota = Arc::new(AddressQuota { connections, calls });
        by_address.insert(address, Arc::downgrade(&quota));
        quota
    }
}

impl AddressQuota {
    /// A permit for one more call; none if the address has its share.
    pub(super) fn begin(&self) -> Option<CallPermit> {
        Arc::clone(&self.calls).try_acquire_owned().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 2));
    const BOB: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 3));

    fn quotas(connections_max: usize) -> Quotas {
        let shares = Limits { connections_per_address_max: 2, calls_per_address_max: 3, ..Limits::default() };
        Quotas::new(Limits { connections_max, ..shares })
    }

    #[test]
    fn an_address_has_its_share_of_the_connections_and_leaves_the_rest_to_others() {
        let quotas = quotas(10);
        let permits = [quotas.connect(ANN), quotas.connect(ANN)];

        assert!(permits.iter().all(Result::is_ok));
        assert!(quotas.connect(ANN).is_err());
        assert!(quotas.connect(BOB).is_ok());

        drop(permits);
        assert!(quotas.connect(ANN).is_ok());
    }

    #[test]
    fn all_of_them_together_have_no_more_than_there_is() {
        let quotas = quotas(1);
        let only = quotas.connect(ANN);

        assert!(quotas.connect(BOB).is_err());

        drop(only);
        assert!(quotas.connect(BOB).is_ok());
    }

    #[test]
    fn calls_of_one_address_are_bounded_over_all_its_connections() {
        let quotas = quotas(10);
        let (Ok(one), Ok(other)) = (quotas.connect(ANN), quotas.connect(ANN)) else { panic!("there is room") };

        let calls = [one.quota.begin(), one.quota.begin(), other.quota.begin()];
        assert!(calls.iter().all(Option::is_some));
        assert!(one.quota.begin().is_none() && other.quota.begin().is_none());

        drop(calls);
        assert!(other.quota.begin().is_some());
    }

    #[test]
    fn addresses_that_are_gone_are_forgotten() {
        let quotas = quotas(10);

        for last in 0..100 {
            assert!(quotas.connect(IpAddr::from([127, 0, 1, last])).is_ok());
        }

        assert!(quotas.by_address.lock().unwrap().len() <= 11);
    }
}
