//! Asks Mega's API: one command at a time, as JSON.
//!
//! Invariant: an answer is bounded in time, silence within it too, and in size.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use backon::{ExponentialBuilder, Retryable as _};
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _, stream::BoxStream};
use reqwest::{Client, RequestBuilder, Response, Url};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::time::timeout;

use super::{crypto::random, error::Error};

/// How often something is done again that failed for now.
const REPEATS_MAX: usize = 2;
/// The wait before the first repetition, and by chance up to as much again; the second one is twice as long.
const REPEAT_AFTER: Duration = Duration::from_millis(200);
/// What is longer is no error.
const REFUSAL_MAX_BYTES: usize = 200;
/// The longest answer: a tree of some million files.
const ANSWER_MAX_BYTES: usize = 256 * 1024 * 1024;

/// Where Mega's API is. What it is asked is numbered, so that it knows what is asked again.
pub(super) struct Api {
    client: Client,
    endpoint: Url,
    next: AtomicU64,
    /// How long an answer may take, and how long silence in it.
    pub(super) timeout: Duration,
}

/// The waits before something is done again, by chance a little longer.
pub(super) fn waits() -> ExponentialBuilder {
    ExponentialBuilder::default().with_min_delay(REPEAT_AFTER).with_jitter().with_max_times(REPEATS_MAX)
}

/// Does `work` again, a few times, if it failed for now.
pub(super) async fn again<T, F>(work: impl FnMut() -> F + Send) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>> + Send,
{
    let told = |error: &Error, _: Duration| {
        tracing::debug!(error = error as &dyn std::error::Error, "Mega is asked again");
    };
    work.retry(waits()).when(Error::passes).notify(told).await
}

impl Api {
    pub(super) fn new(client: Client, endpoint: Url, timeout: Duration) -> Self {
        // At random, so that a node that was started anew is not taken for one that asks again.
        let next = AtomicU64::new(u32::from_be_bytes(random()).into());
        Self { client, endpoint, next, timeout }
    }

    /// Asks once, within a session or without one.
    pub(super) async fn call<T: DeserializeOwned>(&self, sid: Option<&str>, command: &Value) -> Result<T, Error> {
        read(&self.ask(sid, command, self.timeout).await?)
    }

    /// The same, where the answer may begin later; the caller is to [`read`] it.
    pub(super) async fn ask(&self, sid: Option<&str>, command: &Value, within: Duration) -> Result<Bytes, Error> {
        let mut url = self.endpoint.clone();
        url.set_path("/cs");
        url.query_pairs_mut().append_pair("id", &self.next.fetch_add(1, Ordering::Relaxed).to_string());
        if let Some(sid) = sid {
            url.query_pairs_mut().append_pair("sid", sid);
        }
        let response = self.send(self.client.post(url).json(&[command]), within).await?;
        let answer = self.whole(response).await?;
        Ok(answer.slice_ref(object(&answer)?))
    }

    /// Asks for what has changed since `cursor`.
    pub(super) async fn changes<T: DeserializeOwned>(&self, sid: &str, cursor: &str) -> Result<T, Error> {
        let mut url = self.endpoint.clone();
        url.set_path("/sc");
        url.query_pairs_mut().append_pair("sn", cursor).append_pair("sid", sid);
        let response = self.send(self.client.get(url), self.timeout).await?;
        let answer = self.whole(response).await?;
        read(object(&answer)?)
    }

    /// Reads from a storage server.
    pub(super) async fn get(&self, url: &str) -> Result<BoxStream<'static, Result<Bytes, Error>>, Error> {
        let response = self.send(self.client.get(url), self.timeout).await?;
        Ok(chunks(response, self.timeout).boxed())
    }

    /// Sends bytes to a storage server, in their own time, and tells what it answers.
    pub(super) async fn post(&self, url: &str, body: reqwest::Body, within: Duration) -> Result<String, Error> {
        let response = self.send(self.client.post(url).body(body), within).await?;
        let answer = self.whole(response).await?;
        let answer = String::from_utf8(answer.to_vec()).map_err(|_| Error::Strange("no token of an upload"))?;
        match answer.trim().parse::<i64>() {
            Ok(code) if code < 0 => Err(Error::Said(code)),
            _ if answer.is_empty() => Err(Error::Strange("no token of an upload")),
            _ => Ok(answer),
        }
    }

    async fn send(&self, request: RequestBuilder, within: Duration) -> Result<Response, Error> {
        let response = timeout(within, request.send()).await.map_err(|_| Error::Silent(within))??;
        match response.status() {
            status if status.is_success() => Ok(response),
            status => Err(Error::Status(status.as_u16())),
        }
    }

    async fn whole(&self, response: Response) -> Result<Bytes, Error> {
        let mut chunks = std::pin::pin!(chunks(response, self.timeout));
        let mut answer = BytesMut::new();
        while let Some(chunk) = chunks.next().await {
            answer.extend_from_slice(&chunk?);
            if answer.len() > ANSWER_MAX_BYTES {
                return Err(Error::Strange("it is too long"));
            }
        }
        Ok(answer.freeze())
    }
}

/// The chunks of an answer, each of which comes in time.
fn chunks(response: Response, silence: Duration) -> impl Stream<Item = Result<Bytes, Error>> + Send {
    let chunks = response.bytes_stream();
    futures_util::stream::unfold(Some(Box::pin(chunks)), move |chunks| async move {
        let mut chunks = chunks?;
        match timeout(silence, chunks.next()).await {
            Err(_) => Some((Err(Error::Silent(silence)), None)),
            Ok(Some(Err(error))) => Some((Err(error.into()), None)),
            Ok(Some(Ok(chunk))) => Some((Ok(chunk), Some(chunks))),
            Ok(None) => None,
        }
    })
}

/// What Mega answered to the one command; the number of an error stands there by itself, in brackets or without.
fn object(answer: &[u8]) -> Result<&[u8], Error> {
    let answer = answer.trim_ascii();
    let inner = answer.strip_prefix(b"[").and_then(|inner| inner.strip_suffix(b"]")).unwrap_or(answer).trim_ascii();
    if inner.len() > REFUSAL_MAX_BYTES {
        return Ok(inner);
    }
    let code = match serde_json::from_slice(inner) {
        Ok(Refusal::Short(code) | Refusal::Long { err: code }) => code,
        Err(_) => 0,
    };
    if code < 0 { Err(Error::Said(code)) } else { Ok(inner) }
}

/// The two forms of an error.
#[derive(Deserialize)]
#[serde(untagged)]
enum Refusal {
    Short(i64),
    Long { err: i64 },
}

/// # Errors
/// Mega's: the answer is not what was asked for.
pub(super) fn read<T: DeserializeOwned>(answer: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(answer).map_err(|_| Error::Strange("something is missing"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_told_in_every_form_that_mega_has() {
        for refusal in ["-3", "[-3]", " [ -3 ] ", r#"[{"err":-3}]"#] {
            assert!(matches!(object(refusal.as_bytes()), Err(Error::Said(-3))), "{refusal}");
        }
    }

    #[test]
    fn an_answer_is_what_stands_in_the_brackets() {
        assert_eq!(object(br#"[{"h":"a"}]"#).unwrap(), br#"{"h":"a"}"#);
        assert_eq!(object(b"[0]").unwrap(), b"0");
    }
}
