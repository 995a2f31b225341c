//! Any line as a record of another node. `./just fuzz` searches on from the corpus.

use portico_log::{Head, Record, Service};

#[test]
fn a_line_is_refused_or_kept_whole_under_a_safe_name() {
    bolero::check!().for_each(|line: &[u8]| {
        let Ok(record) = Record::parse(line) else { return };

        let text = record.line().strip_suffix(b"\n").expect("a line ends with a line feed");
        assert_eq!(text, line.strip_suffix(b"\n").unwrap_or(line));
        assert!(!text.contains(&b'\n'));
        assert_eq!(Head::parse(text).expect("it is a record").sequence, record.sequence);
        assert!(Service::parse(record.service.as_str()).is_ok());
    });
}
