//! Log records on their way through a real Kafka: what is confirmed, kept, committed and set aside, and what is left of it
//! all when one of those who have a part in it is killed.

mod carrying;
mod check;
mod dead;
mod faults;
mod members;
mod support;
