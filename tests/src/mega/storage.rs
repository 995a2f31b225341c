//! The bytes of files, going in and out.

use std::convert::Infallible;

use actix_web::{
    HttpResponse,
    body::SizedStream,
    web::{Bytes, Data, Path},
};
use futures_util::{StreamExt as _, stream};

use super::{Fault, Shared, api::go_wrong, lock};

/// Bytes that are sent at a time.
const CHUNK_BYTES: usize = 50_000;

pub(super) async fn upload(state: Data<Shared>, bytes: Bytes) -> HttpResponse {
    let fault = lock(&state).faults.meet("upload");
    if let Some(answer) = go_wrong(fault).await {
        return answer;
    }
    HttpResponse::Ok().body(lock(&state).files.keep(bytes))
}

pub(super) async fn download(state: Data<Shared>, path: Path<(String, String)>) -> HttpResponse {
    let fault = lock(&state).faults.meet("download");
    if let Some(answer) = go_wrong(fault).await {
        return answer;
    }
    let (handle, range) = path.into_inner();
    let bytes = lock(&state).files.bytes(&handle);
    let (Some(bytes), Some(range)) = (bytes, parsed(&range)) else {
        return HttpResponse::NotFound().finish();
    };
    let bytes = bytes.slice(range.0.min(bytes.len())..(range.1 + 1).min(bytes.len()));
    let told = bytes.len() as u64;
    let sent = if fault == Some(Fault::Cut) { bytes.slice(..bytes.len() / 2) } else { bytes };
    let chunks: Vec<_> = (0..sent.len()).step_by(CHUNK_BYTES).collect();
    let chunks = chunks.into_iter().map(move |at| sent.slice(at..(at + CHUNK_BYTES).min(sent.len())));
    HttpResponse::Ok().body(SizedStream::new(told, stream::iter(chunks).map(Ok::<_, Infallible>)))
}

/// The first byte and the last.
fn parsed(range: &str) -> Option<(usize, usize)> {
    let (first, last) = range.split_once('-')?;
    Some((first.parse().ok()?, last.parse().ok()?))
}
