//! The listening socket.
//!
//! Invariant: a client that takes nothing of what is sent to it is cut off. The HTTP library has no such limit (it does not
//! even look at an answer's body while its write buffer is full), so the kernel keeps it: `TCP_USER_TIMEOUT` (RFC 5482,
//! tcp(7)) bounds how long sent data stays unacknowledged or cannot be sent because the peer's window is closed, and
//! accepted connections inherit it.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    time::Duration,
};

/// How many connections may wait to be accepted.
const BACKLOG: i32 = 1024;

/// Listens at `address`; peers that take nothing for `stall` are cut off, where the system can do so.
pub(crate) fn listen(address: SocketAddr, stall: Duration) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    rustix::net::listen(&listener, BACKLOG)?; // the standard library's own is short; to listen again changes it
    bound_stalls(&listener, stall)?;
    Ok(listener)
}

#[cfg(target_os = "linux")]
fn bound_stalls(listener: &TcpListener, stall: Duration) -> io::Result<()> {
    let stall_ms = u32::try_from(stall.as_millis()).unwrap_or(u32::MAX);
    Ok(rustix::net::sockopt::set_tcp_user_timeout(listener, stall_ms)?)
}

#[cfg(not(target_os = "linux"))]
fn bound_stalls(_: &TcpListener, _: Duration) -> io::Result<()> {
    Ok(())
}
