//! Sheds load before it queues up: 503 with `Retry-After`, before the body is read.
//!
//! Invariant: a request counts as in flight from its body's last byte to its answer's head, so that slow clients occupy
//! nothing; connections and uploads have bounds of their own. Passwords, the one kind of work that costs milliseconds of
//! CPU, have a smaller bound, so that a storm of sign-ins is refused while everything else is served.

use std::{
    cell::Cell,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::Poll,
    thread,
};

use actix_web::{
    HttpMessage as _,
    dev::{Payload, ServiceRequest},
    http::Method,
    web::Data,
};
use futures_util::{StreamExt as _, stream};
use portico_config::Password;
use portico_kernel::AskError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{SignInGuard, bucket::Count};
use crate::Problem;

/// Where a password is presented before anybody is signed in.
const SIGN_IN_PATHS: [&str; 2] = ["/auth", "/reg"];

/// Refuses a request that the worker could not serve in time; else it is in flight from its body's last byte, at once if
/// there is none, until what this answers is dropped.
///
/// # Errors
/// The server's: `overloaded`.
pub(crate) fn shed_load(request: &mut ServiceRequest) -> Result<Slot, Problem> {
    let in_flight: &Rc<InFlight> = request.app_data().expect("the gateway gives every worker its count");
    if in_flight.is_full() || is_shed_sign_in(request) {
        return Err(AskError::Overloaded.into());
    }
    let slot = Slot(Rc::new(Place { in_flight: Rc::clone(in_flight), entered: Cell::new(false) }));
    enter_with_body(request, &slot.0);
    Ok(slot)
}

fn is_shed_sign_in(request: &ServiceRequest) -> bool {
    let guard: &Data<SignInGuard> = request.app_data().expect("the gateway gives every application its guard");
    request.method() == Method::POST && SIGN_IN_PATHS.contains(&request.path()) && !guard.has_room()
}

fn enter_with_body(request: &mut ServiceRequest, place: &Rc<Place>) {
    place.enter();
    let payload = request.take_payload();
    if matches!(payload, Payload::None) {
        return;
    }
    let (waiting, place) = (Rc::clone(place), Rc::clone(place));
    let at_begin = stream::poll_fn(move |_| {
        waiting.leave(); // it is the client's turn
        Poll::Ready(None)
    });
    let at_end = stream::poll_fn(move |_| {
        place.enter();
        Poll::Ready(None)
    });
    request.set_payload(Payload::Stream { payload: Box::pin(at_begin.chain(payload).chain(at_end)) });
}

/// The requests that one worker has in flight.
pub(super) struct InFlight {
    count: Cell<usize>,
    max: usize,
}

impl InFlight {
    pub(super) fn new(max: usize) -> Rc<Self> {
        Rc::new(Self { count: Cell::new(0), max })
    }

    fn is_full(&self) -> bool {
        self.count.get() >= self.max
    }
}

/// A request's hold on its place among those in flight.
pub(crate) struct Slot(Rc<Place>);

struct Place {
    in_flight: Rc<InFlight>,
    entered: Cell<bool>,
}

impl Place {
    fn enter(&self) {
        if !self.entered.replace(true) {
            self.in_flight.count.update(|count| count + 1);
        }
    }

    fn leave(&self) {
        if self.entered.replace(false) {
            self.in_flight.count.update(|count| count - 1);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.leave();
    }
}

/// The passwords that are verified, or wait for it, at the same time: as many as the hashing threads and their queue take.
pub(super) struct Passwords {
    places: Arc<Semaphore>,
    allowed: AtomicU64,
    limited: AtomicU64,
}

impl Passwords {
    pub(super) fn new(password: &Password) -> Self {
        let threads = password.hash_threads.or_else(|| thread::available_parallelism().ok()).map_or(1, Into::into);
        let places = password.hash_queue_max.saturating_add(threads).min(Semaphore::MAX_PERMITS);
        Self { places: Arc::new(Semaphore::new(places)), allowed: AtomicU64::new(0), limited: AtomicU64::new(0) }
    }

    pub(super) fn has_room(&self) -> bool {
        let has_room = self.places.available_permits() > 0;
        if !has_room {
            self.limited.fetch_add(1, Ordering::Relaxed);
        }
        has_room
    }

    /// Takes a place.
    ///
    /// # Errors
    /// The server's: all are taken.
    pub(super) fn enter(&self) -> Result<OwnedSemaphorePermit, AskError> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| AskError::Overloaded);
        let count = if place.is_ok() { &self.allowed } else { &self.limited };
        count.fetch_add(1, Ordering::Relaxed);
        place
    }

    pub(super) fn count(&self) -> Count {
        Count {
            limit: "passwords",
            allowed: self.allowed.load(Ordering::Relaxed),
            limited: self.limited.load(Ordering::Relaxed),
        }
    }
}
