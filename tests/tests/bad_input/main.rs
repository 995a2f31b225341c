//! Bad input gets the clear error of its client, naming status, code and field, and stores nothing.

mod bodies;
mod crowds;
mod requests;
mod uploads;
