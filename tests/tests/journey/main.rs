//! What a person does with an account, from registration to deletion, over REST alone; and what an operator sees of it.

mod accounts;
mod deletion;
mod operator;
mod photos;
