//! The REST surface: translates HTTP into the domains' messages and their answers back. No business rules live here.
//!
//! - [`Gateway`] is given an [`Asks`] and the configuration, and serves; [`Serving`] is how that ends. `settings` is what
//!   every request is served by.
//! - `routes/<domain>.rs` parse, ask and render; [`Api`] registers each route once, for serving and for openapi.json.
//! - `extract` reads requests ([`Valid`], [`Query`], [`SignedIn`], ...), `render` writes answers, [`Problem`] is every error.
//! - `openapi` lets extractors and answers describe themselves; `docs` serves the description and Swagger UI.
//! - `middleware` is what happens around every request; `limits` bounds rates and work in flight.
//! - `upload` and `conditional` are the two pieces of HTTP that photos need.

#![deny(clippy::unwrap_used)] // here and not in the workspace's list, since integration tests may unwrap

#[macro_use]
mod problem;

mod api;
mod asks;
mod conditional;
mod connection;
mod cookie;
mod docs;
mod extract;
#[cfg(test)]
mod fuzz;
mod gateway;
mod limits;
mod listener;
mod metrics;
mod middleware;
mod openapi;
mod render;
mod routes;
mod serving;
mod settings;
mod tls;
mod upload;

pub use api::{Api, Inputs};
pub use asks::Asks;
pub use extract::{Fields, Id, Invalids, Key, PageOf, Parse, PathId, Query, SignedIn, Transport, Valid};
pub use gateway::{Gateway, ServeError};
pub use limits::{Count as LimitCount, FakeTime, Time};
pub use metrics::{Exchange, HttpMetrics, NoMetrics};
pub use openapi::{Answer, Description, Input, answer_header};
pub use problem::{Code, PROBLEM_JSON, Problem};
pub use render::{Body, Created, Json, NoContent, Timestamp};
pub use routes::openapi_json;
pub use serving::Serving;
pub use settings::Settings;
pub use tls::TlsError;
