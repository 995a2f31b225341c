//! The reference of hot requests: a bare actix-web handler, in a process of its own, that answers the same bytes.
//!
//! It does what cannot be left out (reading, parsing, routing, writing) and nothing else: no session, no limits, no
//! headers but the content's own, no log.

#[cfg(feature = "distributed")]
pub mod calls;

use std::{
    io,
    process::{Command, Stdio},
};

use actix_web::{
    App, HttpResponse, HttpServer,
    http::StatusCode,
    web::{self, Bytes},
};
use serde::{Deserialize, Serialize};

use crate::{node::Node, run::Failure};

/// What is answered to every request.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Canned {
    /// The status.
    pub status: u16,
    /// The headers that the answer is about.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

/// Starts it as a process of its own that stays on `core`, if one is given: `bench` with the argument `reference`.
///
/// # Errors
/// It cannot be started.
pub fn start(canned: &Canned, bench: &std::path::Path, core: Option<usize>) -> Result<Node, Failure> {
    let canned = serde_json::to_string(canned).map_err(Failure::said)?;
    let mut command = Command::new(bench);
    command.args(["reference", &canned]).stderr(Stdio::inherit());
    Node::start(command, core)
}

/// Serves `canned` with one worker until the process is killed.
///
/// # Errors
/// No port is free.
pub fn serve(canned: Canned) -> io::Result<()> {
    actix_web::rt::System::new().block_on(async move {
        let status = StatusCode::from_u16(canned.status).map_err(io::Error::other)?;
        let body = Bytes::from(canned.body);
        let headers = canned.headers;
        let server = HttpServer::new(move || {
            let (body, headers) = (body.clone(), headers.clone());
            let answer = move || {
                let mut answer = HttpResponse::build(status);
                for (name, value) in &headers {
                    answer.insert_header((name.as_str(), value.as_str()));
                }
                std::future::ready(answer.body(body.clone()))
            };
            App::new()
                .default_service(web::to(answer.clone()))
                .route("/me", web::get().to(answer.clone()))
                .route("/session/verify", web::get().to(answer))
        })
        .workers(1)
        .bind("127.0.0.1:0")?;
        let address = server.addrs()[0];
        println!("operator listening on http://{address}\ngateway listening on http://{address}");
        server.run().await
    })
}
