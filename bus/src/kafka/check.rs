//! Whether the brokers can be used at all: asked at a node's start, so that a wrong setting is found by whoever set it.

use std::time::{Duration, Instant};

use rdkafka::{
    consumer::{BaseConsumer, Consumer as _, ConsumerContext},
    error::RDKafkaErrorCode,
};

use super::{
    Settings,
    ears::{Ears, Trouble},
};

/// How long brokers that do not answer are waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long one answer may take.
const ANSWER: Duration = Duration::from_secs(1);

/// Why the brokers cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{detail}")]
pub struct Refused {
    /// The setting that is to blame: `brokers`, `tls` or `sasl`.
    pub key: &'static str,
    /// What is wrong.
    pub detail: String,
    /// Whether it may mend by itself.
    pub passes: bool,
}

impl ConsumerContext for Ears {}

/// Talks to the brokers once. Blocks for seconds when they are away.
///
/// # Errors
/// They cannot be reached, or they and the settings do not fit.
pub fn check(settings: &Settings) -> Result<(), Refused> {
    let ears = Ears::default();
    let client: BaseConsumer<Ears> = settings.client().create_with_context(ears.clone()).map_err(|error| Refused {
        key: "tls",
        detail: error.to_string(),
        passes: false,
    })?;
    let (until, mut last) = (Instant::now() + PATIENCE, None);
    while Instant::now() < until {
        let answer = client.fetch_metadata(Some(&settings.topic), ANSWER);
        while client.poll(Duration::ZERO).is_some() {} // which has it say what is wrong
        match (answer, ears.take()) {
            (Ok(_), _) => return Ok(()),
            (Err(_), Some(trouble)) => match refused(&trouble) {
                Some(refused) => return Err(refused),
                None => last = Some(trouble.reason),
            },
            (Err(error), None) => last = last.or_else(|| Some(error.to_string())),
        }
    }
    let detail = format!("no broker answers: {}", last.unwrap_or_default());
    Err(Refused { key: "brokers", detail, passes: true })
}

/// What does not mend by itself.
fn refused(trouble: &Trouble) -> Option<Refused> {
    let (key, told) = match trouble.code {
        RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SaslAuthenticationFailed => ("sasl", "the broker refuses"),
        RDKafkaErrorCode::SSL => ("tls", "no TLS with the broker"),
        _ => return None,
    };
    Some(Refused { key, detail: format!("{told}: {}", trouble.reason), passes: false })
}
