//! Accounts to make load with, registered over the API like anybody's.

use std::net::SocketAddr;

use serde::Deserialize;
use serde_json::json;

use crate::{
    load::{Connection, Request},
    run::Failure,
};

/// The password of every account.
pub const PASSWORD: &str = "quartz violin umbrella";

/// Somebody with a live session.
#[derive(Debug, Clone)]
pub struct Account {
    /// The user's id.
    pub id: String,
    /// The address to sign in under.
    pub email: String,
    /// What opens the session.
    pub token: String,
}

#[derive(Deserialize)]
struct Registered {
    token: String,
    user: User,
}

#[derive(Deserialize)]
struct User {
    id: String,
}

/// An answer with its body.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body, which is text in every answer that is asked for here.
    pub body: String,
}

impl Account {
    /// What signs this account in.
    pub fn sign_in(&self) -> Request {
        Request::post("/auth?transport=bearer", &json!({ "email": self.email, "password": PASSWORD }))
    }
}

/// What registers the account `name`, and no other request does.
pub fn registration(name: &str) -> Request {
    let email = format!("{name}@example.com");
    Request::post("/reg?transport=bearer", &json!({ "name": name, "email": email, "password": PASSWORD }))
}

/// Registers `count` accounts, one after the other.
///
/// # Errors
/// The server cannot be reached, or answers anything but 201.
pub fn register(server: SocketAddr, count: usize) -> Result<Vec<Account>, Failure> {
    (0..count).map(|number| register_one(server, &format!("account{number}"))).collect()
}

fn register_one(server: SocketAddr, name: &str) -> Result<Account, Failure> {
    let answer = ask(server, &registration(name))?;
    if answer.status != 201 {
        return Err(Failure::said(format!("POST /reg answered {}: {}", answer.status, answer.body)));
    }
    let Registered { token, user } = serde_json::from_str(&answer.body).map_err(Failure::said)?;
    Ok(Account { id: user.id, email: format!("{name}@example.com"), token })
}

/// Asks once, over a connection of its own.
///
/// # Errors
/// The server cannot be reached, or its answer is none.
pub fn ask(server: SocketAddr, request: &Request) -> Result<Answer, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let exchange = async {
        let mut connection = Connection::open(server).await?;
        let reply = connection.exchange(request).await?;
        let body = String::from_utf8_lossy(connection.body(&reply)).into_owned();
        std::io::Result::Ok(Answer { status: reply.status, body })
    };
    runtime.block_on(exchange).map_err(Failure::io(format!("{server} cannot be asked")))
}
