//! The CPU time that requests cost, by role: what is left of a rate where the machine has too few cores for many nodes.

use std::{collections::BTreeMap, time::Duration};

use crate::statistics::Repeats;

/// CPU time by role.
#[derive(Debug, Clone, Default)]
pub(super) struct Cpu(BTreeMap<&'static str, Duration>);

impl Cpu {
    /// Adds what one process of `role` has used.
    pub(super) fn add(&mut self, role: &'static str, cpu: Duration) {
        *self.0.entry(role).or_default() += cpu;
    }

    /// What was used since `before`.
    pub(super) fn since(&self, before: &Self) -> Self {
        let used = |(role, cpu): (&&'static str, &Duration)| (*role, cpu.saturating_sub(before.of(role)));
        Self(self.0.iter().map(used).collect())
    }

    /// So many times as much.
    pub(super) fn times(&self, factor: f64) -> Self {
        Self(self.0.iter().map(|(role, cpu)| (*role, cpu.mul_f64(factor))).collect())
    }

    /// What `role` has used.
    pub(super) fn of(&self, role: &str) -> Duration {
        self.0.get(role).copied().unwrap_or_default()
    }
}

/// Repeated measurements of what one request costs.
#[derive(Debug, Clone, Default)]
pub(super) struct Costs {
    roles: BTreeMap<&'static str, Repeats>,
    total: Repeats,
}

impl Costs {
    /// Adds a measurement: `requests` cost `cpu` together.
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    pub(super) fn add(&mut self, cpu: &Cpu, requests: usize) {
        let each = |cpu: Duration| cpu.as_secs_f64() * 1e6 / requests as f64;
        for (role, cpu) in &cpu.0 {
            self.roles.entry(role).or_default().add(each(*cpu));
        }
        self.total.add(each(cpu.0.values().sum()));
    }

    /// Microseconds of all roles together.
    pub(super) fn total(&self) -> &Repeats {
        &self.total
    }

    /// Microseconds of one role; zero of one that was not there.
    pub(super) fn of(&self, role: &str) -> f64 {
        self.roles.get(role).map_or(0.0, Repeats::median)
    }

    /// What each role's part is: `gateway 61 us, session 30 us`.
    pub(super) fn describe(&self) -> String {
        let parts: Vec<_> = self.roles.iter().map(|(role, cost)| format!("{role} {}", brief(cost.median()))).collect();
        parts.join(", ")
    }
}

/// Microseconds, to three digits or so.
fn brief(us: f64) -> String {
    if us < 100.0 { format!("{us:.1} us") } else { format!("{us:.0} us") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cpu(ms: &[(&'static str, u64)]) -> Cpu {
        let mut cpu = Cpu::default();
        for (role, ms) in ms {
            cpu.add(role, Duration::from_millis(*ms));
        }
        cpu
    }

    #[test]
    fn a_cost_is_what_was_used_since_then_for_each_request_and_by_role() {
        let (before, after) =
            (cpu(&[("user", 100), ("gateway", 10)]), cpu(&[("user", 70), ("user", 50), ("gateway", 50)]));

        let mut costs = Costs::default();
        costs.add(&after.since(&before), 1_000);

        assert_eq!(costs.describe(), "gateway 40.0 us, user 20.0 us");
        assert!((costs.total().median() - 60.0).abs() < 1e-9 && costs.of("photo").abs() < 1e-9);
    }
}
