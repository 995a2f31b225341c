//! Where `tracing` goes: to the log domain, and in a form for people to standard error.

mod redacted;

use std::io::{IsTerminal as _, stderr};

use portico_config::{Console, Log};
use portico_log::Layer;
use tracing_subscriber::{EnvFilter, Layer as _, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use self::redacted::Redacted;
use crate::exit::Failure;

/// Installs the subscriber of this process; once.
///
/// # Errors
/// The operator's: `log.level` is no filter.
pub(crate) fn install(config: &Log, journal: Layer) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(&config.level)
        .map_err(|error| Failure::config(format!("log.level: is no level or filter: {error}")))?;
    let printed = match config.console {
        Console::Always => true,
        Console::Never => false,
        Console::Auto => stderr().is_terminal(),
    };
    // Where nobody reads the terminal any more, there is nobody to tell of it either.
    let console = printed.then(|| {
        let plain = fmt::layer().with_writer(stderr).with_ansi(false).log_internal_errors(false);
        plain.fmt_fields(Redacted).boxed()
    });
    tracing_subscriber::registry().with(filter).with(journal).with(console).init();
    Ok(())
}
