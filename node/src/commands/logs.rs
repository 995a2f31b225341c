//! `portico logs`: reads the files, whether a node runs or not, or asks the nodes that have them.

#[cfg(feature = "distributed")]
mod remote;

use std::{io, thread, time::Duration};

use portico_config::Config;
use portico_kernel::{Clock as _, SystemClock};
use portico_schema::log::reader::{PrintError, PrintOptions, Words, print};

use crate::{cli::Logs, domains::LOG_DIRECTORY, exit::Failure, output::unwritten};

/// How often followed files are looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// Prints the wanted records, and goes on until it is interrupted if they are followed.
///
/// # Errors
/// The operator's: a filter that cannot be understood, files that cannot be read, nodes that cannot be asked, or an output that
/// cannot be written.
#[cfg_attr(not(feature = "distributed"), expect(clippy::unused_async, reason = "the other build asks nodes"))]
pub(crate) async fn run(config: &Config, wanted: &Logs) -> Result<(), Failure> {
    let words = Words {
        services: &wanted.service,
        level: wanted.level.as_deref(),
        trace: wanted.trace.as_deref(),
        since: wanted.since.as_deref(),
        until: wanted.until.as_deref(),
    };
    let filter = words.filter(SystemClock.now()).map_err(Failure::usage)?;
    let options = PrintOptions { filter, last: wanted.last, json: wanted.json, follow: wanted.follow };
    #[cfg(feature = "distributed")]
    if !wanted.from.is_empty() {
        return remote::run(config, &wanted.from, options).await;
    }
    let wait = || {
        thread::sleep(POLL_INTERVAL);
        true
    };
    let directory = config.data.dir.join(LOG_DIRECTORY);
    match print(&directory, &options, &mut io::stdout().lock(), wait) {
        Ok(()) => Ok(()),
        Err(PrintError::Unread(error)) => Err(Failure::no_input(format!("{}: {error}", directory.display()))),
        Err(PrintError::Unwritten(error)) => Err(unwritten(&error)),
    }
}
