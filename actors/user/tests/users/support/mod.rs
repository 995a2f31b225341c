//! A user domain with a store, a session ledger and a clock in memory.

mod ledger;
mod memory;

use std::sync::Arc;

use actix::{Handler, Message};
use portico_kernel::{
    Ask, Idempotency, IdempotencyKey, Pool, Ref, Tracked, UserId,
    testkit::{ManualClock, supervise},
};
use portico_session::ClientInfo;
use portico_user::*;

pub(crate) use self::{ledger::Ledger, memory::Memory};

/// The cheapest parameters that argon2 takes.
pub(crate) const CHEAP: HashParams = HashParams { memory_kib: 8, iterations: 1, parallelism: 1 };
pub(crate) const EMAIL: &str = "ann@example.com";
pub(crate) const PASSWORD: &str = "tide pool lantern";
pub(crate) const NEW_PASSWORD: &str = "harbour of glass";

/// The actor under test with what stands around it.
pub(crate) struct World {
    pub(crate) actor: Ref<Users>,
    pub(crate) store: Arc<Memory>,
    pub(crate) sessions: Arc<Ledger>,
    pub(crate) clock: ManualClock,
    pub(crate) ports: Ports,
    pub(crate) get_user: Ask<GetUser>,
}

pub(crate) fn world() -> World {
    let (store, sessions) = (Arc::new(Memory::default()), Arc::new(Ledger::default()));
    let clock = ManualClock::default();
    let profiles = Profiles::new(1_000);
    let ports = Ports {
        store: store.clone(),
        create: sessions.create(),
        rotate: sessions.rotate(),
        ensure_revocable: sessions.ensure_revocable(),
        raise_epoch: sessions.raise_epoch(),
        delete: sessions.delete(),
        hasher: hasher(),
        policy: PasswordPolicy::default(),
        profiles: profiles.clone(),
        clock: Arc::new(clock.clone()),
    };
    let actor = start(&ports);
    let get_user = Profiles::reader(profiles, actor.ask());
    World { actor, store, sessions, clock, ports, get_user }
}

/// One more actor over the same ports.
pub(crate) fn start(ports: &Ports) -> Ref<Users> {
    let ports = ports.clone();
    supervise(move || Users::new(ports.clone()))
}

pub(crate) fn hasher() -> Hasher {
    Hasher::new(CHEAP, Pool::new("hash", 2, 100)).unwrap()
}

impl World {
    /// Asks the actor.
    pub(crate) async fn ask<M, T>(&self, message: M) -> Result<T, Error>
    where
        M: Message<Result = Result<T, Error>> + Send + 'static,
        T: Send + 'static,
        Users: Handler<M>,
        <Users as Handler<M>>::Result: Tracked,
    {
        self.actor.ask().ask(message).await
    }

    /// Registers Ann.
    pub(crate) async fn ann(&self) -> SignedIn {
        self.ask(register(EMAIL)).await.unwrap()
    }

    pub(crate) async fn sign_in(&self, email: &str, password: &str) -> Result<SignedIn, Error> {
        self.ask(authenticate(email, password)).await
    }

    pub(crate) fn is_live(&self, signed_in: &SignedIn) -> bool {
        self.sessions.is_live(signed_in.opened.session.id)
    }
}

pub(crate) fn register(email: &str) -> Register {
    Register {
        name: name("Ann"),
        email: address(email),
        password: password(PASSWORD),
        client: ClientInfo::default(),
        idempotency: None,
    }
}

/// A registration under `key`, whose body has `fingerprint`.
pub(crate) fn register_under(key: &str, fingerprint: u8) -> Register {
    let key = IdempotencyKey::parse(key).unwrap();
    Register { idempotency: Some(Idempotency { key, fingerprint: [fingerprint; 32] }), ..register(EMAIL) }
}

pub(crate) fn authenticate(email: &str, word: &str) -> Authenticate {
    Authenticate { email: address(email), password: password(word), client: ClientInfo::default() }
}

/// An update that changes nothing yet.
pub(crate) fn update(user: UserId) -> UpdateAccount {
    UpdateAccount {
        user,
        name: None,
        email: None,
        new_password: None,
        current_password: None,
        client: ClientInfo::default(),
    }
}

pub(crate) fn change_password(user: UserId) -> UpdateAccount {
    let (new_password, current_password) = (Some(password(NEW_PASSWORD)), Some(password(PASSWORD)));
    UpdateAccount { new_password, current_password, ..update(user) }
}

pub(crate) fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

pub(crate) fn address(text: &str) -> Email {
    Email::parse(text).unwrap()
}

pub(crate) fn password(text: &str) -> Password {
    Password::parse(text).unwrap()
}
