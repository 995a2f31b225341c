//! What librdkafka says by itself: remembered for whoever fails meanwhile, and logged where only somebody who debugs it
//! would look. It says the same of each broker again and again, and each word would be a record to be carried.

use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::{
    ClientContext,
    config::RDKafkaLogLevel,
    error::{KafkaError, RDKafkaErrorCode},
};

/// Hears a client. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Ears(Arc<Mutex<Option<Trouble>>>);

/// What went wrong last between a client and the brokers.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{reason}")]
pub(super) struct Trouble {
    pub(super) code: RDKafkaErrorCode,
    pub(super) reason: String,
}

impl Ears {
    /// What was heard since this was last asked.
    pub(super) fn take(&self) -> Option<Trouble> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The best explanation that there is of an error.
    pub(super) fn explain(&self, error: KafkaError) -> portico_kernel::Source {
        match self.take() {
            Some(trouble) => trouble.into(),
            None => error.into(),
        }
    }

    pub(super) fn hear(&self, error: &KafkaError, reason: &str) {
        if let Some(code) = error.rdkafka_error_code() {
            tracing::debug!(kafka.code = ?code, reason, "Kafka's client is in trouble");
            self.note(code, reason);
        }
    }

    fn note(&self, code: RDKafkaErrorCode, reason: &str) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // That none is left says less than why the last one was lost.
        if code != RDKafkaErrorCode::AllBrokersDown || last.is_none() {
            *last = Some(Trouble { code, reason: reason.to_owned() });
        }
    }
}

impl ClientContext for Ears {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        tracing::debug!(level = ?level, facility, text, "Kafka's client says");
        // Of this one hears in no other way.
        if text.contains("certificate verify failed") {
            self.note(RDKafkaErrorCode::SSL, text.rsplit_once("]: ").map_or(text, |(_, reason)| reason));
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.hear(&error, reason);
    }
}
