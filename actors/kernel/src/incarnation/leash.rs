//! How a supervisor reaches one life of an actor.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    task::Waker,
};

/// What a life is told to do. Each is stronger than the ones before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Order {
    /// Go on.
    Run,
    /// Finish what was accepted, then stop.
    Drain,
    /// Stop now: `stopping` and `stopped` run.
    Stop,
    /// Vanish: nothing of the actor runs any more but its `Drop`.
    Kill,
}

/// One life's orders and waker. A new life gets a new leash, so that an old one never hears what is meant for it.
#[derive(Debug, Default)]
pub(crate) struct Leash {
    order: AtomicU8,
    waker: Mutex<Option<Waker>>,
}

impl Leash {
    pub(crate) fn order(&self) -> Order {
        match self.order.load(Ordering::Acquire) {
            0 => Order::Run,
            1 => Order::Drain,
            2 => Order::Stop,
            _ => Order::Kill,
        }
    }

    /// Gives an order; a weaker one than before changes nothing.
    pub(crate) fn give(&self, order: Order) {
        self.order.fetch_max(order as u8, Ordering::AcqRel);
        let waker = self.waker().clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// From now on each order wakes `waker`. Look at [`Self::order`] afterwards: one may have come before.
    pub(crate) fn register(&self, waker: Waker) {
        *self.waker() = Some(waker);
    }

    fn waker(&self) -> MutexGuard<'_, Option<Waker>> {
        self.waker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
