//! Which records are wanted, in words, and where such may be.

use std::borrow::Cow;

use portico_log::{Filter, Service, Severity};
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};

use crate::log::name::FileName;

/// A filter in words, as they come from a command line.
#[derive(Debug, Clone, Copy, Default)]
pub struct Words<'a> {
    /// Names of services.
    pub services: &'a [String],
    /// `trace`, `debug`, `info`, `warn` or `error`.
    pub level: Option<&'a str>,
    /// A trace id, or a whole `traceparent`.
    pub trace: Option<&'a str>,
    /// RFC 3339, or an age: `90s`, `15m`, `2h`, `7d`, `1w`.
    pub since: Option<&'a str>,
    /// The same.
    pub until: Option<&'a str>,
}

/// A word that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {word:?} {rule}")]
pub struct BadFilter {
    /// Which of the [`Words`] it is.
    pub what: &'static str,
    /// The word.
    pub word: String,
    /// What it must be.
    pub rule: Cow<'static, str>,
}

impl Words<'_> {
    /// Understands them; ages count back from `now`.
    ///
    /// # Errors
    /// The operator's: a word is none of those that are known.
    pub fn filter(&self, now: OffsetDateTime) -> Result<Filter, BadFilter> {
        let service =
            |name: &String| Service::parse(name).map_err(|_| bad("service", name, "must be 1 to 32 of a-z, 0-9 and _"));
        Ok(Filter {
            services: self.services.iter().map(service).collect::<Result<_, _>>()?,
            severity: self.level.map(severity).transpose()?,
            trace_id: self.trace.map(trace_id).transpose()?,
            since: self.since.map(|word| moment("since", word, now)).transpose()?,
            until: self.until.map(|word| moment("until", word, now)).transpose()?,
        })
    }
}

/// Whether a file may hold such records. A day is allowed for on either side, since a file may hold records that came
/// late, or from a clock that was ahead.
pub(super) fn may_hold(name: &FileName, wanted: &Filter) -> bool {
    let day = Duration::DAY;
    (wanted.services.is_empty() || wanted.services.contains(&name.service))
        && wanted
            .since
            .is_none_or(|since| name.date.saturating_add(day) >= since.to_offset(time::UtcOffset::UTC).date())
        && wanted
            .until
            .is_none_or(|until| name.date.saturating_sub(day) <= until.to_offset(time::UtcOffset::UTC).date())
}

fn severity(word: &str) -> Result<Severity, BadFilter> {
    word.parse().map_err(|error: portico_log::BadSeverity| bad("level", word, error.to_string()))
}

fn trace_id(word: &str) -> Result<String, BadFilter> {
    let id = word.strip_prefix("00-").and_then(|rest| rest.split('-').next()).unwrap_or(word).to_ascii_lowercase();
    let valid = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if valid { Ok(id) } else { Err(bad("trace", word, "must be 32 hexadecimal digits")) }
}

fn moment(what: &'static str, word: &str, now: OffsetDateTime) -> Result<OffsetDateTime, BadFilter> {
    let rule = "must be a time such as 2026-01-31T12:00:00Z, or an age such as 15m, 2h, 7d";
    let moment = match age(word) {
        Some(age) => now.checked_sub(age),
        None => OffsetDateTime::parse(word, &Rfc3339).ok(),
    };
    moment.ok_or_else(|| bad(what, word, rule))
}

fn age(word: &str) -> Option<Duration> {
    let seconds_each = match word.chars().next_back()? {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        'w' => 7 * 24 * 60 * 60,
        _ => return None,
    };
    let count: i64 = word[..word.len() - 1].parse::<u32>().ok()?.into();
    Some(Duration::seconds(count * seconds_each))
}

fn bad(what: &'static str, word: &str, rule: impl Into<Cow<'static, str>>) -> BadFilter {
    BadFilter { what, word: word.to_owned(), rule: rule.into() }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-01-10 12:00 UTC);

    #[test]
    fn times_are_moments_or_ages() {
        let moments = ["2026-01-09T12:00:00+01:00", "90s", "15m", "2h", "7d", "1w"];

        let parsed = moments.map(|word| moment("since", word, NOW).unwrap());

        let ages = [90, 900, 7_200, 604_800, 604_800].map(|seconds| NOW - Duration::seconds(seconds));
        assert_eq!(parsed[0], datetime!(2026-01-09 11:00 UTC));
        assert_eq!(parsed[1..], ages);
    }

    #[test]
    fn words_that_mean_nothing_are_refused_by_name() {
        let service = ["../x".to_owned()];
        let none = Words::default();
        for (what, words) in [
            ("service", Words { services: &service, ..none }),
            ("level", Words { level: Some("loud"), ..none }),
            ("trace", Words { trace: Some("abc"), ..none }),
            ("since", Words { since: Some("yesterday"), ..none }),
            ("since", Words { since: Some("-5m"), ..none }),
            ("until", Words { until: Some("5é"), ..none }),
        ] {
            assert_eq!(words.filter(NOW).unwrap_err().what, what);
        }
    }

    #[test]
    fn a_traceparent_names_its_trace() {
        let words =
            Words { trace: Some("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"), ..Words::default() };

        let filter = words.filter(NOW).unwrap();

        assert_eq!(filter.trace_id.as_deref(), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
    }
}
