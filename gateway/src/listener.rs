//! The listening socket, and what accepted connections inherit of it (tcp(7)).
//!
//! Whether a client takes its answers fast enough is for its connection to judge (`connection::pace`). The kernel helps: it
//! is to hold little unsent data, so that a connection sees soon what its client takes, while what is on its way may be as
//! much as the network bears. It is given no bound of its own: `TCP_USER_TIMEOUT` (RFC 5482) knows no rate, and cuts off
//! an honest client with a small window after that time however much it took. A connection that is closed while its client
//! takes nothing is given up by the kernel as it is (`tcp_orphan_retries`).

use std::{
    io,
    net::{Shutdown, SocketAddr, TcpListener},
    time::Duration,
};

use actix_web::dev::ServerHandle;
use socket2::SockRef;

/// How many connections may wait to be accepted.
const BACKLOG: i32 = 1024;

/// How long handshakes have to end that began before the listener is closed, and the server to take what waits.
const HANDSHAKES: Duration = Duration::from_millis(250);
/// What the server's thread may take to heed that it is to take no more, which it does not confirm.
const HEEDING: Duration = Duration::from_millis(50);

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

/// Closes a listening socket while its server goes on with the connections that it has.
///
/// Invariant: who was let in is served. A socket that is simply closed resets whoever waits to be accepted, and a client cannot
/// tell whether the request that it has sent by then ran. So nobody is let in first: for a moment no handshake begins, and who
/// tries hears nothing, tries again (a second later, RFC 6298), and is refused.
pub(crate) struct ClosableListener(TcpListener);

impl ClosableListener {
    /// That of `listener`, which a server is to have.
    pub(crate) fn of(listener: &TcpListener) -> io::Result<Self> {
        listener.try_clone().map(Self)
    }

    /// From the end of this on, connections are refused. On systems other than Linux, not until `server` ends.
    pub(crate) async fn close(&self, server: &ServerHandle) {
        if let Err(error) = begin_no_handshake(&self.0) {
            tracing::warn!(error = &error as &dyn std::error::Error, "connections may be reset as they are made");
        }
        tokio::time::sleep(HANDSHAKES).await;
        server.pause().await;
        tokio::time::sleep(HEEDING).await;
        let _not_on_linux = SockRef::from(&self.0).shutdown(Shutdown::Read);
    }
}

/// Has the kernel pass over what would begin a handshake: SYN without ACK.
#[cfg(target_os = "linux")]
fn begin_no_handshake(listener: &TcpListener) -> io::Result<()> {
    use socket2::SockFilter;

    // In the classic BPF of linux/filter.h: the filter sees a segment from its TCP header on (RFC 9293, section 3.1).
    const LOAD_BYTE: u16 = 0x30;
    const AND: u16 = 0x54;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    const FLAGS_AT: u32 = 13;
    const SYN: u32 = 0x02;
    const ACK: u32 = 0x10;
    SockRef::from(listener).attach_filter(&[
        SockFilter::new(LOAD_BYTE, 0, 0, FLAGS_AT),
        SockFilter::new(AND, 0, 0, SYN | ACK),
        SockFilter::new(JUMP_IF_EQUAL, 0, 1, SYN),
        SockFilter::new(RETURN, 0, 0, 0),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
    ])
}

#[cfg(not(target_os = "linux"))]
fn begin_no_handshake(_: &TcpListener) -> io::Result<()> {
    Ok(())
}
