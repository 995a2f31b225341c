//! What somebody was told in the course of time, and what they knew while they waited for more.

use super::super::client::Client;

/// States of a client, and the words from which on each holds: until then the one before does.
#[derive(Default)]
pub(super) struct History {
    states: Vec<(Option<String>, Client)>,
    /// The words that the next state begins with.
    latest: Option<String>,
}

impl History {
    /// So the client stands while it waits to be told something.
    pub(super) fn waits(&mut self, waiting: Client) {
        self.states.push((self.latest.take(), waiting));
    }

    /// It was told something, in these words.
    pub(super) fn told(&mut self, words: String) {
        self.latest = Some(words);
    }

    /// So it stands in the end.
    pub(super) fn ended(mut self, client: Client) -> Self {
        self.waits(client);
        self
    }

    /// When each state began. `find` finds words in the trace, from a moment on.
    pub(super) fn dated(self, find: impl Fn(&str, usize) -> usize) -> Vec<(usize, Client)> {
        let mut now = 0;
        let dated = self.states.into_iter().map(|(words, client)| {
            now = words.map_or(now, |words| find(&words, now));
            (now, client)
        });
        dated.collect()
    }
}
