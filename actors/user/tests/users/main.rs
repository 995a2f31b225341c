//! What the user actor promises, through its messages and its profiles.

mod account;
mod model;
mod one_time;
mod races;
mod registration;
mod sign_in;
mod support;
