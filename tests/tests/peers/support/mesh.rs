//! A node that hosts sessions, and a front that hosts everything else and asks it.

use std::net::SocketAddr;

use portico_tests::{Answer, Client, Home, Member, PASSWORD};
use serde_json::json;

use super::Certs;

/// What a test of bad peers is about: fields are dropped in this order, the directory last.
pub(crate) struct Mesh {
    pub(crate) session: Member,
    pub(crate) certs: Certs,
    pub(crate) home: Home,
}

/// Everything but sessions.
const FRONT: [&str; 4] = ["gateway", "user", "photo", "log"];

impl Mesh {
    /// A node with sessions that speaks TLS by a new authority.
    pub(crate) async fn new() -> Self {
        let home = Home::new();
        let certs = Certs::new(&home, "certs");
        certs.issue(&home, "session", &["session"], "90");
        certs.issue(&home, "front", &FRONT, "90");
        let mut settings = certs.settings("session");
        settings.push(("node.listen".to_owned(), "127.0.0.1:0".to_owned()));
        let session = Member::start(&home, "session", &["session"], &settings).await;
        Self { session, certs, home }
    }

    /// A front that asks the node with sessions.
    pub(crate) async fn front(&self) -> Member {
        self.front_of(&[self.session.address()], &[]).await
    }

    /// A front that asks these nodes, with settings of its own.
    pub(crate) async fn front_of(&self, sessions: &[SocketAddr], own: &[(&str, &str)]) -> Member {
        let sessions: Vec<_> = sessions.iter().map(ToString::to_string).collect();
        let mut settings = self.certs.settings("front");
        settings.push(("node.peers.session".to_owned(), format!("[{}]", sessions.join(", "))));
        settings.extend(own.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        Member::start(&self.home, "front", &FRONT, &settings).await
    }
}

/// Signs somebody up, which asks for a session.
pub(crate) async fn register(client: &Client, name: &str) -> Client {
    try_to_register(client, name).await.unwrap_or_else(|answer| panic!("{answer:?}"))
}

/// The same where it may fail.
pub(crate) async fn try_to_register(client: &Client, name: &str) -> Result<Client, Answer> {
    let new = json!({ "name": name, "email": format!("{name}@example.com"), "password": PASSWORD });
    let answer = client.post("/reg?transport=bearer").json(&new).await;
    match answer.json()["token"].as_str() {
        Some(token) => Ok(client.with_token(token)),
        None => Err(answer),
    }
}
