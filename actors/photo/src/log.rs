//! One record for each command: what was asked, of whom, and what came of it. Never a picture's name or bytes.

use std::future::Future;

use portico_kernel::{Blame as _, ResponseFuture, UserId};

use crate::{Error, PhotoId};

/// Answers with what `work` comes to, and logs it; `which` tells the photo from the answer, if there is one.
pub(crate) fn logged<T: 'static>(
    action: &'static str,
    owner: Option<UserId>,
    which: impl FnOnce(Option<&T>) -> Option<PhotoId> + 'static,
    work: impl Future<Output = Result<T, Error>> + 'static,
) -> ResponseFuture<Result<T, Error>> {
    ResponseFuture::new(async move {
        let result = work.await;
        let photo = which(result.as_ref().ok());
        let outcome = result.as_ref().map_or_else(Error::code, |_| "ok");
        tracing::info!(
            user.id = owner.map(tracing::field::display),
            photo.id = photo.map(tracing::field::display),
            outcome,
            "{action}"
        );
        result
    })
}
