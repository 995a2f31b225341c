//! Where `tracing` goes: to the log domain, and in a form for people to standard error.

mod redacted;

use std::io::{IsTerminal as _, stderr};

use portico_config::{Console, Log};
use portico_log::Layer;
use tracing_subscriber::{
    EnvFilter, Layer as _, filter::LevelFilter, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

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
    tracing_subscriber::registry().with(discreet(filter)).with(journal).with(console).init();
    Ok(())
}

/// At its lowest level the client of RabbitMQ shows what it could not send any more, and that may be a password: whatever is
/// below what an operator needs of it is left out.
fn discreet(filter: EnvFilter) -> EnvFilter {
    let is_wordy = filter.max_level_hint().is_none_or(|level| level > LevelFilter::INFO);
    if is_wordy { filter.add_directive("lapin=info".parse().expect("it is a directive")) } else { filter }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_client_of_a_broker_tells_of_its_frames_is_never_logged() {
        let told = |level: &str| discreet(EnvFilter::new(level)).to_string();

        assert!(told("trace").contains("lapin=info"));
        assert!(told("info,lapin=trace").contains("lapin=info") && !told("info,lapin=trace").contains("lapin=trace"));
        assert_eq!(told("warn"), "warn", "it is made no wordier");
    }
}
