//! One record for each command: what was asked, of whom, and what came of it. Never a password, a token or an address.

use std::future::Future;

use portico_kernel::{Blame as _, ResponseFuture, UserId};

use crate::Error;

/// Answers with what `work` comes to, and logs it; `whom` tells the user from the answer, if there is one.
pub(crate) fn logged<T: 'static>(
    action: &'static str,
    whom: impl FnOnce(Option<&T>) -> Option<UserId> + 'static,
    work: impl Future<Output = Result<T, Error>> + 'static,
) -> ResponseFuture<Result<T, Error>> {
    ResponseFuture::new(async move {
        let result = work.await;
        let user = whom(result.as_ref().ok());
        let outcome = result.as_ref().map_or_else(Error::code, |_| "ok");
        tracing::info!(user.id = user.map(tracing::field::display), outcome, "{action}");
        result
    })
}
