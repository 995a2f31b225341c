//! The REST surface over domains that are closures, through a server that really listens.

mod accounts;
mod bad_input;
mod connections;
mod crowded;
mod guessing_at_once;
mod limits;
mod openapi;
mod overload;
mod photo_content;
mod photo_uploads;
mod photos;
mod records;
mod signing_in_again;
mod slow_readers;
mod stopping;
mod surroundings;
mod tls;
mod world;
