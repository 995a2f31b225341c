//! Bounds on rate and on work in flight.
//!
//! - [`Limits`] is shared by all workers: requests of an address ([`bound_rate`]) and of an account ([`admit_account`]),
//!   new accounts of an address ([`admit_registration`]). Each is a [`Bucket`] of its own.
//! - [`SignInGuard`] bounds how often passwords may be guessed, and never locks an owner out.
//! - [`shed_load`] refuses requests while a worker has as many in flight as it can serve, and sign-ins while as many
//!   passwords wait as the hashing threads can take.
//! - [`Standings`] tells clients what is left of their budgets.
//!
//! Invariant: whatever clients send, the memory spent on counting them is bounded, and it holds no personal data beyond
//! addresses: accounts appear as ids or as keyed hashes.

mod address;
mod bucket;
mod cells;
mod device;
mod guard;
mod in_flight;
mod standing;
mod time;
mod uploads;

use std::sync::Arc;

use actix_web::{
    HttpMessage as _, HttpRequest,
    body::BoxBody,
    dev::{ServiceRequest, ServiceResponse},
    web::{Data, ServiceConfig},
};
use portico_config::Config;
use portico_kernel::{AskError, UserId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub use self::{
    bucket::Count,
    time::{FakeTime, Time},
};
pub(crate) use self::{
    device::DEVICE_LIFETIME,
    guard::{Permit, Refused, SignInGuard},
    in_flight::{Slot, shed_load},
    uploads::UploadPlace,
};

use self::{
    address::AddressKey,
    bucket::{Bucket, Limited},
    in_flight::{InFlight, Passwords},
    standing::{Standing, Standings},
    uploads::Uploads,
};
use crate::{Problem, extract::client_address, middleware::refuse, settings::Settings};

/// How many buckets share the configured number of keys.
const BUCKETS: u64 = 7;

/// Large JSON bodies that are read at the same time: 16 MiB of the largest.
const LARGE_BODIES_MAX: usize = 256;

/// What all workers count together.
pub(crate) struct Limits {
    requests_of_address: Bucket<AddressKey>,
    requests_of_account: Bucket<UserId>,
    registrations: Bucket<AddressKey>,
    uploads: Uploads,
    large_bodies: Arc<Semaphore>,
    guard: Data<SignInGuard>,
    in_flight_max: usize,
}

impl Limits {
    /// Limits as configured, with nothing counted yet.
    pub(crate) fn new(config: &Config, settings: &Data<Settings>, time: &Time) -> Self {
        let rates = &config.gateway.rate_limits;
        let keys_max = rates.keys_max / BUCKETS;
        Self {
            requests_of_address: Bucket::new("address", rates.per_address, keys_max, time),
            requests_of_account: Bucket::new("account", rates.per_account, keys_max, time),
            registrations: Bucket::new("registration", rates.registrations_per_address, keys_max, time),
            uploads: Uploads::new(settings.uploads_max),
            large_bodies: Arc::new(Semaphore::new(LARGE_BODIES_MAX)),
            guard: Data::new(SignInGuard::new(rates, keys_max, settings, Passwords::new(&config.user.password), time)),
            in_flight_max: config.gateway.limits.in_flight_max,
        }
    }

    /// Gives an application, of which each worker has one, what the functions of this module look for.
    pub(crate) fn provide(limits: &Data<Self>, config: &mut ServiceConfig) {
        config
            .app_data(Data::clone(limits))
            .app_data(Data::clone(&limits.guard))
            .app_data(InFlight::new(limits.in_flight_max));
    }

    /// How often each limit allowed and refused since the start.
    pub(crate) fn counts(&self) -> Vec<Count> {
        let own = [self.requests_of_address.count(), self.requests_of_account.count(), self.registrations.count()];
        own.into_iter().chain(self.guard.counts()).collect()
    }

    fn of(request: &HttpRequest) -> &Data<Self> {
        request.app_data().expect("the gateway gives every application its limits")
    }
}

/// Refuses a request that does not come as far as [`bound_rate`]; it counts, and its answer tells, like any other.
pub(crate) fn refuse_counted(request: ServiceRequest, problem: &Problem) -> ServiceResponse<BoxBody> {
    let limited = bound_rate(request.request()).err();
    let mut answer = refuse(request, limited.as_ref().unwrap_or(problem));
    tell(&mut answer);
    answer
}

/// Counts a request of an address. It comes before all work.
///
/// # Errors
/// The client's: `rate_limited`.
pub(crate) fn bound_rate(request: &HttpRequest) -> Result<(), Problem> {
    let address = AddressKey::from(client_address(request));
    note(request, Limits::of(request).requests_of_address.take(address))
}

/// Tells on the answer what is left.
pub(crate) fn tell(answer: &mut ServiceResponse<BoxBody>) {
    let standings = answer.request().extensions_mut().remove::<Standings>();
    if let Some(standings) = standings {
        standings.tell(answer.headers_mut());
    }
}

/// Counts a request of a signed-in account; called by the `SignedIn` extractor once the session is known to be live.
///
/// # Errors
/// The client's: `rate_limited`.
pub(crate) fn admit_account(request: &HttpRequest, account: UserId) -> Result<(), Problem> {
    note(request, Limits::of(request).requests_of_account.take(account))
}

/// Counts a registration of an address, whether it succeeds or not: one that is refused tells that an account exists,
/// unless it is [forgiven](forgive_registration).
///
/// # Errors
/// The client's: `rate_limited`.
pub(crate) fn admit_registration(request: &HttpRequest) -> Result<(), Problem> {
    let address = AddressKey::from(client_address(request));
    note(request, Limits::of(request).registrations.take(address))
}

/// Takes a registration back that was refused before anything could be learnt from it.
pub(crate) fn forgive_registration(request: &HttpRequest) {
    Limits::of(request).registrations.give_back(AddressKey::from(client_address(request)));
}

/// Tells on the answer to `request` which budget refused it.
pub(crate) fn note_refusal(request: &HttpRequest, refused: &Refused) -> Problem {
    match refused {
        Refused::Limited(limited) => {
            stand(request, limited.standing.clone());
            limited.clone().into()
        }
        Refused::Overloaded(error) => (*error).into(),
    }
}

/// Takes one of the places of uploads that are received at the same time.
///
/// # Errors
/// The server's: `overloaded`.
pub(crate) fn admit_upload(request: &HttpRequest) -> Result<UploadPlace, Problem> {
    Ok(Limits::of(request).uploads.enter(AddressKey::from(client_address(request)))?)
}

/// Takes one of the places of large JSON bodies that are read at the same time: a crowd of slow ones would fill the memory
/// that the rates leave to a single address. Small ones, which all honest ones are, need none.
///
/// # Errors
/// The server's: `overloaded`.
pub(crate) fn admit_large_body(request: &HttpRequest) -> Result<OwnedSemaphorePermit, Problem> {
    let place = Arc::clone(&Limits::of(request).large_bodies).try_acquire_owned();
    place.map_err(|_| AskError::Overloaded.into())
}

/// Remembers where the client stands, for the answer's headers.
fn note(request: &HttpRequest, taken: Result<Standing, Limited>) -> Result<(), Problem> {
    let (standing, outcome) = match taken {
        Ok(standing) => (standing, Ok(())),
        Err(limited) => (limited.standing.clone(), Err(Problem::from(limited))),
    };
    stand(request, standing);
    outcome
}

fn stand(request: &HttpRequest, standing: Standing) {
    let mut extensions = request.extensions_mut();
    match extensions.get_mut::<Standings>() {
        Some(standings) => standings.add(standing),
        None => _ = extensions.insert(Standings::from(standing)),
    }
}
