//! Any words as a filter of `portico logs`. `./just fuzz` searches on from the corpus.

use portico_log::testkit::contract::NOW;
use portico_schema::log::reader::Words;

#[test]
fn words_are_refused_by_their_name_or_make_a_filter() {
    bolero::check!().for_each(|bytes: &[u8]| {
        let Ok(text) = std::str::from_utf8(bytes) else { return };
        let mut words = text.split('\n').map(|word| (!word.is_empty()).then_some(word));
        let services: Vec<_> = words.next().flatten().map(str::to_owned).into_iter().collect();
        let mut word = || words.next().flatten();
        let words = Words { services: &services, level: word(), trace: word(), since: word(), until: word() };

        match words.filter(NOW) {
            Ok(filter) => {
                assert_eq!(filter.services.len(), services.len());
                assert_eq!(
                    (filter.since.is_some(), filter.until.is_some()),
                    (words.since.is_some(), words.until.is_some())
                );
                assert!(filter.trace_id.is_none_or(|id| id.len() == 32 && !id.contains(char::is_uppercase)));
            }
            Err(bad) => assert!(["service", "level", "trace", "since", "until"].contains(&bad.what), "{bad}"),
        }
    });
}
