//! Every message goes over and comes back as it was.

use portico_bus::grpc::{Bridge, Domain, Limits, Peers, Rpc, Server};
use portico_kernel::{Ask, AskError, Callee, Idempotency, IdempotencyKey, UserId, testkit::probe};
use portico_photo::{self as photo, ContentType, Page, Photo, PhotoId, Summarize, Summary};
use portico_session::{
    self as session, ClientInfo, Create, Delete, DeleteOthers, EnsureRevocable, LAST_EPOCH, List, RaiseEpoch, Rotate,
    SessionId, Validate,
};
use portico_user::{
    Authenticate, DeleteAccount, Email, GetUser, Name, Password, Register, SignedIn, UpdateAccount, Updated,
};

use crate::support::{
    Node, PATIENCE, Shown, client, event, live, opened, photo as a_photo, photo_asks, session as a_session,
    session_asks, settings, user as a_user, user_asks, validate,
};

/// Has `message` asked of a node that `host` gives its domain, and answered with `answer`: both arrive as they were sent.
async fn carries<M>(host: impl FnOnce(Server, Ask<M>) -> Server, message: M, answer: M::Answer)
where
    M: Rpc + Shown,
    M::Answer: Shown,
    M::Result: Send,
    Bridge<M::Domain>: Callee<M>,
    <M::Domain as Domain>::Error: From<AskError> + Send,
{
    let (ask, mut asked) = probe::<M>();
    let node = Node::of(host(Server::new(Limits::default()), ask));
    let bridge = Ask::<M>::new(Bridge::<M::Domain>::new(Peers::new(settings(&[node.address])))).timeout(PATIENCE);
    let (sent, expected) = (message.shown(), answer.shown());

    let (answered, arrived) = tokio::join!(bridge.ask(message), async {
        let call = asked.next().await;
        let arrived = call.message.shown();
        call.answer(Ok(answer));
        arrived
    });

    assert_eq!(arrived, sent);
    match answered {
        Ok(answer) => assert_eq!(answer.shown(), expected),
        Err(error) => panic!("{error}"),
    }
}

/// Hosts one message of the session domain.
macro_rules! sessions {
    ($field:ident) => {
        |server: Server, $field| server.sessions(portico_session::Asks { $field, ..session_asks() })
    };
}

/// Hosts one message of the user domain.
macro_rules! users {
    ($field:ident) => {
        |server: Server, $field| server.users(portico_user::Asks { $field, ..user_asks() })
    };
}

/// Hosts one message of the photo domain.
macro_rules! photos {
    ($field:ident) => {
        |server: Server, $field| server.photos(portico_photo::Asks { $field, ..photo_asks() })
    };
}

fn password(text: &str) -> Password {
    Password::parse(text).unwrap()
}

fn email() -> Email {
    Email::parse("Asa.Oberg@example.com").unwrap()
}

fn name() -> Name {
    Name::parse("Åsa Öberg").unwrap()
}

fn signed_in() -> SignedIn {
    SignedIn { user: a_user(), opened: opened() }
}

#[tokio::test]
async fn every_message_of_the_session_domain_and_its_answer_arrive_as_they_were_sent() {
    let user = UserId::new();
    let session = SessionId::new();

    carries(sessions!(create), Create { user, epoch: 3, client: client() }, opened()).await;
    carries(sessions!(create), Create { user, epoch: 0, client: ClientInfo::default() }, opened()).await;
    carries(sessions!(validate), validate(), live()).await;
    carries(sessions!(delete), Delete { user, session }, ()).await;
    carries(sessions!(list), List { user }, vec![a_session(), a_session()]).await;
    carries(sessions!(list), List { user }, vec![]).await;
    carries(sessions!(delete_others), DeleteOthers { user, keep: session }, ()).await;
    carries(sessions!(ensure_revocable), EnsureRevocable { user }, ()).await;
    carries(sessions!(raise_epoch), RaiseEpoch { user, epoch: LAST_EPOCH }, ()).await;
    carries(sessions!(rotate), Rotate { user, epoch: 4, client: client() }, opened()).await;
    carries(sessions!(apply_user_event), session::ApplyUserEvent(event()), ()).await;
}

#[tokio::test]
async fn every_message_of_the_user_domain_and_its_answer_arrive_as_they_were_sent() {
    let user = UserId::new();
    let (typed, client) = ("ﬁsh 𝔄nd ｃhips", client()); // NFKC makes something else of it
    let key = IdempotencyKey::parse("a-key").unwrap();
    let idempotency = Some(Idempotency { key, fingerprint: [9; 32] });

    let register =
        Register { name: name(), email: email(), password: password(typed), client: client.clone(), idempotency };
    carries(users!(register), register, signed_in()).await;
    let authenticate = Authenticate { email: email(), password: password(typed), client: client.clone() };
    carries(users!(authenticate), authenticate, signed_in()).await;
    carries(users!(delete_account), DeleteAccount { user, password: password(typed) }, ()).await;
    let update = UpdateAccount {
        user,
        name: Some(name()),
        email: Some(email()),
        new_password: Some(password("new")),
        current_password: Some(password(typed)),
        client: client.clone(),
    };
    carries(users!(update_account), update, Updated { user: a_user(), rotated: Some(opened()) }).await;
    let nothing = UpdateAccount { user, name: None, email: None, new_password: None, current_password: None, client };
    carries(users!(update_account), nothing, Updated { user: a_user(), rotated: None }).await;
    carries(users!(get_user), GetUser { id: user }, a_user()).await;
}

#[tokio::test]
async fn every_message_of_the_photo_domain_without_bytes_and_its_answer_arrive_as_they_were_sent() {
    let (owner, photo) = (UserId::new(), PhotoId::new());

    for kind in ContentType::ALL {
        let answer = Photo { content_type: kind, thumb_type: kind, ..a_photo() };
        carries(photos!(get), photo::Get { owner, photo }, answer).await;
    }
    let page = Page { items: vec![a_photo(), a_photo()], next: Some(photo) };
    carries(photos!(list), photo::List { owner, after: Some(photo), limit: 100 }, page).await;
    let end = Page { items: vec![], next: None };
    carries(photos!(list), photo::List { owner, after: None, limit: 0 }, end).await;
    let summary = Summary { count: u64::MAX, latest: vec![a_photo(), a_photo()] };
    carries(photos!(summarize), Summarize { owner }, summary).await;
    carries(photos!(summarize), Summarize { owner }, Summary::default()).await;
    carries(photos!(delete), photo::Delete { owner, photo }, ()).await;
    carries(photos!(apply_user_event), photo::ApplyUserEvent(event()), ()).await;
}

#[tokio::test]
async fn a_bridge_serves_an_ask_wherever_a_local_actor_would() {
    let node = crate::support::answering(|| Ok(live()));
    let bridge: Bridge<portico_bus::grpc::Sessions> = Bridge::new(Peers::new(settings(&[node.address])));

    let ask: Ask<Validate> = Ask::new(bridge.clone());

    assert!(ask.ask(validate()).await.is_ok());
}
