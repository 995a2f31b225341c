//! The listening socket, and what accepted connections inherit of it (tcp(7)).
//!
//! Whether a client takes its answers fast enough is for its connection to judge (`connection::pace`). The kernel helps: it
//! is to hold little unsent data, so that a connection sees soon what its client takes, while what is on its way may be as
//! much as the network bears; and it gives up peers that are gone, where no connection watches any more.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    time::Duration,
};

use socket2::SockRef;

/// How many connections may wait to be accepted.
const BACKLOG: i32 = 1024;

/// How much the kernel takes that it does not send yet, for each connection (`TCP_NOTSENT_LOWAT`).
const UNSENT_BYTES: u32 = 32 * 1024;

/// How long the kernel waits at the least for a peer that takes nothing or acknowledges nothing (`TCP_USER_TIMEOUT`, RFC
/// 5482). It knows no rate, and a client that reads slowly opens its window only now and then.
const GONE_LEAST: Duration = Duration::from_mins(2);

/// Listens at `address`; `pause_max` is how long a connection bears with a client that takes nothing.
pub(crate) fn listen(address: SocketAddr, pause_max: Duration) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    SockRef::from(&listener).listen(BACKLOG)?; // the standard library's own is short; to listen again changes it
    bound(&listener, GONE_LEAST.max(2 * pause_max))?;
    Ok(listener)
}

#[cfg(target_os = "linux")]
fn bound(listener: &TcpListener, gone: Duration) -> io::Result<()> {
    let socket = SockRef::from(listener);
    socket.set_tcp_notsent_lowat(UNSENT_BYTES)?;
    socket.set_tcp_user_timeout(Some(gone))
}

#[cfg(not(target_os = "linux"))]
fn bound(_: &TcpListener, _: Duration) -> io::Result<()> {
    Ok(())
}
