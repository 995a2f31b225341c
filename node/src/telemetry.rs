//! Where `tracing` goes: to the log domain, and in a form for people to standard error.

mod redacted;

use std::io::{IsTerminal as _, stderr};

use portico_config::{Console, Log};
use portico_log::Layer;
use tracing_subscriber::{
    Layer as _,
    filter::{LevelFilter, ParseError, Targets},
    fmt,
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

use self::redacted::Redacted;
use crate::exit::Failure;

/// Installs the subscriber of this process; once.
///
/// # Errors
/// The operator's: `log.level` is no filter.
pub(crate) fn install(config: &Log, journal: Layer) -> Result<(), Failure> {
    let filter =
        filter(&config.level).map_err(|error| Failure::config(format!("log.level: is no level or filter: {error}")))?;
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

/// A level, and others by module, with spaces between them or without.
fn filter(text: &str) -> Result<Targets, ParseError> {
    text.replace(char::is_whitespace, "").parse().map(discreet)
}

/// At its lowest level the client of RabbitMQ shows what it could not send any more, and that may be a password: whatever is
/// below what an operator needs of it is left out.
fn discreet(filter: Targets) -> Targets {
    let (all, client) = (filter.default_level().unwrap_or(LevelFilter::OFF), "lapin");
    let of_client = filter.iter().filter(|(module, _)| module.starts_with(client));
    let of_client: Vec<_> =
        of_client.map(|(module, level)| (module.to_owned(), level.min(LevelFilter::INFO))).collect();
    filter.with_target(client, all.min(LevelFilter::INFO)).with_targets(of_client)
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn what_the_client_of_a_broker_tells_of_its_frames_is_never_logged() {
        let tells = |level: &str, module: &str, of: Level| filter(level).unwrap().would_enable(module, &of);

        for level in ["trace", "info,lapin=trace", "info,lapin::channel=trace", "warn,lapin::channel=trace"] {
            assert!(tells(level, "lapin::channel", Level::INFO), "{level}");
            assert!(!tells(level, "lapin::channel", Level::DEBUG), "{level}");
        }
        assert!(tells("trace", "portico_user", Level::TRACE));
        assert!(!tells("warn", "lapin", Level::INFO), "it is made no wordier");
        assert!(!tells("info,lapin=off", "lapin", Level::ERROR), "nor is what was silenced");
    }

    #[test]
    fn spaces_and_capitals_change_no_filter() {
        let filter = filter("Warn, portico_user = DEBUG").unwrap();

        assert!(filter.would_enable("portico_user::actor", &Level::DEBUG));
        assert!(!filter.would_enable("portico_session", &Level::INFO));
    }
}
