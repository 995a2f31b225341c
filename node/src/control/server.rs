//! The node's side of the control socket.

use std::{
    fs::{self, Permissions},
    io,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    sync::Arc,
};

use futures_util::{SinkExt as _, StreamExt as _};
use portico_kernel::{Ask, Blame, FieldError, UserId};
use portico_photo::{Move, PhotoId};
use portico_user::{Email, Import, Imported, Name, NewAccount, PasswordHash, ResetPassword, SignOut};
use tokio::{
    net::{UnixListener, UnixStream},
    sync::Semaphore,
};
use tokio_util::codec::{Framed, LinesCodec};

use super::{ImportLine, LINE_MAX_BYTES, Outcome, Places, Reply, Request};

/// The most connections at the same time.
const CONNECTIONS_MAX: usize = 8;

/// Answers control requests through the domains that this process hosts.
#[derive(Clone)]
pub(crate) struct Control {
    /// Those about users.
    pub(crate) users: Option<UserControl>,
    /// Those about photos.
    pub(crate) photos: Option<PhotoControl>,
}

/// Answers those about users.
#[derive(Clone)]
pub(crate) struct UserControl {
    /// Gives one-time passwords.
    pub(crate) reset_password: Ask<ResetPassword>,
    /// Ends all sessions of an account.
    pub(crate) sign_out: Ask<SignOut>,
    /// Takes over accounts.
    pub(crate) import: Ask<Import>,
}

/// Answers those about photos.
#[derive(Clone)]
pub(crate) struct PhotoControl {
    /// Moves their content.
    pub(crate) move_photos: Ask<Move>,
    /// From where to where it would be moved.
    pub(crate) places: Option<Places>,
}

impl Control {
    /// Answers one request.
    pub(crate) async fn answer(&self, request: Request) -> Reply {
        match (request, &self.users, &self.photos) {
            (Request::ResetPassword { email }, Some(users), _) => told(users.reset(&email).await),
            (Request::SignOut { email }, Some(users), _) => told(users.end_sessions(&email).await),
            (Request::Import { users: accounts }, Some(users), _) => told(users.take_over(&accounts).await),
            (Request::MovePhotos { places, after }, _, Some(photos)) => photos.move_some(places, after).await,
            _ => Reply::Elsewhere,
        }
    }
}

impl PhotoControl {
    async fn move_some(&self, places: Places, after: Option<(UserId, PhotoId)>) -> Reply {
        if self.places != Some(places) {
            return Reply::OtherPlaces;
        }
        let moved = self.move_photos.ask(Move { after }).await;
        moved.map_or_else(|error| failed(&error), |moved| Reply::Moved(moved.into()))
    }
}

fn told(answer: Result<Reply, portico_user::Error>) -> Reply {
    answer.unwrap_or_else(|error| failed(&error))
}

impl UserControl {
    async fn reset(&self, email: &str) -> Result<Reply, portico_user::Error> {
        let password = self.reset_password.ask(ResetPassword { email: address(email)? }).await?;
        Ok(Reply::Password(password.expose().to_owned()))
    }

    async fn end_sessions(&self, email: &str) -> Result<Reply, portico_user::Error> {
        self.sign_out.ask(SignOut { email: address(email)? }).await?;
        Ok(Reply::SignedOut)
    }

    async fn take_over(&self, lines: &[ImportLine]) -> Result<Reply, portico_user::Error> {
        let parsed: Vec<_> = lines.iter().map(account).collect();
        let users = parsed.iter().filter_map(|account| account.as_ref().ok().cloned()).collect();
        let mut imported = self.import.ask(Import { users }).await?.into_iter();
        let outcome = |account: Result<NewAccount, FieldError>| match account {
            Err(error) => Outcome::refused(&error),
            Ok(_) => match imported.next() {
                Some(Imported::Opened(_)) => Outcome::Opened,
                Some(Imported::EmailTaken) | None => Outcome::Present,
            },
        };
        Ok(Reply::Imported(parsed.into_iter().map(outcome).collect()))
    }
}

fn failed(error: &impl Blame) -> Reply {
    Reply::Failed { code: error.code().into(), detail: error.to_string() }
}

impl Outcome {
    fn refused(error: &FieldError) -> Self {
        Self::Refused { field: error.field.to_string(), code: error.code.into(), detail: error.detail.to_string() }
    }
}

/// No account has what is no address.
fn address(email: &str) -> Result<Email, portico_user::Error> {
    Email::parse(email).map_err(|_| portico_user::Error::Unknown)
}

fn account(line: &ImportLine) -> Result<NewAccount, FieldError> {
    Ok(NewAccount {
        name: Name::parse(&line.name).map_err(|rule| rule.of("name"))?,
        email: Email::parse(&line.email).map_err(|rule| rule.of("email"))?,
        password: PasswordHash::import(&line.password_hash).map_err(|rule| rule.of("password_hash"))?,
    })
}

/// Listens on `path` until the returned task is aborted.
///
/// # Errors
/// The operator's: the socket cannot be made, such as when the path is longer than the system allows (107 bytes).
pub(crate) fn serve(path: &Path, control: Control) -> io::Result<tokio::task::JoinHandle<()>> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    Ok(tokio::spawn(accept(listener, control)))
}

async fn accept(listener: UnixListener, control: Control) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let place = Arc::clone(&places).acquire_owned().await.expect("the semaphore is never closed");
        match listener.accept().await {
            Ok((stream, _)) => {
                let control = control.clone();
                tokio::spawn(async move {
                    converse(stream, &control).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(error = %error, "control connection failed");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        }
    }
}

async fn converse(stream: UnixStream, control: &Control) {
    let mut lines = Framed::new(stream, LinesCodec::new_with_max_length(LINE_MAX_BYTES));
    while let Some(Ok(line)) = lines.next().await {
        let reply = match serde_json::from_str(&line) {
            Ok(request) => control.answer(request).await,
            Err(_) => Reply::Failed { code: "malformed".into(), detail: "request cannot be understood".into() },
        };
        let reply = serde_json::to_string(&reply).expect("plain enums serialise");
        if lines.send(reply).await.is_err() {
            return;
        }
    }
}
