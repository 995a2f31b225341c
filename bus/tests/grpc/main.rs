//! The bridges over gRPC, between real servers on loopback.

mod carrying;
mod contents;
mod contracts;
mod faults;
mod logs;
mod peers;
mod serving;
mod spans;
mod strangers;
mod support;
mod tls;
mod transport;
mod uploads;
