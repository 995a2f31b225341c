//! `GET /me` over one connection that stays, with domains that answer at once: what the gateway itself costs, from the
//! request's bytes to the JSON of the answer. Beside it stands a bare actix-web handler that sends the same body.

use std::{
    future::{pending, ready},
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    num::NonZeroUsize,
    sync::{Arc, atomic::AtomicBool, mpsc},
    thread,
};

use actix_web::{
    App, HttpResponse, HttpServer,
    rt::{self, task::JoinHandle},
    web,
};
use criterion::Criterion;
use portico_config::{Sources, load};
use portico_gateway::{Asks, Gateway, NoMetrics, Serving};
use portico_kernel::{Ask, Clock as _, SystemClock, UserId};
use portico_photo::Summary;
use portico_session::{Live, SessionId, Token};
use portico_user::{Email, Name, User};

use crate::system::{Driver, nobody};

pub(crate) fn measure(criterion: &mut Criterion) {
    let token = Token::generate();
    let request = format!("GET /me HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n\r\n", token.expose());
    let gateway = served(gateway);
    let body = Connection::new(gateway).ask(request.as_bytes());
    let bare = served(move || bare(body));

    let mut group = criterion.benchmark_group("GET /me");
    for (name, address) in [("bare handler", bare), ("gateway", gateway)] {
        let mut connection = Connection::new(address);
        group.bench_function(name, |bench| bench.iter(|| connection.ask(request.as_bytes())));
    }
    group.finish();
}

/// Serves on a thread of its own for as long as the process lives; answers where.
fn served<S>(server: impl FnOnce() -> (SocketAddr, S) + Send + 'static) -> SocketAddr {
    let (told, address) = mpsc::channel();
    thread::spawn(move || {
        Driver::new().run(async move {
            let (address, _serving) = server();
            told.send(address).expect("somebody waits for it");
            pending::<()>().await;
        });
    });
    address.recv().expect("a port is free")
}

/// A gateway with one worker and without limits that one connection could meet.
fn gateway() -> (SocketAddr, Serving) {
    let mut config = load(&Sources::default()).expect("the defaults are right");
    config.gateway.listen = SocketAddr::from(([127, 0, 0, 1], 0));
    config.gateway.workers = Some(NonZeroUsize::MIN);
    for rate in [&mut config.gateway.rate_limits.per_address, &mut config.gateway.rate_limits.per_account] {
        (rate.burst, rate.per_s) = (1_000_000, 1e6);
    }
    let gateway = Gateway::new(&config, asks(), [7; 32], Arc::<AtomicBool>::default(), Arc::new(NoMetrics));
    let serving = gateway.serve().expect("a port is free");
    (serving.address, serving)
}

/// Ann is signed in, whoever asks.
fn asks() -> Asks {
    let now = SystemClock.now();
    let ann = User {
        id: UserId::new(),
        name: Name::parse("Ann").expect("it is a name"),
        email: Email::parse("ann@example.com").expect("it is an address"),
        created_at: now,
        updated_at: now,
        version: 1,
    };
    let session = Live { id: SessionId::new(), user: ann.id };
    Asks {
        get_user: Ask::from_fn(move |_| ready(Ok(ann.clone()))),
        validate_session: Ask::from_fn(move |_| ready(Ok(session))),
        summarize_photos: Ask::from_fn(|_| ready(Ok(Summary::default()))),
        register: nobody(),
        authenticate: nobody(),
        delete_account: nobody(),
        update_account: nobody(),
        list_sessions: nobody(),
        delete_session: nobody(),
        delete_other_sessions: nobody(),
        load_photo: nobody(),
        get_photo: nobody(),
        list_photos: nobody(),
        open_photo: nobody(),
        delete_photo: nobody(),
    }
}

/// Where a handler answers nothing but `body`.
fn bare(body: Vec<u8>) -> (SocketAddr, JoinHandle<io::Result<()>>) {
    let body = web::Bytes::from(body);
    let server = HttpServer::new(move || {
        let body = body.clone();
        App::new().route("/me", web::get().to(move || ready(HttpResponse::Ok().body(body.clone()))))
    });
    let server = server.workers(1).bind("127.0.0.1:0").expect("a port is free");
    let address = server.addrs()[0];
    (address, rt::spawn(server.run()))
}

/// A connection over which one request follows the other.
struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Connection {
    fn new(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("somebody listens");
        stream.set_nodelay(true).expect("it is a TCP connection");
        Self { stream, received: Vec::new() }
    }

    /// Asks, and answers the body.
    fn ask(&mut self, request: &[u8]) -> Vec<u8> {
        self.stream.write_all(request).expect("the server reads");
        self.received.clear();
        let mut chunk = [0; 4_096];
        loop {
            if let Some(begins) = self.body() {
                return self.received.split_off(begins);
            }
            let length = self.stream.read(&mut chunk).expect("the server answers");
            assert!(length > 0, "the server closed the connection");
            self.received.extend_from_slice(&chunk[..length]);
        }
    }

    /// Where the body begins, once all of it is there.
    fn body(&self) -> Option<usize> {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut head = httparse::Response::new(&mut headers);
        let httparse::Status::Complete(begins) = head.parse(&self.received).expect("it is HTTP") else { return None };
        assert_eq!(head.code, Some(200));
        let length = head.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"))?;
        let length: usize = std::str::from_utf8(length.value).ok()?.parse().ok()?;
        (self.received.len() >= begins + length).then_some(begins)
    }
}
