//! The REST surface over domains that are closures, through a server that really listens.

mod accounts;
mod bad_input;
mod openapi;
mod surroundings;
mod tls;
mod world;
