//! The listening socket, and what accepted connections inherit of it (tcp(7)).
//!
//! Whether a client takes its answers fast enough is for its connection to judge (`connection::pace`). The kernel helps: it
//! is to hold little unsent data, so that a connection sees soon what its client takes, while what is on its way may be as
//! much as the network bears. It is given no bound of its own: `TCP_USER_TIMEOUT` (RFC 5482) knows no rate, and cuts off
//! an honest client with a small window after that time however much it took. A connection that is closed while its client
//! takes nothing is given up by the kernel as it is (`tcp_orphan_retries`).

use std::{
    io,
    net::{SocketAddr, TcpListener},
};

use socket2::SockRef;

/// How many connections may wait to be accepted.
const BACKLOG: i32 = 1024;

/// Listens at `address`.
pub(crate) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    SockRef::from(&listener).listen(BACKLOG)?; // the standard library's own is short; to listen again changes it
    hold_little(&listener)?;
    Ok(listener)
}

/// Has the kernel take little that it does not send yet, for each connection (`TCP_NOTSENT_LOWAT`).
#[cfg(target_os = "linux")]
fn hold_little(listener: &TcpListener) -> io::Result<()> {
    const UNSENT_BYTES: u32 = 32 * 1024;
    SockRef::from(listener).set_tcp_notsent_lowat(UNSENT_BYTES)
}

#[cfg(not(target_os = "linux"))]
fn hold_little(_: &TcpListener) -> io::Result<()> {
    Ok(())
}
