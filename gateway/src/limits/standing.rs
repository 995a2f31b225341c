//! What is left of a budget, and how clients are told (draft-ietf-httpapi-ratelimit-headers-09).
//!
//! A policy is named after what it counts by. `q` is the bucket's size in requests, `w` the seconds in which an empty
//! bucket fills up; `r` is what is left, `t` the seconds until the bucket is full again. Both headers are structured
//! fields (RFC 9651): lists of strings with parameters.

use std::sync::Arc;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use governor::Quota;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// What a limit allows.
#[derive(Debug)]
pub(super) struct Policy {
    pub(super) name: &'static str,
    /// As clients are told of it.
    text: String,
    burst: u32,
    /// How long it takes until one more request is allowed.
    interval_s: f64,
}

impl Policy {
    pub(super) fn new(name: &'static str, quota: Quota) -> Self {
        let (burst, interval_s) = (quota.burst_size().get(), quota.replenish_interval().as_secs_f64());
        let text = format!(r#""{name}";q={burst};w={}"#, refill_s(interval_s, burst));
        Self { name, text, burst, interval_s }
    }
}

/// Seconds in which so many tokens come back, rounded up.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is at most a few hundred years")]
fn refill_s(interval_s: f64, tokens: u32) -> u64 {
    (interval_s * f64::from(tokens)).ceil() as u64
}

/// Where a client stands with one limit.
#[derive(Debug, Clone)]
pub(super) struct Standing {
    policy: Arc<Policy>,
    /// Requests that are left.
    pub(super) remaining: u32,
}

impl Standing {
    pub(super) fn new(policy: &Arc<Policy>, remaining: u32) -> Self {
        Self { policy: Arc::clone(policy), remaining }
    }

    fn tell(&self, list: &mut String) {
        let Policy { name, burst, interval_s, .. } = *self.policy;
        let mut number = itoa::Buffer::new();
        list.extend(["\"", name, "\";r=", number.format(self.remaining), ";t="]);
        list.push_str(number.format(refill_s(interval_s, burst.saturating_sub(self.remaining))));
    }
}

/// Where a client stands with every limit that counted its request.
#[derive(Debug)]
pub(super) struct Standings(Vec<Standing>);

impl From<Standing> for Standings {
    fn from(first: Standing) -> Self {
        let mut standings = Vec::with_capacity(2); // of the address and of the account
        standings.push(first);
        Self(standings)
    }
}

impl Standings {
    pub(super) fn add(&mut self, standing: Standing) {
        self.0.push(standing);
    }

    /// Writes the headers.
    pub(super) fn tell(&self, headers: &mut HeaderMap) {
        headers.insert(POLICY, self.list(|standing, list| list.push_str(&standing.policy.text)));
        headers.insert(LIMIT, self.list(Standing::tell));
    }

    fn list(&self, item: impl Fn(&Standing, &mut String)) -> HeaderValue {
        let mut list = String::with_capacity(64);
        for (index, standing) in self.0.iter().enumerate() {
            list.push_str(if index == 0 { "" } else { ", " });
            item(standing, &mut list);
        }
        HeaderValue::try_from(list).expect("names and numbers are visible ASCII")
    }
}
