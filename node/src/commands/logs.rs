//! `portico logs`: reads the files, whether a node runs or not.

use std::{io, thread, time::Duration};

use portico_config::Config;
use portico_kernel::{Clock as _, SystemClock};
use portico_schema::log::reader::{Filter, PrintError, PrintOptions, Words, print};

use crate::{cli::Logs, exit::Failure, output::unwritten};

/// How often followed files are looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// Prints the wanted records, and goes on until it is interrupted if they are followed.
///
/// # Errors
/// The operator's: a filter that cannot be understood, files that cannot be read, or an output that cannot be written.
pub(crate) fn run(config: &Config, wanted: &Logs) -> Result<(), Failure> {
    let words = Words {
        services: &wanted.service,
        level: wanted.level.as_deref(),
        trace: wanted.trace.as_deref(),
        since: wanted.since.as_deref(),
        until: wanted.until.as_deref(),
    };
    let filter = Filter::parse(&words, SystemClock.now()).map_err(Failure::usage)?;
    let options = PrintOptions { filter, last: wanted.last, json: wanted.json, follow: wanted.follow };
    let wait = || {
        thread::sleep(POLL_INTERVAL);
        true
    };
    let directory = config.data.dir.join("logs");
    match print(&directory, &options, &mut io::stdout().lock(), wait) {
        Ok(()) => Ok(()),
        Err(PrintError::Unread(error)) => Err(Failure::no_input(format!("{}: {error}", directory.display()))),
        Err(PrintError::Unwritten(error)) => Err(unwritten(&error)),
    }
}
