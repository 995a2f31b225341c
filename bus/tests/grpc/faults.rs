//! Every error of a domain arrives as the variant that it was, with what it says.

use std::{
    error::Error as StdError,
    sync::{Arc, Mutex},
};

use portico_bus::grpc::{Bridge, Limits, Logs, Peers, Server, Users};
use portico_kernel::{Ask, AskError, Blame, Invalid, StoreError, UserId};
use portico_log as log;
use portico_log::Append;
use portico_photo as photo;
use portico_session as session;
use portico_user as user;
use portico_user::{GetUser, Password, PasswordPolicy};

use crate::support::{
    Node, PATIENCE, ask, asks, photo as a_photo, photo_asks, photos, session_asks, settings, user_asks, validate,
};

/// One error of each variant, and a function that a new variant keeps from compiling until it has one, too.
macro_rules! every {
    ($name:ident() -> $error:ty { $($pattern:pat => $sample:expr,)* }) => {
        fn $name() -> Vec<$error> {
            let errors = vec![$($sample),*];
            let _is_complete = |error: &$error| match error {
                $($pattern => (),)*
            };
            errors
        }
    };
}

every! {
    ask_errors() -> AskError {
        AskError::Overloaded => AskError::Overloaded,
        AskError::Draining => AskError::Draining,
        AskError::Unavailable => AskError::Unavailable,
        AskError::Crashed => AskError::Crashed,
        AskError::Late => AskError::Late,
    }
}

every! {
    store_errors() -> StoreError {
        StoreError::Unavailable(_) => StoreError::Unavailable(chain()),
        StoreError::Full(_) => StoreError::Full("no space left".into()),
        StoreError::Uncertain(_) => StoreError::Uncertain("connection reset".into()),
        StoreError::Broken(_) => StoreError::Broken(chain()),
    }
}

every! {
    one_of_each_of_session() -> session::Error {
        session::Error::Dead => session::Error::Dead,
        session::Error::Unknown => session::Error::Unknown,
        session::Error::Stale => session::Error::Stale,
        session::Error::Full => session::Error::Full,
        session::Error::BadEvent(_) => session::Error::BadEvent(serde_json::from_str::<u8>("[\n1").unwrap_err()),
        session::Error::Store(_) => session::Error::Store(StoreError::Full("no space left".into())),
        session::Error::Ask(_) => session::Error::Ask(AskError::Crashed),
    }
}

every! {
    one_of_each_of_user() -> user::Error {
        user::Error::EmailTaken => user::Error::EmailTaken,
        user::Error::BadCredentials => user::Error::BadCredentials,
        user::Error::WrongPassword => user::Error::WrongPassword,
        user::Error::PasswordRequired => user::Error::PasswordRequired,
        user::Error::WeakPassword { .. } => weak("new_password", Invalid::new("one_time", "must not be that")),
        user::Error::Unknown => user::Error::Unknown,
        user::Error::Conflict => user::Error::Conflict,
        user::Error::KeyReused => user::Error::KeyReused,
        user::Error::KeyInProgress => user::Error::KeyInProgress,
        user::Error::HashingOverloaded => user::Error::HashingOverloaded,
        user::Error::Hashing => user::Error::Hashing,
        user::Error::Store(_) => user::Error::Store(StoreError::Full("no space left".into())),
        user::Error::Session(_) => user::Error::Session(session::Error::Dead),
        user::Error::Ask(_) => user::Error::Ask(AskError::Crashed),
    }
}

every! {
    one_of_each_of_photo() -> photo::Error {
        photo::Error::Unknown => photo::Error::Unknown,
        photo::Error::TooLarge { .. } => photo::Error::TooLarge { max_bytes: u64::MAX },
        photo::Error::UnsupportedType => photo::Error::UnsupportedType,
        photo::Error::TooManyPixels { .. } => photo::Error::TooManyPixels { max: 50_000_000 },
        photo::Error::BadImage => photo::Error::BadImage,
        photo::Error::Aborted => photo::Error::Aborted,
        photo::Error::QuotaReached { .. } => photo::Error::QuotaReached { max: u32::MAX },
        photo::Error::OwnerDeleted => photo::Error::OwnerDeleted,
        photo::Error::KeyReused => photo::Error::KeyReused,
        photo::Error::KeyInProgress => photo::Error::KeyInProgress,
        photo::Error::Overloaded => photo::Error::Overloaded,
        photo::Error::Processing => photo::Error::Processing,
        photo::Error::OnePlace => photo::Error::OnePlace,
        photo::Error::BadEvent(_) => photo::Error::BadEvent(serde_json::from_str::<u8>("[\n1").unwrap_err()),
        photo::Error::Store(_) => photo::Error::Store(StoreError::Full("no space left".into())),
        photo::Error::Ask(_) => photo::Error::Ask(AskError::Crashed),
    }
}

every! {
    one_of_each_of_log() -> log::Error {
        log::Error::TooMany => log::Error::TooMany,
        log::Error::Closed => log::Error::Closed,
        log::Error::Store(_) => log::Error::Store(StoreError::Full("no space left".into())),
        log::Error::Ask(_) => log::Error::Ask(AskError::Crashed),
    }
}

/// Every error of the log domain, with every one beneath it.
fn log_errors() -> Vec<log::Error> {
    let stores = store_errors().into_iter().map(log::Error::Store);
    let asks = ask_errors().into_iter().map(log::Error::Ask);
    one_of_each_of_log().into_iter().chain(stores).chain(asks).collect()
}

/// Every error of the photo domain, with every one beneath it.
fn photo_errors() -> Vec<photo::Error> {
    let stores = store_errors().into_iter().map(photo::Error::Store);
    let asks = ask_errors().into_iter().map(photo::Error::Ask);
    one_of_each_of_photo().into_iter().chain(stores).chain(asks).collect()
}

/// Every error of the session domain, with every one beneath it.
fn session_errors() -> Vec<session::Error> {
    let stores = store_errors().into_iter().map(session::Error::Store);
    let asks = ask_errors().into_iter().map(session::Error::Ask);
    one_of_each_of_session().into_iter().chain(stores).chain(asks).collect()
}

/// Every error of the user domain, with every one beneath it.
fn user_errors() -> Vec<user::Error> {
    let stores = store_errors().into_iter().map(user::Error::Store);
    let asks = ask_errors().into_iter().map(user::Error::Ask);
    let sessions = session_errors().into_iter().map(user::Error::Session);
    let weak = broken_rules().into_iter().map(|rule| weak("password", rule));
    one_of_each_of_user().into_iter().chain(stores).chain(asks).chain(sessions).chain(weak).collect()
}

fn weak(field: &'static str, rule: Invalid) -> user::Error {
    user::Error::WeakPassword { field, rule }
}

/// What the policy answers to a short, a common and a personal password.
fn broken_rules() -> Vec<Invalid> {
    let (name, email) = (user::Name::parse("Annabella").unwrap(), user::Email::parse("ann@example.com").unwrap());
    let check = |text: &str| PasswordPolicy::default().check(&Password::parse(text).unwrap(), &name, &email);
    ["short", "password1", "annabella"].map(|text| check(text).unwrap_err()).into()
}

/// An error with another beneath it.
fn chain() -> Box<dyn StdError + Send + Sync> {
    StoreError::Broken("the disk is on fire".into()).into()
}

/// All that an error says: to whom, under which code, and why.
fn told<E: Blame>(error: &E) -> String {
    let (mut causes, mut next) = (Vec::new(), error.source());
    while let Some(cause) = next {
        causes.push(cause.to_string());
        next = cause.source();
    }
    let variant = std::mem::discriminant(error);
    let (fault, code, wait) = (error.fault(), error.code(), error.retry_after());
    format!("{variant:?} {error} {causes:?} {fault:?} {code} {:?} {wait:?}", error.fields())
}

/// Answers with `errors`, one after the other.
fn one_by_one<E>(errors: Vec<E>) -> impl Fn() -> E {
    let errors = Arc::new(Mutex::new(errors.into_iter()));
    move || errors.lock().unwrap().next().expect("nothing is asked twice")
}

#[tokio::test]
async fn every_error_of_the_session_domain_arrives_as_it_was() {
    let next = one_by_one(session_errors());
    let node = Node::sessions(Ask::from_fn(move |_| std::future::ready(Err(next()))));
    let ask = ask(settings(&[node.address]));

    for expected in session_errors() {
        let error = ask.ask(validate()).await.unwrap_err();

        assert_eq!(told(&error), told(&expected));
    }
}

#[tokio::test]
async fn every_error_of_the_user_domain_arrives_as_it_was() {
    let next = one_by_one(user_errors());
    let get_user = Ask::from_fn(move |_| std::future::ready(Err(next())));
    let node = Node::of(Server::new(Limits::default()).users(portico_user::Asks { get_user, ..user_asks() }));
    let bridge = Bridge::<Users>::new(Peers::new(settings(&[node.address])));
    let ask = Ask::<GetUser>::new(bridge).timeout(PATIENCE);

    for expected in user_errors() {
        let error = ask.ask(GetUser { id: UserId::new() }).await.unwrap_err();

        assert_eq!(told(&error), told(&expected));
    }
}

#[tokio::test]
async fn every_error_of_the_log_domain_arrives_as_it_was() {
    let next = one_by_one(log_errors());
    let append = Ask::from_fn(move |_| std::future::ready(Err(next())));
    let node = Node::of(Server::new(Limits::default()).logs(log::Asks { append: Some(append), tail: None }));
    let ask = Ask::<Append>::new(Bridge::<Logs>::new(Peers::new(settings(&[node.address])))).timeout(PATIENCE);

    for expected in log_errors() {
        let error = ask.ask(Append { records: Arc::default() }).await.unwrap_err();

        assert_eq!(told(&error), told(&expected));
    }
}

#[tokio::test]
async fn every_error_of_the_photo_domain_arrives_as_it_was_with_bytes_or_without() {
    let (got, loaded, opened) = (one_by_one(photo_errors()), one_by_one(photo_errors()), one_by_one(photo_errors()));
    let node = Node::of(Server::new(Limits::default()).photos(photo::Asks {
        get: Ask::from_fn(move |_| std::future::ready(Err(got()))),
        load: Ask::from_fn(move |_| std::future::ready(Err(loaded()))),
        open: Ask::from_fn(move |_| std::future::ready(Err(opened()))),
        ..photo_asks()
    }));
    let asks = asks(&photos(settings(&[node.address])));
    let owner = UserId::new();

    for expected in photo_errors() {
        let get = photo::Get { owner, photo: photo::PhotoId::new() };
        assert_eq!(told(&asks.get.ask(get).await.unwrap_err()), told(&expected));
        let (_tap, upload) = photo::tap();
        let load = photo::Load { owner, upload, idempotency: None };
        assert_eq!(told(&asks.load.ask(load).await.unwrap_err()), told(&expected));
        let open = photo::Open { photo: a_photo(), rendition: photo::Rendition::Thumb, range: None };
        assert_eq!(told(&asks.open.ask(open).await.unwrap_err()), told(&expected));
    }
}

#[tokio::test]
async fn what_the_callee_says_of_a_call_is_told_as_the_calls_own_failure_and_not_as_the_domains() {
    use portico_kernel::{Callee as _, Deadline};
    for expected in ask_errors() {
        let node = Node::of(Server::new(Limits::default()).sessions(portico_session::Asks {
            validate: Ask::from_fn(move |_| async move { Err(expected.into()) }),
            ..session_asks()
        }));
        let bridge = Bridge::<portico_bus::grpc::Sessions>::new(Peers::new(settings(&[node.address])));

        let answered = bridge.call(validate(), Deadline::within(PATIENCE)).await;

        assert_eq!(answered.unwrap_err(), expected);
    }
}
