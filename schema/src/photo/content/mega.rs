//! Content in an account of Mega.nz: a file for each rendition, all in one folder.
//!
//! Invariant: what is there is whole. A file appears once all of its bytes are there, with the MAC that they were sent with; a
//! later one takes an earlier one's place. What was deleted is gone for good, and not in the rubbish bin.
//!
//! A client of our own: the one that there is for Rust is none for a server (docs/adr/004).
//!
//! - `session`: signing in. `account`: one session for all, and what is asked within it.
//! - `tree`: names, which Mega does not know. `download`: bytes on their way. `crypto`, `api`, `error`: what all stand on.

mod account;
mod api;
mod crypto;
mod download;
mod error;
mod session;
mod tree;

use std::{
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use futures_util::{StreamExt as _, stream};
use portico_kernel::StoreError;
use portico_photo::{ByteStream, ContentKey, ContentStore};
use reqwest::Url;
use secrecy::SecretString;
use tokio::sync::Semaphore;

use self::{account::Account, api::Api, download::Download, error::Error, tree::File};
use super::{extension, failed, silence::Silence, web};
use crate::Unopened;

/// Writes at the same time: Mega refuses whoever has too many transfers.
const WRITES_MAX: usize = 4;

/// How an account is reached.
#[derive(Debug, Clone)]
pub struct MegaSettings {
    /// Where the API is: `https://g.api.mega.co.nz`.
    pub endpoint: String,
    /// The account's e-mail address.
    pub email: SecretString,
    /// Its password.
    pub password: SecretString,
    /// The folder of its cloud drive that holds the content; made if it is missing.
    pub folder: String,
    /// The authorities that vouch for the endpoint (PEM), beside the public ones.
    pub ca_file: Option<PathBuf>,
    /// How long one try of a call may take, and Mega may be silent within one.
    pub timeout: Duration,
}

/// Keeps content at Mega. Cheap to clone.
#[derive(Clone)]
pub struct ContentMega {
    account: Arc<Account>,
    writes: Arc<Semaphore>,
    silence: Arc<Silence>,
}

impl ContentMega {
    /// Signs in, and reads what is there.
    ///
    /// # Errors
    /// [`Unopened`] names the setting that is to blame.
    pub async fn connect(settings: &MegaSettings) -> Result<Self, Unopened> {
        let client = web::client(settings.ca_file.as_deref(), settings.timeout)?;
        let endpoint = Url::parse(&settings.endpoint)
            .map_err(|error| Unopened::for_good("mega.endpoint", format!("is no address: {error}")))?;
        let api = Api::new(client, endpoint, settings.timeout);
        let (email, password) = (settings.email.clone(), settings.password.clone());
        let account = Arc::new(Account::new(api, email, password, settings.folder.clone()));
        account.prepare().await.map_err(|error| refused(&error))?;
        account.check().await.map_err(|error| refused(&error))?;
        let writes = Arc::new(Semaphore::new(WRITES_MAX));
        Ok(Self { account, writes, silence: Arc::new(Silence::after(settings.timeout)) })
    }

    async fn keep(&self, name: &str, file: &Path) -> Result<(), StoreError> {
        let _place = self.writes.acquire().await.map_err(failed)?;
        self.silence.call(self.replace(name, file)).await
    }

    async fn replace(&self, name: &str, file: &Path) -> Result<(), StoreError> {
        let earlier = self.account.tree().files(name);
        match self.account.put(name, file).await {
            Ok(made) => self.account.tree().made(name, made),
            Err(error) => {
                // Its answer may have been lost alone: what has to be deleted is found once the tree was read.
                self.account.tree().doubt();
                return Err(error.into());
            }
        }
        self.remove(earlier).await
    }

    /// The files of a name. A name that is not known may be another node's.
    async fn files(&self, name: &str) -> Result<Vec<File>, Error> {
        if let Some(known) = self.account.tree().known(name) {
            return Ok(known);
        }
        self.account.refresh().await?;
        Ok(self.account.tree().files(name))
    }

    async fn remove(&self, files: Vec<File>) -> Result<(), StoreError> {
        for file in files {
            self.account.delete(&file.handle).await?;
            self.account.tree().gone(&file.handle);
        }
        Ok(())
    }

    /// Begins to read; none when there is nothing any more.
    async fn begin(&self, name: &str, range: &Range<u64>) -> Result<Option<ByteStream>, Error> {
        let Some(file) = self.files(name).await?.pop() else {
            return Ok(None);
        };
        if range.is_empty() {
            return Ok(Some(stream::empty().boxed()));
        }
        let handle = file.handle.clone();
        let mut download = Download::new(Arc::clone(&self.account), file, range.clone());
        match download.next().await {
            Ok(None) => Ok(Some(stream::empty().boxed())),
            Ok(Some(first)) => {
                let rest = stream::try_unfold(download, |mut download| async move {
                    Ok::<_, StoreError>(download.next().await?.map(|chunk| (chunk, download)))
                });
                Ok(Some(stream::iter([Ok(first)]).chain(rest).boxed()))
            }
            Err(error) => {
                if error.is_absent() {
                    self.account.tree().gone(&handle); // another node has deleted it
                }
                Err(error)
            }
        }
    }
}

#[async_trait]
impl ContentStore for ContentMega {
    async fn put(&self, key: ContentKey, file: &Path) -> Result<(), StoreError> {
        // On a task of its own, for the reason that files have: what a caller that has gone leaves is whole or nothing.
        let (mega, file) = (self.clone(), file.to_owned());
        tokio::spawn(async move { mega.keep(&name(key), &file).await }).await.map_err(failed)?
    }

    async fn open(&self, key: ContentKey, range: Range<u64>) -> Result<Option<ByteStream>, StoreError> {
        let name = name(key);
        let begun = async {
            match self.begin(&name, &range).await {
                Err(error) if error.is_absent() => Ok(self.begin(&name, &range).await?),
                begun => Ok(begun?),
            }
        };
        self.silence.call(begun).await
    }

    async fn delete(&self, key: ContentKey) -> Result<(), StoreError> {
        let name = name(key);
        self.silence.call(async { self.remove(self.files(&name).await?).await }).await
    }

    /// That the session is good and that there is room: Mega's rate limits do not bear a file that is written for each question.
    async fn check(&self) -> Result<(), StoreError> {
        self.silence.ask(async { Ok(self.account.check().await?) }).await
    }
}

/// The name of a file; folders would cost a request each.
fn name(key: ContentKey) -> String {
    format!("{}.{}.{}", key.owner, key.photo, extension(key.rendition))
}

/// What Mega says to the first questions.
fn refused(error: &Error) -> Unopened {
    let told = format!("Mega refuses: {error}");
    match error {
        Error::Said(-9) => Unopened::for_good("mega.password", format!("{told}: e-mail address or password is wrong")),
        Error::Said(-13 | -16 | -26) | Error::OldAccount(_) => Unopened::for_good("mega.email", told),
        _ => {
            let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
            let detail = causes.fold(error.to_string(), |told, cause| format!("{told}: {cause}"));
            Unopened { key: "mega.endpoint", detail, passes: true }
        }
    }
}
