//! Content in S3-compatible storage: an object for each rendition, under the names that files have.
//!
//! Invariant: what is there is whole. An object appears when all of its parts are there and their checksums are right; the
//! parts of a write that was cut off are nobody's object, and the bucket's lifecycle rule removes them.
//!
//! A call that fails for now is repeated a few times, each try within `timeout`; then the caller hears that the storage is
//! unavailable, and those who come next hear it at once. Repeating does no harm: a key is never reused, and means the same
//! bytes each time.

use std::{
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use opendal::{
    ErrorKind, HttpTransporter, OperationContext, Operator,
    layers::{RetryEvent, RetryLayer, TimeoutLayer},
    services::S3,
};
use opendal_http_transport_reqwest::ReqwestTransport;
use portico_kernel::StoreError;
use portico_photo::{ByteStream, ContentKey, ContentStore};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Semaphore;

use super::{absent, check, failed, path, silence::Silence, stream_of, web, write};
use crate::Unopened;

/// The least size of a part that S3 takes, but for the last one. So much of each write lies in memory.
const PART_BYTES: usize = 5 * 1024 * 1024;
/// Writes at the same time: 80 MiB of parts.
const WRITES_MAX: usize = 16;
/// How often a call is repeated that failed for now.
const REPEATS_MAX: usize = 2;
/// The wait before the first repetition; the second is twice as long.
const REPEAT_AFTER: Duration = Duration::from_millis(100);

/// How S3-compatible storage is reached.
#[derive(Debug, Clone)]
pub struct ObjectSettings {
    /// Where it is: `https://s3.eu-central-1.amazonaws.com`, `http://127.0.0.1:9000`.
    pub endpoint: String,
    /// The region that requests are signed for.
    pub region: String,
    /// The bucket, which exists.
    pub bucket: String,
    /// What all names begin with; empty for none.
    pub prefix: String,
    /// The key's name.
    pub access_key_id: SecretString,
    /// The key.
    pub secret_access_key: SecretString,
    /// The authorities that vouch for the endpoint (PEM), beside the public ones.
    pub ca_file: Option<PathBuf>,
    /// Whether the bucket is a part of the host's name rather than of the path.
    pub virtual_host: bool,
    /// How long one try of a call may take, and the storage may be silent within one.
    pub timeout: Duration,
}

/// Keeps content in objects. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ContentObjects {
    operator: Operator,
    writes: Arc<Semaphore>,
    silence: Arc<Silence>,
}

impl ContentObjects {
    /// Reaches the bucket, and proves that it can be written and read.
    ///
    /// # Errors
    /// [`Unopened`] names the setting that is to blame.
    pub async fn connect(settings: &ObjectSettings) -> Result<Self, Unopened> {
        let operator = operator(settings)?;
        check(&operator).await.map_err(|error| refused(&error))?;
        let writes = Arc::new(Semaphore::new(WRITES_MAX));
        Ok(Self { operator, writes, silence: Arc::new(Silence::after(settings.timeout)) })
    }

    async fn keep(&self, path: &str, file: &Path) -> Result<(), StoreError> {
        let _place = self.writes.acquire().await.map_err(failed)?;
        let written = async {
            let writer = self.operator.writer_with(path).chunk(PART_BYTES).await?;
            write(file, writer).await
        };
        self.silence.call(async { written.await.map_err(failed) }).await
    }

    async fn begin(&self, path: &str, range: Range<u64>) -> Result<Option<ByteStream>, StoreError> {
        let reader = self.operator.reader(path).await.map_err(failed)?; // one request for all of the range
        stream_of(&self.operator, path, reader, range).await
    }
}

#[async_trait]
impl ContentStore for ContentObjects {
    async fn put(&self, key: ContentKey, file: &Path) -> Result<(), StoreError> {
        // On a task of its own, for the reason that files have: what a caller that has gone leaves is whole or nothing.
        let (objects, file) = (self.clone(), file.to_owned());
        let kept = tokio::spawn(async move { objects.keep(&path(key), &file).await });
        kept.await.map_err(failed)?
    }

    async fn open(&self, key: ContentKey, range: Range<u64>) -> Result<Option<ByteStream>, StoreError> {
        self.silence.call(self.begin(&path(key), range)).await
    }

    async fn delete(&self, key: ContentKey) -> Result<(), StoreError> {
        let path = path(key);
        self.silence.call(async { self.operator.delete(&path).await.or_else(absent).map_err(failed) }).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.silence.ask(async { check(&self.operator).await.map_err(failed) }).await
    }
}

fn operator(settings: &ObjectSettings) -> Result<Operator, Unopened> {
    let service = S3::default()
        .root(&settings.prefix)
        .endpoint(&settings.endpoint)
        .region(&settings.region)
        .bucket(&settings.bucket)
        .access_key_id(settings.access_key_id.expose_secret())
        .secret_access_key(settings.secret_access_key.expose_secret())
        .checksum_algorithm("crc32c")
        .disable_config_load() // the node's own configuration is all that counts
        .disable_ec2_metadata();
    let service = if settings.virtual_host { service.enable_virtual_host_style() } else { service };
    let transport =
        HttpTransporter::new(ReqwestTransport::new(web::client(settings.ca_file.as_deref(), settings.timeout)?));
    let repeats = RetryLayer::new().with_max_times(REPEATS_MAX).with_min_delay(REPEAT_AFTER).with_jitter().with_notify(
        |event: RetryEvent<'_>| {
            tracing::debug!(error = event.err as &dyn std::error::Error, "object storage is asked again");
        },
    );
    let operator = Operator::new(service).map_err(|error| Unopened::for_good("endpoint", error.to_string()))?;
    Ok(operator
        .with_context(OperationContext::new().with_http_transport(transport))
        .layer(TimeoutLayer::new().with_timeout(settings.timeout).with_io_timeout(settings.timeout))
        .layer(repeats))
}

/// What the storage says of the first write.
fn refused(error: &opendal::Error) -> Unopened {
    let told = |reason: &str| format!("the storage refuses: {reason}");
    match error.kind() {
        ErrorKind::PermissionDenied => denied(error.message(), told),
        ErrorKind::NotFound => Unopened::for_good("bucket", told("there is no such bucket")),
        ErrorKind::ConfigInvalid => Unopened::for_good("endpoint", told(error.message())),
        _ if is_untrusted(error) => {
            Unopened::for_good("ca_file", format!("the storage is not trusted: {}", chain(error)))
        }
        _ => Unopened {
            key: "endpoint",
            ..Unopened::for_now(format!("the storage cannot be reached: {}", chain(error)))
        },
    }
}

/// Whether nobody vouches for the storage's certificate.
fn is_untrusted(error: &opendal::Error) -> bool {
    std::iter::successors(std::error::Error::source(error), |cause| cause.source()).any(tells_of_certificate)
}

/// An I/O error hides what it wraps from those who look for its source.
fn tells_of_certificate(error: &(dyn std::error::Error + 'static)) -> bool {
    let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    matches!(error.downcast_ref(), Some(rustls::Error::InvalidCertificate(_)))
        || wrapped.is_some_and(|error| tells_of_certificate(error))
}

/// Which half of the key is wrong, by the code of S3's answer where it has one (S3 API reference, error responses).
fn denied(answer: &str, told: impl Fn(&str) -> String) -> Unopened {
    if answer.contains("SignatureDoesNotMatch") {
        return Unopened::for_good("secret_access_key", told("it is not the secret of access_key_id"));
    }
    if answer.contains("InvalidAccessKeyId") || answer.contains("NotSignedUp") {
        return Unopened::for_good("access_key_id", told("there is no such key"));
    }
    Unopened::for_good("access_key_id", told("it may not write there, or is wrong, or secret_access_key is"))
}

/// The causes beneath, which `OpenDAL` leaves out of what it says in one line.
fn chain(error: &opendal::Error) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    std::iter::once(error.message().to_owned()).chain(causes.map(ToString::to_string)).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_that_is_not_there_is_told_as_such() {
        let error = opendal::Error::new(ErrorKind::NotFound, "NoSuchBucket"); // the tests' server makes one

        let refused = refused(&error);

        assert_eq!((refused.key, refused.passes), ("bucket", false));
    }

    #[test]
    fn the_half_of_the_key_is_named_that_the_storage_says_is_wrong() {
        for (answer, key) in [
            ("S3Error { code: \"SignatureDoesNotMatch\", .. }", "secret_access_key"),
            ("S3Error { code: \"InvalidAccessKeyId\", .. }", "access_key_id"),
            ("S3Error { code: \"AccessDenied\", .. }", "access_key_id"),
        ] {
            let refused = refused(&opendal::Error::new(ErrorKind::PermissionDenied, answer));

            assert_eq!((refused.key, refused.passes), (key, false), "{answer}");
        }
    }
}
