//! Any text as the headers that the kernel reads. `./just fuzz` searches on from the corpus.

use portico_kernel::{IdempotencyKey, TraceContext};

#[test]
fn a_traceparent_is_refused_or_written_as_it_was_read() {
    bolero::check!().for_each(|bytes: &[u8]| {
        let Ok(text) = std::str::from_utf8(bytes) else { return };
        let Ok(trace) = text.parse::<TraceContext>() else { return };

        assert_eq!(trace.to_string()[2..], text[2..55], "all but the version, which is ours");
    });
}

#[test]
fn an_idempotency_key_is_refused_or_kept_as_it_is() {
    bolero::check!().for_each(|bytes: &[u8]| {
        let Ok(text) = std::str::from_utf8(bytes) else { return };
        let Ok(key) = IdempotencyKey::parse(text) else { return };

        assert_eq!(key.as_str(), text);
        assert!(
            (1..=IdempotencyKey::MAX_LENGTH).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
        );
    });
}
