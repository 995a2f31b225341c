//! Users: who may sign in, and under which e-mail address.
//!
//! Invariant: what the store committed decides. An address names at most one user, a change applies to the version it
//! was decided on, and an idempotency key has one effect; the actor only tells repeats that race each other apart.
//! Sessions follow in the same call where they can, and by the event in the outbox where they could not.

mod credentials;
mod register;
mod sign_in;
mod update;

use std::{sync::Arc, time::Duration};

use actix::{Actor, ActorFutureExt as _, AsyncContext as _, Context, Handler, WrapFuture as _};
use portico_kernel::{Ask, Clock, IDEMPOTENCY_KEPT, ResponseFuture, UserId};
use portico_session as session;

use self::register::Claims;
use crate::{
    Authenticate, DeleteAccount, Error, GetUser, Hasher, Import, Imported, Password, PasswordPolicy, Profiles,
    Register, ResetPassword, SignOut, SignedIn, Store, UpdateAccount, Updated, User, log::logged,
};

/// How often idempotency keys that are past their time are forgotten.
pub const PURGE_INTERVAL: Duration = Duration::from_hours(1);
/// How often a change is decided anew when another one was quicker.
const ATTEMPTS_MAX: usize = 5;

/// What the actor stands on; shared with the work of each message, so that messages are served concurrently.
#[derive(Clone)]
pub struct Ports {
    /// Where accounts are kept.
    pub store: Arc<dyn Store>,
    /// Opens a session at registration and sign-in.
    pub create: Ask<session::Create>,
    /// Ends all sessions of changed credentials and opens the one that replaces the changer's.
    pub rotate: Ask<session::Rotate>,
    /// Makes sure, before credentials change, that the sessions under the old ones can be ended.
    pub ensure_revocable: Ask<session::EnsureRevocable>,
    /// Ends all sessions of a deleted or reset account.
    pub raise_epoch: Ask<session::RaiseEpoch>,
    /// Ends a session that was opened in vain, before anybody holds its token.
    pub delete: Ask<session::Delete>,
    /// Hashes and verifies passwords.
    pub hasher: Hasher,
    /// Which passwords may be chosen.
    pub policy: PasswordPolicy,
    /// Where the users are published that were asked for lately; every instance over the same store shares it.
    pub profiles: Profiles,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
}

/// The actor that answers every message of this domain.
pub struct Users {
    ports: Ports,
    claims: Claims,
    purging: bool,
}

impl Users {
    /// Serves the accounts of `ports.store`.
    pub fn new(ports: Ports) -> Self {
        Self { ports, claims: Claims::default(), purging: false }
    }

    fn purge(&mut self, context: &mut Context<Self>) {
        if !std::mem::replace(&mut self.purging, true) {
            let ports = self.ports.clone();
            let purge = async move { ports.purge().await };
            context.spawn(purge.into_actor(self).map(|(), actor, _| actor.purging = false));
        }
    }
}

impl Actor for Users {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        self.purge(context); // a node that never runs for an hour purges too
        context.run_interval(PURGE_INTERVAL, Self::purge);
    }
}

impl Handler<Register> for Users {
    type Result = ResponseFuture<Result<SignedIn, Error>>;

    fn handle(&mut self, register: Register, _: &mut Context<Self>) -> Self::Result {
        let (ports, claim) = (self.ports.clone(), self.claims.claim(register.idempotency.as_ref()));
        let whom = |signed_in: Option<&SignedIn>| signed_in.map(|signed_in| signed_in.user.id);
        logged("register", whom, async move {
            let _claim = claim?;
            ports.register(register).await
        })
    }
}

impl Handler<Authenticate> for Users {
    type Result = ResponseFuture<Result<SignedIn, Error>>;

    fn handle(&mut self, authenticate: Authenticate, _: &mut Context<Self>) -> Self::Result {
        let ports = self.ports.clone();
        let whom = |signed_in: Option<&SignedIn>| signed_in.map(|signed_in| signed_in.user.id);
        logged("authenticate", whom, async move { ports.authenticate(authenticate).await })
    }
}

impl Handler<DeleteAccount> for Users {
    type Result = ResponseFuture<Result<(), Error>>;

    fn handle(&mut self, delete: DeleteAccount, _: &mut Context<Self>) -> Self::Result {
        let (ports, user) = (self.ports.clone(), delete.user);
        logged("delete account", move |_| Some(user), async move { ports.delete(delete).await })
    }
}

impl Handler<UpdateAccount> for Users {
    type Result = ResponseFuture<Result<Updated, Error>>;

    fn handle(&mut self, update: UpdateAccount, _: &mut Context<Self>) -> Self::Result {
        let (ports, user) = (self.ports.clone(), update.user);
        logged("update account", move |_| Some(user), async move { ports.update(update).await })
    }
}

impl Handler<GetUser> for Users {
    type Result = ResponseFuture<Result<User, Error>>;

    fn handle(&mut self, get: GetUser, _: &mut Context<Self>) -> Self::Result {
        let ports = self.ports.clone();
        ResponseFuture::new(async move { ports.get(get.id).await })
    }
}

impl Handler<ResetPassword> for Users {
    type Result = ResponseFuture<Result<Password, Error>>;

    fn handle(&mut self, reset: ResetPassword, _: &mut Context<Self>) -> Self::Result {
        let ports = self.ports.clone();
        logged("reset password", |_| None, async move { ports.reset_password(&reset.email).await })
    }
}

impl Handler<SignOut> for Users {
    type Result = ResponseFuture<Result<UserId, Error>>;

    fn handle(&mut self, sign_out: SignOut, _: &mut Context<Self>) -> Self::Result {
        let ports = self.ports.clone();
        let whom = |user: Option<&UserId>| user.copied();
        logged("sign out", whom, async move { ports.end_sessions(&sign_out.email, None).await })
    }
}

impl Handler<Import> for Users {
    type Result = ResponseFuture<Result<Vec<Imported>, Error>>;

    fn handle(&mut self, import: Import, _: &mut Context<Self>) -> Self::Result {
        let ports = self.ports.clone();
        logged("import accounts", |_| None, async move { ports.import(import.users).await })
    }
}

impl Ports {
    async fn get(&self, id: UserId) -> Result<User, Error> {
        if let Some(answer) = self.profiles.get(id) {
            return answer;
        }
        let reading = self.profiles.reading(id);
        if let Some(answer) = self.profiles.find(id, reading).await {
            return answer;
        }
        let user = self.store.find(id).await?.ok_or(Error::Unknown)?.user;
        self.profiles.keep(&user, reading).await;
        Ok(user)
    }

    async fn purge(&self) {
        match self.store.purge(self.clock.now() - IDEMPOTENCY_KEPT).await {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "idempotency keys purged"),
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "idempotency keys not purged");
            }
        }
    }
}
