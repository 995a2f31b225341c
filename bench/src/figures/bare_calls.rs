//! `me_remote_bare` and `me_remote_tls`: `GET /me` over four nodes against the same three calls made bare, and with the TLS by
//! which nodes know each other against without.

use std::{thread, time::Duration};

use portico_bus::grpc::proto::{
    photo::v1::{Photo, SummarizePhotosRequest, SummarizePhotosResponse},
    session::v1::{ValidateSessionRequest, ValidateSessionResponse},
    user::v1::{GetUserRequest, GetUserResponse, User},
};
use prost::Message as _;
use prost_types::Timestamp;

use super::{
    cost::Cpu,
    nodes::{Nodes, Trust},
    operations::Operation,
    remote::{Found, Side, figure},
    shared::{closed_loop, expect_only},
};
use crate::{
    accounts::{self, Account},
    figure::Figure,
    load::Request,
    node::Node,
    reference::{
        Canned,
        calls::{self, Relayed},
    },
    run::{Failure, Run},
};

/// How long one side is measured before the other one's turn.
const WINDOW: Duration = Duration::from_secs(4);

/// Any moment takes as much.
const MOMENT: Timestamp = Timestamp { seconds: 1_780_000_000, nanos: 123_456_000 };

/// Measures both.
///
/// # Errors
/// A node cannot be started, or answers anything but what it should.
pub fn measure(run: &Run) -> Result<Vec<Figure>, Failure> {
    let plain = Side::new(run, Nodes::apart(run, Trust::Plain)?)?;
    let tls = Side::new(run, Nodes::apart(run, Trust::Tls)?)?;
    let bare = Bare::start(run, &plain)?;
    let [mut with_plain, mut with_tls, mut with_bare] = [Found::default(), Found::default(), Found::default()];
    plain.turn(Operation::Me, WINDOW / 4)?; // to warm up
    tls.turn(Operation::Me, WINDOW / 4)?;
    bare.measure(run, &mut Found::default())?;
    for repeat in 0..run.repeats() {
        bare.measure(run, &mut with_bare)?;
        plain.measure(Operation::Me, &mut with_plain)?;
        tls.measure(Operation::Me, &mut with_tls)?;
        let [plain, tls, bare] = [&with_plain, &with_tls, &with_bare].map(|found| found.costs.total().last());
        run.progress(format!("me_remote_bare {}: {plain:.1} against {bare:.1} us, with TLS {tls:.1} us", repeat + 1));
    }
    let bare =
        "bare actix-web handler that makes three unary calls through tonic's channel, of three bare tonic servers";
    Ok(vec![
        figure(run, "me_remote_bare", &with_plain, (bare, &with_bare))
            .note("both messages and both answers have as many bytes as those of Portico; no deadline, no trace, no log"),
        figure(run, "me_remote_tls", &with_tls, ("the same nodes without TLS", &with_plain))
            .note("TLS 1.3 on both sides of each connection between nodes, with a certificate for each role; none before clients"),
    ])
}

/// The same hops without Portico.
struct Bare {
    relay: Node,
    servers: [(&'static str, Node); 3],
}

impl Bare {
    /// Starts processes that answer as those of `side` do.
    fn start(run: &Run, side: &Side<'_>) -> Result<Self, Failure> {
        let (account, core) = (side.somebody(), run.cores.server());
        let me = accounts::ask(side.gateway(), &Request::get("/me", Some(&account.token)))?;
        let sizes = [of_session(account), of_user(account), of_photos(account)];
        let server = |sizes: &Sizes| calls::start_server(sizes.answer, &run.bench, core);
        let [session, user, photo] = [server(&sizes[0])?, server(&sizes[1])?, server(&sizes[2])?];
        let canned = Canned { status: me.status, headers: Vec::new(), body: me.body };
        let first = (session.nodes, sizes[0].request);
        let then = vec![(user.nodes, sizes[1].request), (photo.nodes, sizes[2].request)];
        let relay = calls::start_relay(&Relayed { canned, first, then }, &run.bench, core)?;
        Ok(Self { relay, servers: [("session", session), ("user", user), ("photo", photo)] })
    }

    fn measure(&self, run: &Run, found: &mut Found) -> Result<(), Failure> {
        let before = self.cpu()?;
        let outcome = closed_loop(run, self.relay.gateway, &[Request::get("/me", None)], run.window(WINDOW))?;
        expect_only(&outcome, 200)?;
        thread::sleep(Duration::from_millis(100));
        found.costs.add(&self.cpu()?.since(&before), outcome.answered());
        found.rates.add(outcome.rate(200));
        Ok(())
    }

    fn cpu(&self) -> Result<Cpu, Failure> {
        let mut cpu = Cpu::default();
        cpu.add("gateway", self.relay.cpu()?);
        for (role, server) in &self.servers {
            cpu.add(role, server.cpu()?);
        }
        Ok(cpu)
    }
}

/// A message and its answer, encoded, in bytes.
struct Sizes {
    request: usize,
    answer: usize,
}

/// Those of a session check.
fn of_session(account: &Account) -> Sizes {
    let id = account.id.clone(); // every id is as long
    let request = ValidateSessionRequest { token: account.token.clone() };
    let answer = ValidateSessionResponse { session_id: id.clone(), user_id: id };
    Sizes { request: request.encoded_len(), answer: answer.encoded_len() }
}

/// Those of a profile.
fn of_user(account: &Account) -> Sizes {
    let moment = Some(MOMENT);
    let (id, email) = (account.id.clone(), account.email.clone());
    let name = email.split('@').next().unwrap_or_default().to_owned();
    let user = User { id: id.clone(), name, email, created_at: moment, updated_at: moment, version: 1 };
    let request = GetUserRequest { user_id: id };
    Sizes { request: request.encoded_len(), answer: GetUserResponse { user: Some(user) }.encoded_len() }
}

/// Those of the photos that stand in it: one.
fn of_photos(account: &Account) -> Sizes {
    let id = account.id.clone();
    let photo = Photo {
        id: id.clone(),
        owner_id: id.clone(),
        content_type: 1,
        size_bytes: 2_000_000,
        width: 3264,
        height: 2448,
        sha256: vec![0; 32].into(),
        thumb_type: 1,
        thumb_size_bytes: 20_000,
        thumb_sha256: vec![0; 32].into(),
        created_at: Some(MOMENT),
    };
    let request = SummarizePhotosRequest { owner_id: id };
    let answer = SummarizePhotosResponse { count: 1, latest: vec![photo] };
    Sizes { request: request.encoded_len(), answer: answer.encoded_len() }
}
