//! A stand-in for Mega.nz: a server on this machine that speaks as much of its protocol as a client needs that signs in, lists,
//! puts, reads and deletes files.
//!
//! Mega itself is out of reach of tests. What is written here follows its published clients, and knows no more than a server may:
//! names and keys of files are opaque to it. `docs/adr/004` tells how it was held against another client.
//!
//! - `account`: whose password it is, and what that opens. `files`: the tree, and who hears of its changes. `api`: the commands.
//! - `storage`: bytes going in and out. `faults`: what goes wrong on demand.

mod account;
mod api;
mod faults;
mod files;
mod storage;

use std::{
    net::TcpListener,
    sync::{Arc, Mutex, MutexGuard, mpsc},
    thread,
};

use actix_web::{App, HttpServer, dev::ServerHandle, rt::System, web};

pub use self::faults::Fault;
use self::{account::Account, faults::Faults, files::Files};

/// Larger than anything that is put.
const BODY_MAX_BYTES: usize = 64 * 1024 * 1024;

/// A running stand-in, with one account; it ends when this is dropped.
pub struct Mega {
    url: String,
    state: Shared,
    server: ServerHandle,
}

type Shared = Arc<Mutex<State>>;

struct State {
    url: String,
    account: Account,
    files: Files,
    faults: Faults,
}

fn lock(state: &Shared) -> MutexGuard<'_, State> {
    state.lock().unwrap()
}

impl Mega {
    /// The account's e-mail address.
    pub const EMAIL: &str = "portico@example.com";
    /// Its password.
    pub const PASSWORD: &str = "copper lantern meadow";

    /// Starts it on a free port.
    ///
    /// # Panics
    /// When there is none.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let account = Account::new(Self::EMAIL, Self::PASSWORD);
        let state = State { url: url.clone(), account, files: Files::new(), faults: Faults::default() };
        let state = Arc::new(Mutex::new(state));
        let (sender, receiver) = mpsc::channel();
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            System::new().block_on(async move {
                let server = HttpServer::new(move || {
                    App::new()
                        .app_data(web::Data::new(Arc::clone(&shared)))
                        .app_data(web::PayloadConfig::new(BODY_MAX_BYTES))
                        .route("/cs", web::post().to(api::commands))
                        .route("/sc", web::get().to(api::changes))
                        .route("/ul/{place}/0", web::post().to(storage::upload))
                        .route("/dl/{handle}/{range}", web::get().to(storage::download))
                });
                let server = server.workers(1).disable_signals().listen(listener).unwrap().run();
                sender.send(server.handle()).unwrap();
                server.await.unwrap();
            });
        });
        Self { url, state, server: receiver.recv().unwrap() }
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Has the next `times` of something go wrong: of a command (`us`, `u`, `p`, `g`, `d`, `f`, `uq`), of looking at changes
    /// (`sc`), or of sending (`upload`) and reading bytes (`download`).
    pub fn fail(&self, what: &'static str, fault: Fault, times: usize) {
        lock(&self.state).faults.add(what, fault, times);
    }

    /// How often something was asked for.
    pub fn calls(&self, what: &str) -> usize {
        lock(&self.state).faults.calls(what)
    }

    /// Ends every session.
    pub fn end_sessions(&self) {
        lock(&self.state).account.end_sessions();
    }

    /// Whether the account has any room left.
    pub fn set_full(&self, is_full: bool) {
        lock(&self.state).account.is_full = is_full;
    }

    /// How many files there are.
    pub fn files(&self) -> usize {
        lock(&self.state).files.count()
    }

    /// Changes a bit of everything that is kept.
    pub fn alter(&self) {
        lock(&self.state).files.alter();
    }

    /// Forgets what has changed until now: who asks for that must read the whole tree.
    pub fn forget_changes(&self) {
        lock(&self.state).files.forget_changes();
    }
}

impl Drop for Mega {
    fn drop(&mut self) {
        drop(self.server.stop(false));
    }
}
