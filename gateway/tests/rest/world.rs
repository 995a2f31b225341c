//! A gateway that really listens, over domains that are closures: one account, Ann's, and what it is asked.

use std::{
    collections::HashMap,
    future::ready,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use portico_config::{Config, Sources};
use portico_gateway::{Asks, Exchange, FakeTime, Gateway, HttpMetrics, Serving};
use portico_kernel::{Ask, AskError, Idempotency, Invalid, StoreError, UserId};
use portico_photo as photo;
use portico_session::{self as session, ClientInfo, Opened, Session, SessionId, Token, TokenHash};
use portico_user::{self as user, Email, Name, User};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use time::{OffsetDateTime, macros::datetime};

use crate::openapi;

pub(crate) const PASSWORD: &str = "correct horse battery staple";
pub(crate) const NOW: OffsetDateTime = datetime!(2026-01-02 03:04:05 UTC);
pub(crate) const SECRET: [u8; 32] = [7; 32];

/// The server, and what its domains saw.
pub(crate) struct World {
    pub(crate) url: String,
    pub(crate) address: std::net::SocketAddr,
    pub(crate) http: Client,
    pub(crate) draining: Arc<AtomicBool>,
    pub(crate) serving: Serving,
    pub(crate) seen: Arc<Seen>,
}

/// What the domains know and saw.
pub(crate) struct Seen {
    pub(crate) ann: User,
    pub(crate) sessions: Mutex<HashMap<TokenHash, Session>>,
    pub(crate) idempotency: Mutex<Vec<Idempotency>>,
    pub(crate) clients: Mutex<Vec<ClientInfo>>,
    pub(crate) deleted: Mutex<Vec<session::Delete>>,
    pub(crate) exchanges: Mutex<Vec<(String, Option<String>, u16)>>,
    pub(crate) cut_off: AtomicUsize,
}

impl HttpMetrics for Seen {
    fn record(&self, exchange: Exchange) {
        self.exchanges.lock().unwrap().push((exchange.method.to_owned(), exchange.route, exchange.status));
    }

    fn cut_off(&self) {
        self.cut_off.fetch_add(1, Ordering::SeqCst);
    }
}

/// A world with every default.
pub(crate) async fn world() -> World {
    world_with(|_| {}, |_| {}).await
}

/// A world with another configuration or other domains.
pub(crate) async fn world_with(configure: impl FnOnce(&mut Config), replace: impl FnOnce(&mut Asks)) -> World {
    world_at(&FakeTime::default(), configure, replace).await
}

/// A world whose limits run by `time`.
pub(crate) async fn world_at(
    time: &FakeTime,
    configure: impl FnOnce(&mut Config),
    replace: impl FnOnce(&mut Asks),
) -> World {
    let mut config = config();
    configure(&mut config);
    let seen = Arc::new(Seen::new());
    let mut asks = asks(&seen);
    replace(&mut asks);
    let draining = Arc::new(AtomicBool::new(false));
    let gateway = Gateway::new(&config, asks, SECRET, Arc::clone(&draining), Arc::clone(&seen) as Arc<dyn HttpMetrics>);
    let gateway = gateway.by_clock(&config, &time.clone().into());
    let serving = gateway.serve().unwrap();
    // A build of the whole workspace may give this client TLS, which then asks whose cryptography to use.
    let _installed_before = rustls::crypto::ring::default_provider().install_default();
    let http = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    World { url: format!("http://{}", serving.address), address: serving.address, http, draining, serving, seen }
}

/// The defaults, with a port of its own and one worker.
pub(crate) fn config() -> Config {
    let mut config = portico_config::load(&Sources::default()).unwrap();
    config.gateway.listen = "127.0.0.1:0".parse().unwrap();
    config.gateway.workers = Some(std::num::NonZeroUsize::MIN);
    config
}

impl World {
    /// A live session of Ann's.
    pub(crate) fn token(&self) -> String {
        self.seen.open().token.expose()
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.request(Method::POST, path).json(body)
    }

    /// The same as Ann, by a bearer token.
    pub(crate) fn as_ann(&self, method: Method, path: &str) -> RequestBuilder {
        self.request(method, path).bearer_auth(self.token())
    }

    /// A POST of exactly these bytes as JSON.
    pub(crate) fn post_bytes(&self, path: &str, body: impl Into<Vec<u8>>) -> RequestBuilder {
        self.request(Method::POST, path).header("content-type", "application/json").body(body.into())
    }
}

/// A body for /reg.
pub(crate) fn new_user(email: &str) -> Value {
    json!({ "name": "Bob", "email": email, "password": PASSWORD })
}

/// The problem that an answer is, after its shape was checked.
pub(crate) async fn problem(answer: Response) -> Value {
    let status = answer.status();
    assert_eq!(answer.headers()["content-type"], "application/problem+json", "{status}");
    let problem: Value = answer.json().await.unwrap();
    let code = problem["code"].as_str().unwrap();
    assert_eq!(problem["status"], status.as_u16());
    assert_eq!(problem["type"], format!("/docs/problems/{code}"));
    assert_eq!(problem["fault"], if status.is_server_error() { "server" } else { "client" });
    assert_eq!(problem["trace_id"].as_str().unwrap().len(), 32);
    assert!(!problem["title"].as_str().unwrap().is_empty() && !problem["detail"].as_str().unwrap().is_empty());
    problem
}

/// Asserts status and code, and that the operation is described as answering so; answers the whole problem.
pub(crate) async fn refused(request: RequestBuilder, status: u16, code: &str) -> Value {
    let (client, request) = request.build_split();
    let request = request.unwrap();
    openapi::assert_described(request.method(), request.url().path(), status, code);
    let answer = client.execute(request).await.unwrap();
    let got = answer.status();
    let problem = problem(answer).await;
    assert_eq!((got, problem["code"].as_str()), (StatusCode::from_u16(status).unwrap(), Some(code)), "{problem}");
    problem
}

/// The broken fields of a problem as (field, code).
pub(crate) fn fields(problem: &Value) -> Vec<(&str, &str)> {
    let errors = problem["errors"].as_array().into_iter().flatten();
    errors.map(|error| (error["field"].as_str().unwrap(), error["code"].as_str().unwrap())).collect()
}

impl Seen {
    pub(crate) fn new() -> Self {
        Self {
            ann: user("ann@example.com"),
            sessions: Mutex::default(),
            idempotency: Mutex::default(),
            clients: Mutex::default(),
            deleted: Mutex::default(),
            exchanges: Mutex::default(),
            cut_off: AtomicUsize::default(),
        }
    }

    /// Opens a session of Ann's.
    pub(crate) fn open(&self) -> Opened {
        let session = Session {
            id: SessionId::new(),
            user: self.ann.id,
            epoch: 1,
            created_at: NOW,
            last_seen_at: NOW,
            expires_at: NOW + time::Duration::DAY,
            client: ClientInfo::default(),
        };
        let token = Token::generate();
        self.sessions.lock().unwrap().insert(token.hash(), session.clone());
        Opened { session, token }
    }
}

/// A user of this address.
pub(crate) fn user(email: &str) -> User {
    User {
        id: UserId::new(),
        name: Name::parse("Ann").unwrap(),
        email: Email::parse(email).unwrap(),
        created_at: NOW,
        updated_at: NOW,
        version: 1,
    }
}

/// A photo of a user.
pub(crate) fn photo_of(owner: UserId) -> photo::Photo {
    photo::Photo {
        id: photo::PhotoId::new(),
        owner,
        content_type: photo::ContentType::Png,
        size_bytes: 3,
        width: 1,
        height: 1,
        sha256: [1; 32],
        thumb_type: photo::ContentType::Png,
        thumb_size_bytes: 3,
        thumb_sha256: [2; 32],
        created_at: NOW,
    }
}

/// Asks that `answer` answers at once.
fn asking<M, T, E>(seen: &Arc<Seen>, answer: fn(&Seen, &M) -> Result<T, E>) -> Ask<M>
where
    M: actix::Message<Result = Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: From<AskError> + Send + 'static,
{
    let seen = Arc::clone(seen);
    Ask::from_fn(move |message| ready(answer(&seen, &message)))
}

pub(crate) fn asks(seen: &Arc<Seen>) -> Asks {
    let registering = Arc::clone(seen);
    Asks {
        register: Ask::from_fn(move |message| register(Arc::clone(&registering), message)),
        authenticate: asking(seen, authenticate),
        delete_account: asking(seen, delete_account),
        update_account: asking(seen, update_account),
        get_user: asking(seen, |seen, message: &user::GetUser| {
            if message.id == seen.ann.id { Ok(seen.ann.clone()) } else { Err(user::Error::Unknown) }
        }),
        validate_session: asking(seen, |seen, message: &session::Validate| {
            let sessions = seen.sessions.lock().unwrap();
            sessions.get(&message.token.hash()).map(session::Live::from).ok_or(session::Error::Dead)
        }),
        list_sessions: asking(seen, |seen, _: &session::List| {
            Ok(seen.sessions.lock().unwrap().values().cloned().collect())
        }),
        delete_session: asking(seen, delete_session),
        delete_other_sessions: asking(seen, |_, _: &session::DeleteOthers| Ok(())),
        load_photo: asking(seen, |_, _: &photo::Load| Err(photo::Error::BadImage)),
        get_photo: asking(seen, |_, _: &photo::Get| Err(photo::Error::Unknown)),
        list_photos: asking(seen, |_, _: &photo::List| Ok(photo::Page { items: Vec::new(), next: None })),
        summarize_photos: asking(seen, |_, message: &photo::Summarize| {
            Ok(photo::Summary { count: 12, latest: vec![photo_of(message.owner)] })
        }),
        open_photo: asking(seen, |_, _: &photo::Open| Err(photo::Error::Unknown)),
        delete_photo: asking(seen, |_, _: &photo::Delete| Err(photo::Error::Unknown)),
    }
}

async fn register(seen: Arc<Seen>, message: user::Register) -> Result<user::SignedIn, user::Error> {
    seen.idempotency.lock().unwrap().extend(message.idempotency);
    seen.clients.lock().unwrap().push(message.client);
    match message.email.as_str() {
        "taken@example.com" => Err(user::Error::EmailTaken),
        "weak@example.com" => {
            Err(user::Error::WeakPassword { field: "password", rule: Invalid::new("too_common", "is too common") })
        }
        "late@example.com" => std::future::pending().await,
        "panic@example.com" => panic!("as the test asks"),
        "down@example.com" => Err(StoreError::Unavailable(Box::from("secret of the store")).into()),
        "busy@example.com" => Err(user::Error::HashingOverloaded),
        email => Ok(user::SignedIn { user: self::user(email), opened: seen.open() }),
    }
}

fn authenticate(seen: &Seen, message: &user::Authenticate) -> Result<user::SignedIn, user::Error> {
    if message.email.key() == seen.ann.email.key() && message.password.expose() == PASSWORD {
        Ok(user::SignedIn { user: seen.ann.clone(), opened: seen.open() })
    } else {
        Err(user::Error::BadCredentials)
    }
}

fn delete_account(_: &Seen, message: &user::DeleteAccount) -> Result<(), user::Error> {
    if message.password.expose() == PASSWORD { Ok(()) } else { Err(user::Error::WrongPassword) }
}

fn update_account(seen: &Seen, message: &user::UpdateAccount) -> Result<user::Updated, user::Error> {
    let name = message.name.clone().unwrap_or_else(|| seen.ann.name.clone());
    let user = User { name, ..seen.ann.clone() };
    if message.email.is_none() && message.new_password.is_none() {
        return Ok(user::Updated { user, rotated: None });
    }
    match &message.current_password {
        None => Err(user::Error::PasswordRequired),
        Some(password) if password.expose() != PASSWORD => Err(user::Error::WrongPassword),
        Some(_) => Ok(user::Updated { user, rotated: Some(seen.open()) }),
    }
}

fn delete_session(seen: &Seen, message: &session::Delete) -> Result<(), session::Error> {
    seen.deleted.lock().unwrap().push(message.clone());
    let mut sessions = seen.sessions.lock().unwrap();
    let before = sessions.len();
    sessions.retain(|_, session| (session.user, session.id) != (message.user, message.session));
    if sessions.len() < before { Ok(()) } else { Err(session::Error::Unknown) }
}
