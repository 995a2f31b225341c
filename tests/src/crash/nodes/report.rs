//! The table of all troubles, those of a kind in one line.

use std::{collections::BTreeMap, fmt, time::Duration};

use super::{super::report::seconds, trouble::Event};

/// What came of all troubles.
pub struct Report {
    /// Each of them.
    pub events: Vec<Event>,
    pub(super) rate_per_s: u32,
    pub(super) took: Duration,
    pub(super) seed: u64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEAD}")?;
        let mut kinds = BTreeMap::<_, Vec<&Event>>::new();
        self.events.iter().for_each(|event| kinds.entry((event.trouble, roles(&event.whose))).or_default().push(event));
        kinds.into_iter().try_for_each(|((trouble, roles), events)| {
            writeln!(f, "{}", line(&format!("{roles} | {trouble}"), &events))
        })?;
        let (calls, broken): (u64, usize) =
            (self.events.iter().map(Event::calls).sum(), self.events.iter().map(|event| event.broken.len()).sum());
        writeln!(
            f,
            "\n{calls} calls, {} a second; {} troubles, {broken} promises broken; {} min in all, seed {}.",
            self.rate_per_s,
            self.events.len(),
            self.took.as_secs() / 60,
            self.seed
        )?;
        for event in &self.events {
            event.broken.iter().try_for_each(|broken| writeln!(f, "- {} {}: {broken}", event.whose, event.trouble))?;
        }
        Ok(())
    }
}

const HEAD: &str = "| whose | what befell it | times | calls | succeeded | 503 | 504 | reset | slowest answer | recovered after | |\n\
                    |---|---|---|---|---|---|---|---|---|---|---|";

/// `gateway to user` of `gateway-1 to user-2`.
fn roles(whose: &str) -> String {
    whose.chars().filter(|char| !char.is_ascii_digit() && *char != '-').collect()
}

fn line(what: &str, events: &[&Event]) -> String {
    let sum = |count: &dyn Fn(&Event) -> u64| events.iter().map(|event| count(event)).sum::<u64>().to_string();
    let recovered = events.iter().filter_map(|event| event.recovered).max();
    let kept = events.iter().all(|event| event.broken.is_empty());
    let cells = [
        what.to_owned(),
        events.len().to_string(),
        sum(&Event::calls),
        sum(&|event| event.count(200, 299)),
        sum(&|event| event.count(503, 503)),
        sum(&|event| event.count(504, 504)),
        sum(&Event::unanswered),
        seconds(events.iter().map(|event| event.slowest).max().unwrap_or_default()),
        recovered.map_or_else(|| "-".to_owned(), seconds),
        if kept { "kept" } else { "**broken**" }.to_owned(),
    ];
    format!("| {} |", cells.join(" | "))
}
