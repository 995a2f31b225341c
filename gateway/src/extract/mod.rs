//! What handlers read of a request: parsed into the domains' types, or refused with every broken rule named.

mod accept;
mod body;
mod client;
mod fields;
mod idempotency;
mod json;
mod path;
mod query;
mod shape;
mod signed_in;

pub(crate) use accept::accepts;
pub(crate) use body::payload_problem;
use body::read_body;
pub(crate) use client::{client_address, client_info};
pub use fields::{Fields, Invalids, Parse};
pub use idempotency::Key;
pub use json::Valid;
pub use path::{Id, PathId};
pub(crate) use query::refuse_query;
pub use query::{PageOf, Query};
pub(crate) use signed_in::refuse_ambiguity;
pub use signed_in::{SignedIn, Transport};
