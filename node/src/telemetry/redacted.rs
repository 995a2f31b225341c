//! Fields as people read them, without the values that the log files leave out either.
//!
//! Invariant: the value of a field with a secret name is not even formatted.

use std::{error::Error, fmt};

use portico_log::{REDACTED, is_secret};
use tracing::field::{Field, Visit};
use tracing_subscriber::{
    field::{RecordFields, VisitOutput as _},
    fmt::{
        FormatFields,
        format::{DefaultVisitor, Writer},
    },
};

/// Prints fields as `tracing` does by default, but for secrets.
pub(super) struct Redacted;

impl<'writer> FormatFields<'writer> for Redacted {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut visitor = Visitor(DefaultVisitor::new(writer, true));
        fields.record(&mut visitor);
        visitor.0.finish()
    }
}

struct Visitor<'writer>(DefaultVisitor<'writer>);

impl Visit for Visitor<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if is_secret(field.name()) {
            self.0.record_debug(field, &format_args!("{REDACTED}"));
        } else {
            self.0.record_debug(field, value);
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if is_secret(field.name()) {
            self.record_debug(field, &REDACTED);
        } else {
            self.0.record_str(field, value);
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        if is_secret(field.name()) {
            self.record_debug(field, &REDACTED);
        } else {
            self.0.record_error(field, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use tracing_subscriber::{fmt::MakeWriter, layer::SubscriberExt as _};

    use super::*;

    #[derive(Clone, Default)]
    struct Screen(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Screen {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Screen {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    fn printed(log: impl FnOnce()) -> String {
        let screen = Screen::default();
        let layer = tracing_subscriber::fmt::layer().with_writer(screen.clone()).with_ansi(false).fmt_fields(Redacted);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), log);
        String::from_utf8(screen.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn secrets_are_printed_from_no_field_of_a_record_or_of_a_span() {
        let error = io::Error::other("canary");

        let text = printed(|| {
            let span = tracing::info_span!("span", token = "canary", user.id = 7, late.secret = tracing::field::Empty);
            span.record("late.secret", "canary");
            let _entered = span.enter();
            let secret_error: &(dyn Error + 'static) = &error;
            tracing::info!(new_password = "canary", cookie = ?"canary", %error, credential = secret_error, "hello");
        });

        assert_eq!(text.matches("canary").count(), 1, "the error that is none: {text}");
        assert!(text.matches(REDACTED).count() == 5 && text.contains("user.id=7") && text.contains("hello"), "{text}");
    }

    #[test]
    fn everything_else_is_printed_as_by_default() {
        let log = || tracing::info!(name = "ann", count = 3, ok = true, path = ?"x", "hello");
        let screen = Screen::default();
        let layer = tracing_subscriber::fmt::layer().with_writer(screen.clone()).with_ansi(false);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), log);
        let by_default = String::from_utf8(screen.0.lock().unwrap().clone()).unwrap();

        let text = printed(log);

        let without_time = |text: &str| text.split_once(" INFO ").map(|(_, rest)| rest.to_owned());
        assert_eq!(without_time(&text), without_time(&by_default));
        assert!(without_time(&text).is_some());
    }
}
