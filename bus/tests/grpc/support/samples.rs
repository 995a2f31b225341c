//! Values with something in every field, and all that they hold as text.

use std::net::IpAddr;

use actix::Message;
use futures_util::future::BoxFuture;
use portico_kernel::{AskError, Callee, Deadline, Event, UserId};
use portico_photo as photo_domain;
use portico_photo::{ContentType, Page, Photo, PhotoId, Summary};
use portico_session as session_domain;
use portico_session::{ClientInfo, Live, Opened, Session, SessionId, Token};
use portico_user as user_domain;
use portico_user::{Email, Name, Password, SignedIn, Updated, User};
use time::{Duration, OffsetDateTime, macros::datetime};

const CREATED: OffsetDateTime = datetime!(2024-02-29 23:59:59.123456789 UTC);

pub(crate) fn client() -> ClientInfo {
    let address: IpAddr = "2001:db8::7".parse().unwrap();
    ClientInfo { user_agent: Some("Mözilla/5.0".to_owned()), address: Some(address) }
}

pub(crate) fn session() -> Session {
    Session {
        id: SessionId::new(),
        user: UserId::new(),
        epoch: 7,
        created_at: CREATED,
        last_seen_at: CREATED + Duration::MINUTE,
        expires_at: CREATED + Duration::DAY,
        client: client(),
    }
}

pub(crate) fn opened() -> Opened {
    Opened { session: session(), token: Token::generate() }
}

pub(crate) fn user() -> User {
    User {
        id: UserId::new(),
        name: Name::parse("Åsa Öberg").unwrap(),
        email: Email::parse("Asa.Oberg@example.com").unwrap(),
        created_at: CREATED,
        updated_at: CREATED + Duration::HOUR,
        version: i64::MAX,
    }
}

pub(crate) fn photo() -> Photo {
    Photo {
        id: PhotoId::new(),
        owner: UserId::new(),
        content_type: ContentType::Jpeg,
        size_bytes: u64::MAX,
        width: u32::MAX,
        height: 7,
        sha256: [1; 32],
        thumb_type: ContentType::Webp,
        thumb_size_bytes: 9,
        thumb_sha256: [2; 32],
        created_at: CREATED,
    }
}

pub(crate) fn event() -> Event {
    let trace = Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned());
    let event =
        Event::new("/portico/user", "user.updated", "asa", CREATED, serde_json::json!({"epoch": 3, "a": [null]}));
    Event { traceparent: trace, ..event }
}

/// Who answers nothing, since nothing is asked.
#[derive(Clone)]
struct Nobody;

impl<M: Message + 'static> Callee<M> for Nobody {
    fn call(&self, _: M, _: Deadline) -> BoxFuture<'static, Result<M::Result, AskError>> {
        unreachable!("{} is not asked", std::any::type_name::<M>())
    }
}

/// Asks that nobody answers.
pub(crate) fn session_asks() -> session_domain::Asks {
    session_domain::Asks::of(&Nobody)
}

/// Asks that nobody answers.
pub(crate) fn user_asks() -> user_domain::Asks {
    user_domain::Asks::of(&Nobody)
}

/// Asks that nobody answers.
pub(crate) fn photo_asks() -> photo_domain::Asks {
    photo_domain::Asks::of(&Nobody)
}

/// All that a value holds, secrets too, which its `Debug` keeps to itself.
pub(crate) trait Shown {
    fn shown(&self) -> String;
}

/// Values whose `Debug` tells everything, with what it hides behind it.
macro_rules! shown {
    ($($value:ty: |$it:ident| [$($hidden:expr),*];)*) => {$(
        impl Shown for $value {
            fn shown(&self) -> String {
                let $it = self;
                let hidden: Vec<String> = vec![$(($hidden).to_owned().into()),*];
                format!("{:?} {hidden:?}", $it)
            }
        }
    )*};
}

/// What `option` hides.
fn or_none<T>(option: Option<&T>, hidden: impl Fn(&T) -> &str) -> String {
    option.map_or_else(|| "none".to_owned(), |value| format!("some {}", hidden(value)))
}

shown! {
    (): |it| [];
    Live: |it| [];
    Opened: |it| [it.token.expose()];
    Vec<Session>: |it| [];
    session_domain::Create: |it| [];
    session_domain::Validate: |it| [it.token.expose()];
    session_domain::Delete: |it| [];
    session_domain::List: |it| [];
    session_domain::DeleteOthers: |it| [];
    session_domain::EnsureRevocable: |it| [];
    session_domain::RaiseEpoch: |it| [];
    session_domain::Rotate: |it| [];
    session_domain::ApplyUserEvent: |it| [];

    Password: |it| [it.as_typed(), it.expose()];
    User: |it| [it.email.as_str()];
    SignedIn: |it| [it.user.shown(), it.opened.shown()];
    Updated: |it| [it.user.shown(), it.rotated.as_ref().map_or_else(String::new, Shown::shown)];
    user_domain::Register: |it| [
        it.email.as_str(), it.password.shown(), format!("{:?}", it.idempotency.as_ref().map(|it| it.fingerprint))
    ];
    user_domain::Authenticate: |it| [it.email.as_str(), it.password.shown()];
    user_domain::DeleteAccount: |it| [it.password.shown()];
    user_domain::UpdateAccount: |it| [
        or_none(it.email.as_ref(), Email::as_str),
        or_none(it.new_password.as_ref(), Password::as_typed),
        or_none(it.current_password.as_ref(), Password::as_typed)
    ];
    user_domain::GetUser: |it| [];

    Photo: |it| [];
    Page: |it| [];
    Summary: |it| [];
    photo_domain::Get: |it| [];
    photo_domain::List: |it| [];
    photo_domain::Summarize: |it| [];
    photo_domain::Delete: |it| [];
    photo_domain::ApplyUserEvent: |it| [];
}
