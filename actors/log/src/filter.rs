//! Which records are wanted.

use time::OffsetDateTime;

use crate::{Head, Service, Severity};

/// Which records are wanted; the default lets all pass.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Those of one of these; of all when there is none.
    pub services: Vec<Service>,
    /// Those of this severity or above.
    pub severity: Option<Severity>,
    /// Those of this trace, 32 lower-case hexadecimal digits.
    pub trace_id: Option<String>,
    /// Those from this moment on.
    pub since: Option<OffsetDateTime>,
    /// Those before this moment.
    pub until: Option<OffsetDateTime>,
}

impl Filter {
    /// Whether a record is wanted.
    pub fn passes(&self, head: &Head<'_>) -> bool {
        (self.services.is_empty() || self.services.iter().any(|service| service.as_str() == head.resource.service))
            && self.severity.is_none_or(|least| head.severity >= least.number())
            && self.trace_id.as_ref().is_none_or(|wanted| head.trace_id.as_deref() == Some(wanted))
            && self.since.is_none_or(|since| head.time >= since)
            && self.until.is_none_or(|until| head.time < until)
    }
}
