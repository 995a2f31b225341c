//! Lines of other people's making: whatever they are, they are rows or refused by a field.

use portico_schema::transfer::{files, rewrite};

/// Holds a line against the rules of every file.
fn look(line: &str) {
    for file in files() {
        match rewrite(file, line, None) {
            Ok(rewritten) => {
                let rewritten = rewritten.expect("nothing is over before any time");
                assert_eq!(rewrite(file, &rewritten, None), Ok(Some(rewritten.clone())), "{file}: {line}");
            }
            Err(error) => assert!(!error.detail.is_empty(), "{file}: {line}"),
        }
    }
}

/// Any text; `./just fuzz` searches on from the corpus.
#[test]
fn a_line_is_a_row_that_is_written_the_same_again_or_refused() {
    bolero::check!().with_max_len(1024).for_each(|bytes: &[u8]| {
        if let Ok(line) = std::str::from_utf8(bytes) {
            look(line);
        }
    });
}

const LINES: [(&str, &str); 3] = [
    (
        "users.jsonl",
        r#"{"id":"01890000-0000-7000-8000-000000000001","name":"Ann","email":"ann@example.com","password_hash":"$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW","epoch":1,"version":1,"created_at":"2026-01-01T00:00:00Z","updated_at":"2026-01-01T00:00:00.000000001Z"}"#,
    ),
    (
        "sessions.jsonl",
        r#"{"id":"01890000-0000-7000-8000-000000000001","user_id":"01890000-0000-7000-8000-000000000002","token_hash":"00000000000000000000000000000000000000000000000000000000000000ff","epoch":1,"created_at":"2026-01-01T00:00:00Z","last_seen_at":"2026-01-01T00:00:00Z","expires_at":"2026-01-02T00:00:00Z","user_agent":"curl","address":"::1"}"#,
    ),
    ("epochs.jsonl", r#"{"user_id":"01890000-0000-7000-8000-000000000002","least":9223372036854775807}"#),
];

#[test]
fn what_a_node_writes_is_what_it_reads_whatever_is_cut_out_of_it() {
    for (file, line) in LINES {
        assert_eq!(rewrite(file, line, None), Ok(Some(line.to_owned())));
        for cut in 0..line.len() {
            let error = rewrite(file, &line[..cut], None).unwrap_err();
            assert!(!error.detail.contains("ann@") && !error.detail.contains("$2a"), "{error:?}");
            look(&format!("{}{}", &line[..cut], &line[cut + 1..]));
        }
    }
}
