//! The threads that actors run on: one Arbiter a name, made when it is first needed and again when it has died.
//!
//! Invariant: what is given to a thread either runs there or is dropped, which its owner notices.

mod watchdog;

use std::{
    collections::HashMap,
    ffi::CString,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, ThreadId},
};

use actix::Arbiter;

pub use self::watchdog::Watchdog;
use crate::incarnation::Leash;

thread_local! {
    static OWN_ID: ThreadId = thread::current().id();
}

/// The id of this thread. The standard library counts a reference for each look at it.
pub(crate) fn own_id() -> ThreadId {
    OWN_ID.with(|id| *id)
}

/// All Arbiters of one tree.
pub(crate) struct Threads {
    state: Mutex<State>,
    watchdog: Watchdog,
}

#[derive(Default)]
struct State {
    places: HashMap<String, Place>,
    /// Blocked threads that have not come back.
    abandoned: Vec<Arbiter>,
    watched: bool,
}

/// One Arbiter and who runs on it.
struct Place {
    arbiter: Arbiter,
    tenants: Vec<Tenant>,
    /// Set by the Arbiter when it answers a ping.
    answered: Arc<AtomicBool>,
    /// Pings in a row that were not answered in time.
    missed: u32,
}

/// An actor's life on an Arbiter, and how to tell its supervisor that the Arbiter is blocked.
struct Tenant {
    leash: Weak<Leash>,
    alarm: Box<dyn Fn() + Send>,
}

impl Threads {
    pub(crate) fn new(watchdog: Watchdog) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), watchdog })
    }

    /// Runs `begin` on the thread called `name`, whose blockage is told by `alarm` for as long as `tenant` lives.
    pub(crate) fn run(
        self: &Arc<Self>,
        name: &str,
        tenant: Weak<Leash>,
        alarm: impl Fn() + Send + 'static,
        begin: impl FnOnce() + Send + 'static,
    ) {
        let mut state = self.lock();
        if !std::mem::replace(&mut state.watched, true) {
            watchdog::watch(Arc::downgrade(self), self.watchdog.tick());
        }
        let place = match state.living(name) {
            Some(place) => place,
            None => match Place::new(name) {
                Ok(place) => state.places.entry(name.to_owned()).insert_entry(place).into_mut(),
                Err(error) => {
                    tracing::error!(thread = name, %error, "cannot make a thread");
                    return; // dropping `begin` tells the supervisor
                }
            },
        };
        place.tenants.retain(|tenant| tenant.leash.strong_count() > 0);
        place.tenants.push(Tenant { leash: tenant, alarm: Box::new(alarm) });
        place.arbiter.spawn_fn(begin);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        for place in self.lock().places.values() {
            place.arbiter.stop();
        }
    }
}

impl State {
    fn living(&mut self, name: &str) -> Option<&mut Place> {
        self.places.get_mut(name).filter(|place| place.arbiter.alive())
    }
}

impl Place {
    fn new(name: &str) -> std::io::Result<Self> {
        let name = CString::new(name).unwrap_or_default();
        let arbiter = Arbiter::try_with_tokio_rt(move || {
            let _unnamed = rustix::thread::set_name(&name); // for top and gdb; it works as well without
            tokio::runtime::Builder::new_current_thread().enable_all().build()
        })?;
        Ok(Self { arbiter, tenants: Vec::new(), answered: Arc::new(AtomicBool::new(true)), missed: 0 })
    }

    /// Asks for a sign of life. True when too many were missed.
    fn ping(&mut self, missed_max: u32) -> bool {
        if !self.answered.swap(false, Ordering::AcqRel) {
            self.missed += 1;
            return self.missed >= missed_max;
        }
        self.missed = 0;
        let answered = Arc::clone(&self.answered);
        self.arbiter.spawn_fn(move || answered.store(true, Ordering::Release));
        false
    }
}
