//! Signals: the first asks the node to stop, the second ends it at once.

use std::io;

use tokio::signal::unix::{SignalKind, signal};

/// Exit code after the second signal: 128 + SIGINT, as shells have it.
const INTERRUPTED: i32 = 130;

/// Resolves at the first SIGTERM or SIGINT; from then on a second one ends the process at once.
///
/// # Errors
/// The system's: signal handlers cannot be installed.
pub(crate) fn requested() -> io::Result<impl Future<Output = &'static str>> {
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        let name = tokio::select! {
            _ = term.recv() => "SIGTERM",
            _ = int.recv() => "SIGINT",
        };
        tokio::spawn(async move {
            tokio::select! {
                _ = term.recv() => {}
                _ = int.recv() => {}
            }
            crate::output::tell("portico: second signal, ending at once");
            std::process::exit(INTERRUPTED);
        });
        name
    })
}
