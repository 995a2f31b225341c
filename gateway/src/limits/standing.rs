//! What is left of a budget, and how clients are told (draft-ietf-httpapi-ratelimit-headers-09).
//!
//! A policy is named after what it counts by. `q` is the bucket's size in requests, `w` the seconds in which an empty
//! bucket fills up; `r` is what is left, `t` the seconds until the bucket is full again. Both headers are structured
//! fields (RFC 9651): lists of strings with parameters.

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use governor::Quota;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// Where a client stands with one limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    policy: &'static str,
    quota: u32,
    window_s: u64,
    /// Requests that are left.
    pub(super) remaining: u32,
    reset_s: u64,
}

impl Standing {
    pub(super) fn new(policy: &'static str, quota: Quota, remaining: u32) -> Self {
        let burst = quota.burst_size().get();
        let refill = |tokens: u32| {
            let refill = quota.replenish_interval().as_secs_f64() * f64::from(tokens);
            std::time::Duration::try_from_secs_f64(refill.ceil()).map_or(u64::MAX, |refill| refill.as_secs())
        };
        Self { policy, quota: burst, window_s: refill(burst), remaining, reset_s: refill(burst - remaining.min(burst)) }
    }
}

/// Where a client stands with every limit that counted its request.
#[derive(Debug, Default)]
pub(super) struct Standings(Vec<Standing>);

impl Standings {
    pub(super) fn add(&mut self, standing: Standing) {
        self.0.push(standing);
    }

    /// Writes the headers.
    pub(super) fn tell(&self, headers: &mut HeaderMap) {
        let policies = self.list(|it| format!(r#""{}";q={};w={}"#, it.policy, it.quota, it.window_s));
        let limits = self.list(|it| format!(r#""{}";r={};t={}"#, it.policy, it.remaining, it.reset_s));
        headers.insert(POLICY, policies);
        headers.insert(LIMIT, limits);
    }

    fn list(&self, item: impl Fn(&Standing) -> String) -> HeaderValue {
        let items: Vec<_> = self.0.iter().map(item).collect();
        HeaderValue::from_str(&items.join(", ")).expect("names and numbers are visible ASCII")
    }
}
