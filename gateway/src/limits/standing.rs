//! What is left of a budget, and how clients are told (draft-ietf-httpapi-ratelimit-headers-09).
//!
//! A policy is named after what it counts by. `q` is the bucket's size in requests, `w` the seconds in which an empty
//! bucket fills up; `r` is what is left, `t` the seconds until the bucket is full again. Both headers are structured
//! fields (RFC 9651): lists of strings with parameters.

use std::fmt::{self, Write as _};

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
        headers.insert(POLICY, self.list(|it, out| write!(out, r#""{}";q={};w={}"#, it.policy, it.quota, it.window_s)));
        headers
            .insert(LIMIT, self.list(|it, out| write!(out, r#""{}";r={};t={}"#, it.policy, it.remaining, it.reset_s)));
    }

    fn list(&self, item: impl Fn(&Standing, &mut String) -> fmt::Result) -> HeaderValue {
        let mut list = String::with_capacity(64);
        for (index, standing) in self.0.iter().enumerate() {
            list.push_str(if index == 0 { "" } else { ", " });
            item(standing, &mut list).expect("memory takes every byte");
        }
        HeaderValue::try_from(list).expect("names and numbers are visible ASCII")
    }
}
