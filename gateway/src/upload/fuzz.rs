//! Any bytes as a form with a picture, in pieces of any size. `./just fuzz` searches on from the corpus.

use actix_web::{
    error::PayloadError,
    http::header::{CONTENT_TYPE, HeaderMap, HeaderValue},
};
use bytes::Bytes;
use futures_util::{StreamExt as _, future::join, stream};
use portico_photo::tap;

use super::{Broken, FORM_OVERHEAD_BYTES, Form, Incoming, Payload, Poured};
use crate::problem::Code;

const MAX_BYTES: u64 = 1024;

#[test]
fn a_form_is_refused_or_its_picture_poured_as_it_came() {
    bolero::check!().with_max_len(4096).for_each(|bytes: &[u8]| {
        let Some((piece, body)) = bytes.split_first() else { return };
        let pieces: Vec<_> = body.chunks(usize::from(*piece) + 1).map(Bytes::copy_from_slice).map(Ok).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime needs no threads");

        let (poured, picture) = runtime.block_on(pour(pieces));

        match poured {
            Ok(()) => {
                assert!(picture.len() as u64 <= MAX_BYTES);
                assert!(picture.is_empty() || body.windows(picture.len()).any(|part| part == picture));
            }
            Err(Broken::Body(problem)) => assert!(
                matches!(
                    problem.code(),
                    Code::MalformedRequest | Code::UploadAborted | Code::InvalidField | Code::TooLarge
                ),
                "{problem:?}"
            ),
            Err(Broken::HungUp(_)) => panic!("the picture was taken to its end"),
        }
    });
}

async fn pour(pieces: Vec<Result<Bytes, PayloadError>>) -> (Result<(), Broken>, Vec<u8>) {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("multipart/form-data; boundary=x"));
    let payload = Payload::Stream { payload: stream::iter(pieces).boxed_local() };
    let form = Form::new(&headers, Incoming::new(payload, MAX_BYTES + FORM_OVERHEAD_BYTES));
    let (tap, mut upload) = tap();
    let pouring = async move {
        let mut poured = Poured { tap, left: MAX_BYTES, max_bytes: MAX_BYTES };
        let result = form.pour(&mut poured).await;
        poured.tap.finish();
        result
    };
    let taking = async move {
        let mut picture = Vec::new();
        while let Some(Ok(chunk)) = upload.0.recv().await {
            picture.extend(chunk);
        }
        picture
    };
    join(pouring, taking).await
}
