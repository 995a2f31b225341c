//! The routes, one file a domain, and the document that describes them.

pub(crate) mod photo;
pub(crate) mod session;
pub(crate) mod user;

use std::sync::LazyLock;

use crate::Api;

/// Every route of the API.
pub(crate) fn all() -> Api {
    photo::routes(session::routes(user::routes(Api::new())))
}

/// The OpenAPI 3.1 document of the API, as it is served and committed; no node has to run for it.
pub fn openapi_json() -> &'static str {
    static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
        let mut text = serde_json::to_string_pretty(&all().document()).expect("a document serialises");
        text.push('\n');
        text.shrink_to_fit(); // it stays
        text
    });
    &DOCUMENT
}
