//! Any text as a session's token. `./just fuzz` searches on from the corpus.

use portico_session::Token;

#[test]
fn a_token_is_refused_or_written_as_it_was_read() {
    bolero::check!().for_each(|bytes: &[u8]| {
        let Ok(text) = std::str::from_utf8(bytes) else { return };
        let Ok(token) = Token::parse(text) else { return };

        assert_eq!(token.expose(), text);
    });
}
