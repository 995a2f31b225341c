//! What events over RabbitMQ promise, against a real server.

mod faults;
mod intake;
mod opening;
mod publishing;
mod support;
