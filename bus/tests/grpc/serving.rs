//! What a node tells those that are no bridges, and what it bears.

use std::{future::pending, time::Duration};

use portico_bus::grpc::{
    Limits, Server,
    proto::{
        self,
        fault::v1::{Fault, FaultKind, Ran},
        session::v1::{CreateSessionRequest, ValidateSessionRequest, sessions_client::SessionsClient},
        user::v1::{RegisterAndLoginRequest, users_client::UsersClient},
    },
};
use portico_kernel::{Ask, AskError};
use portico_session::Error;
use prost::Message as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::Instant,
};
use tonic::{Code, Response, Status, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};

use crate::support::{Node, answering, ask, live, session_asks, settings, user_asks, validate};

/// A client that knows nothing of Portico.
async fn channel(node: &Node) -> Channel {
    Channel::from_shared(format!("http://{}", node.address)).unwrap().connect().await.unwrap()
}

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, prost::Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<prost_types::Any>,
}

/// What a status tells beside its code.
fn fault(status: &Status) -> Fault {
    let told = RpcStatus::decode(status.details()).unwrap();
    assert_eq!((told.code, told.message.as_str()), (status.code().into(), status.message()));
    assert_eq!(told.details[0].type_url, "type.googleapis.com/portico.fault.v1.Fault");
    Fault::decode(&*told.details[0].value).unwrap()
}

/// Why a call was refused.
fn refusal<T>(answered: Result<Response<T>, Status>) -> Status {
    answered.err().expect("it is refused")
}

fn a_token() -> ValidateSessionRequest {
    ValidateSessionRequest { token: validate().token.expose() }
}

#[tokio::test]
async fn a_refusal_says_whose_fault_it_is_whether_it_ran_and_when_to_try_again() {
    let node = answering(|| Err(AskError::Overloaded.into()));
    let status = refusal(SessionsClient::new(channel(&node).await).validate_session(a_token()).await);
    let overloaded = fault(&status);
    assert_eq!((status.code(), overloaded.kind()), (Code::ResourceExhausted, FaultKind::Server));
    assert_eq!((overloaded.code.as_str(), overloaded.ran()), ("overloaded", Ran::No));
    assert_eq!(overloaded.retry_after.map(|wait| wait.seconds), Some(1));

    let node = answering(|| Err(Error::Dead));
    let status = refusal(SessionsClient::new(channel(&node).await).validate_session(a_token()).await);
    let dead = fault(&status);
    assert_eq!((status.code(), dead.kind()), (Code::Unauthenticated, FaultKind::Client));
    assert_eq!((dead.code.as_str(), dead.ran(), dead.retry_after.is_none()), ("session_dead", Ran::Yes, true));

    let node = answering(|| Err(AskError::Crashed.into()));
    let status = refusal(SessionsClient::new(channel(&node).await).validate_session(a_token()).await);
    assert_eq!((status.code(), fault(&status).ran()), (Code::Internal, Ran::Unknown));
}

#[tokio::test]
async fn what_cannot_be_parsed_is_the_clients_fault_and_names_the_field() {
    let server = Server::new(Limits::default()).sessions(session_asks()).users(user_asks());
    let node = Node::of(server);
    let mut sessions = SessionsClient::new(channel(&node).await);
    let mut users = UsersClient::new(channel(&node).await);

    let no_id = CreateSessionRequest { user_id: "hunter2".to_owned(), epoch: 1, client: None };
    let no_token = ValidateSessionRequest { token: "hunter2".to_owned() };
    let no_email = RegisterAndLoginRequest {
        name: "Ann".to_owned(),
        email: "hunter2".to_owned(),
        password: "hunter2".to_owned(),
        ..Default::default()
    };
    let refused = [
        ("user_id", refusal(sessions.create_session(no_id).await)),
        ("token", refusal(sessions.validate_session(no_token).await)),
        ("email", refusal(users.register_and_login(no_email).await)),
    ];

    for (field, status) in refused {
        let fault = fault(&status);
        assert_eq!((status.code(), fault.kind(), fault.ran()), (Code::InvalidArgument, FaultKind::Client, Ran::No));
        assert_eq!(fault.fields.iter().map(|field| field.field.as_str()).collect::<Vec<_>>(), [field]);
        assert!(!format!("{status:?} {:?}", status.message()).contains("hunter2"), "the value itself is not repeated");
    }
}

#[tokio::test]
async fn a_node_of_another_role_never_ran_the_call() {
    let node = Node::of(Server::new(Limits::default()).users(user_asks()));

    let answered = ask(settings(&[node.address])).ask(validate()).await;

    assert!(matches!(answered, Err(Error::Ask(AskError::Unavailable))));
}

#[tokio::test]
async fn a_message_longer_than_a_mebibyte_is_refused() {
    let node = Node::of(Server::new(Limits::default()).sessions(session_asks()));
    let long = ValidateSessionRequest { token: "a".repeat(1024 * 1024) };

    let status = refusal(SessionsClient::new(channel(&node).await).validate_session(long).await);

    assert_eq!(status.code(), Code::OutOfRange);
}

#[tokio::test]
async fn health_tells_of_the_hosted_services_alone_and_of_their_end() {
    let (local, mut asked) = portico_kernel::testkit::probe();
    let asks = portico_session::Asks { validate: local, ..session_asks() };
    let node = Node::of(Server::new(Limits::default()).sessions(asks));
    let channel = channel(&node).await;
    let mut health = HealthClient::new(channel.clone());
    let mut check = async |service: &str| {
        let answer = health.check(HealthCheckRequest { service: service.to_owned() }).await;
        answer.map(|answer| answer.into_inner().status()).map_err(|status| status.code())
    };

    assert_eq!(check("portico.session.v1.Sessions").await, Ok(ServingStatus::Serving));
    assert_eq!(check("").await, Ok(ServingStatus::Serving));
    assert_eq!(check("portico.user.v1.Users").await, Err(Code::NotFound));

    let mut health = HealthClient::new(channel.clone());
    let watched = HealthCheckRequest { service: "portico.session.v1.Sessions".to_owned() };
    let mut watch = health.watch(watched).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    let mut sessions = SessionsClient::new(channel);
    let (answered, ()) = tokio::join!(sessions.validate_session(a_token()), async {
        let call = asked.next().await;
        let stopping = tokio::spawn(node.stop());
        assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
        drop(watch);
        call.answer(Ok(live()));
        stopping.await.unwrap();
    });
    assert!(answered.is_ok());
}

#[tokio::test]
async fn reflection_tells_of_the_hosted_services_with_their_contracts() {
    let node = Node::of(Server::new(Limits::default()).users(user_asks()));
    let mut reflection = ServerReflectionClient::new(channel(&node).await);
    let mut ask = async |request: MessageRequest| {
        let request = ServerReflectionRequest { host: String::new(), message_request: Some(request) };
        let mut answers = reflection.server_reflection_info(tokio_stream(request)).await.unwrap().into_inner();
        answers.message().await.unwrap().unwrap().message_response.unwrap()
    };

    let listed = ask(MessageRequest::ListServices(String::new())).await;
    let MessageResponse::ListServicesResponse(listed) = listed else { panic!("no list") };
    let mut names: Vec<_> = listed.service.into_iter().map(|service| service.name).collect();
    names.sort();
    assert_eq!(names, ["grpc.health.v1.Health", "portico.user.v1.Users"]);

    let found = ask(MessageRequest::FileContainingSymbol("portico.user.v1.Users".to_owned())).await;
    assert!(matches!(found, MessageResponse::FileDescriptorResponse(_)));
    let all = prost_types::FileDescriptorSet::decode(proto::DESCRIPTORS).unwrap();
    assert!(all.file.iter().any(|file| file.name() == "portico/user/v1/users.proto"));
}

fn tokio_stream(request: ServerReflectionRequest) -> impl futures_util::Stream<Item = ServerReflectionRequest> {
    futures_util::stream::once(async { request })
}

#[tokio::test]
async fn calls_beyond_the_bound_of_a_connection_are_refused_and_never_ran() {
    let (told, mut begun) = tokio::sync::mpsc::unbounded_channel();
    let validate_ask = Ask::from_fn(move |_| {
        told.send(()).unwrap();
        pending()
    });
    let limits = Limits { calls_per_connection_max: 2, ..Limits::default() };
    let node =
        Node::of(Server::new(limits).sessions(portico_session::Asks { validate: validate_ask, ..session_asks() }));

    let flood = Flood::of(&node, 50).await;
    let refused = flood.refused(48).await;

    assert_eq!(refused, 48);
    begun.recv().await.unwrap();
    begun.recv().await.unwrap();
    assert!(begun.try_recv().is_err(), "no more than two began");
}

#[tokio::test]
async fn a_connection_that_was_ended_is_read_on_for_a_while_so_that_the_last_word_gets_through() {
    for closes_its_end in [true, false] {
        let node = answering(|| Ok(live()));
        let mut stream = greeted(&node).await;

        let stopping = tokio::spawn(node.stop());
        farewell(&mut stream).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(!stopping.is_finished(), "it waits for the other end");

        let held = (!closes_its_end).then_some(stream);
        let begun = Instant::now();
        stopping.await.expect("it does not wait for ever");
        assert!(begun.elapsed() < if closes_its_end { Duration::from_millis(500) } else { Duration::from_secs(5) });
        drop(held);
    }
}

/// A connection on which both sides have said their settings.
async fn greeted(node: &Node) -> TcpStream {
    let mut stream = TcpStream::connect(node.address).await.unwrap();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    stream.write_all(&frame(4, 0, 0, &[])).await.unwrap();
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.unwrap();
    stream.read_exact(&mut vec![0; usize::from(head[2])]).await.unwrap();
    stream
}

/// Reads until the node has ended the connection, with the frames that belong to it (RFC 9113, section 6.8).
async fn farewell(stream: &mut TcpStream) {
    const PING: u8 = 6;
    const GOAWAY: u8 = 7;
    let (mut head, mut farewells) = ([0; 9], 0);
    while stream.read_exact(&mut head).await.is_ok() {
        let mut payload = vec![0; usize::from(head[2])];
        stream.read_exact(&mut payload).await.unwrap();
        farewells += usize::from(head[3] == GOAWAY);
        if head[3] == PING && head[4] == 0 {
            stream.write_all(&frame(PING, 1, 0, &payload)).await.unwrap();
        }
    }
    assert!(farewells >= 1);
}

/// A client that begins more calls than it was allowed.
struct Flood(TcpStream);

impl Flood {
    async fn of(node: &Node, calls: u32) -> Self {
        let mut stream = greeted(node).await;
        let mut head = Vec::new();
        for (name, value) in [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", "/portico.session.v1.Sessions/ValidateSession"),
            (":authority", "node"),
            ("content-type", "application/grpc"),
            ("te", "trailers"),
        ] {
            // A literal without indexing, with a name of its own (RFC 7541, section 6.2.2).
            head.push(0);
            for text in [name, value] {
                head.push(u8::try_from(text.len()).unwrap());
                head.extend(text.as_bytes());
            }
        }
        let message = a_token().encode_to_vec();
        let mut body = vec![0];
        body.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
        body.extend(message);
        for call in 0..calls {
            stream.write_all(&frame(1, 4, 1 + 2 * call, &head)).await.unwrap();
            stream.write_all(&frame(0, 1, 1 + 2 * call, &body)).await.unwrap();
        }
        Self(stream)
    }

    /// Reads until `count` streams were refused, and tells how many were.
    async fn refused(mut self, count: usize) -> usize {
        let mut refused = 0;
        while refused < count {
            let mut head = [0; 9];
            self.0.read_exact(&mut head).await.unwrap();
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut payload = vec![0; usize::try_from(length).unwrap()];
            self.0.read_exact(&mut payload).await.unwrap();
            let is_refusal = head[3] == 3 && payload == u32::from(h2::Reason::REFUSED_STREAM).to_be_bytes();
            refused += usize::from(is_refusal);
        }
        refused
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}
