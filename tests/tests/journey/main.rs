//! What a person does with an account, from registration to deletion, over REST alone.

mod accounts;
mod deletion;
mod photos;
