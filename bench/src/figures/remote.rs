//! `me_remote` and its kin: what a request costs where gateway, users, sessions and photos are a process each, against one
//! process that hosts them all.
//!
//! All processes of a side share the server's core, so that CPU time for each request is what tells, and a busy machine
//! moves it little. On machines of their own nodes do more at the same time, and a call over a real network costs more.

use std::{net::SocketAddr, time::Duration};

use super::{
    cost::Costs,
    nodes::{Nodes, Trust},
    operations::{Operation, People, Turn, turn},
    shared::RATE_LIMITS_NOTE,
};
use crate::{
    accounts::Account,
    figure::{Direction, Figure},
    profile::Recording,
    run::{Failure, Run},
    statistics::Repeats,
};

/// How long one side is measured before the other one's turn.
const WINDOW: Duration = Duration::from_secs(4);
/// How long stacks are sampled.
const PROFILE_WINDOW: Duration = Duration::from_secs(10);

/// What is measured, under which name.
const FIGURES: [(&str, Operation); 5] = [
    ("me_remote", Operation::Me),
    ("verify_remote", Operation::Verify),
    ("sign_in_remote", Operation::SignIn),
    ("photo_two_hops", Operation::Download),
    ("upload_two_hops", Operation::Upload),
];

/// Measures all of them.
///
/// # Errors
/// A node cannot be started, or answers anything but what it should.
pub fn measure(run: &Run) -> Result<Vec<Figure>, Failure> {
    let one = Side::new(run, Nodes::alone(run)?)?;
    let apart = Side::new(run, Nodes::apart(run, Trust::Plain)?)?;
    FIGURES.into_iter().map(|(name, operation)| against(run, name, operation, &apart, &one)).collect()
}

/// Nodes, and those who ask them.
pub(super) struct Side<'a> {
    run: &'a Run,
    nodes: Nodes<'a>,
    people: People,
}

/// What was found of a side.
#[derive(Default)]
pub(super) struct Found {
    pub(super) costs: Costs,
    pub(super) rates: Repeats,
}

impl<'a> Side<'a> {
    pub(super) fn new(run: &'a Run, nodes: Nodes<'a>) -> Result<Self, Failure> {
        let people = People::gather(run, nodes.gateways()[0])?;
        Ok(Self { run, nodes, people })
    }

    pub(super) fn gateway(&self) -> SocketAddr {
        self.nodes.gateways()[0]
    }

    pub(super) fn somebody(&self) -> &Account {
        self.people.somebody()
    }

    pub(super) fn turn(&self, operation: Operation, window: Duration) -> Result<Turn, Failure> {
        turn(self.run, &self.nodes, operation, &self.people, window)
    }

    /// Measures it once more.
    pub(super) fn measure(&self, operation: Operation, found: &mut Found) -> Result<(), Failure> {
        let Turn { cpu, count, per_s } = self.turn(operation, WINDOW)?;
        found.costs.add(&cpu, count);
        found.rates.add(per_s);
        Ok(())
    }

    /// Where the CPU of each of the nodes goes.
    fn profile(&self, name: &str, operation: Operation) -> Result<String, Failure> {
        let directory = self.run.binary.with_file_name("profile");
        let recordings = self
            .nodes
            .processes()
            .map(|(role, pid)| Ok((role, Recording::begin(pid, &directory, &format!("{name}-{role}"))?)));
        let recordings = recordings.collect::<Result<Vec<_>, Failure>>()?;
        self.turn(operation, PROFILE_WINDOW)?;
        let mut parts = Vec::new();
        for (role, recording) in recordings {
            parts.push(format!("{role}: {}", recording.end()?.describe()));
        }
        Ok(format!("CPU by part (stacks: profile/{name}-*.folded beside the node): {}", parts.join("; ")))
    }
}

fn against(run: &Run, name: &str, operation: Operation, apart: &Side<'_>, one: &Side<'_>) -> Result<Figure, Failure> {
    let (mut ours, mut theirs) = (Found::default(), Found::default());
    for side in [one, apart] {
        side.turn(operation, WINDOW / 4)?; // to warm up
    }
    for repeat in 0..run.repeats() {
        one.measure(operation, &mut theirs)?;
        apart.measure(operation, &mut ours)?;
        let (ours, theirs) = (ours.costs.total().last(), theirs.costs.total().last());
        run.progress(format!("{name} {}: {ours:.1} against {theirs:.1} us", repeat + 1));
    }
    let figure = figure(run, name, &ours, ("one process that hosts everything", &theirs));
    let mut figure = figure
        .note(format!(
            "{}; gateway, user, session and photo are a process each, over files, and trust each other",
            operation.name()
        ))
        .note(RATE_LIMITS_NOTE);
    if run.options.profile {
        figure = figure.note(apart.profile(name, operation)?);
    }
    Ok(figure)
}

/// CPU a request of one side against that of another.
pub(super) fn figure(run: &Run, name: &str, ours: &Found, (what, theirs): (&str, &Found)) -> Figure {
    let (our, their) = (ours.costs.total(), theirs.costs.total());
    Figure::reported(name, "us of CPU", our.median(), (what, their.median()), Direction::AtMost)
        .note(format!("CPU a request: {}; reference: {}", ours.costs.describe(), theirs.costs.describe()))
        .note(format!(
            "closed loop; all processes on the server's core: {:.0} requests/s, reference {:.0}",
            ours.rates.median(),
            theirs.rates.median()
        ))
        .note(format!("{} repeats in turns: {}; reference {}", run.repeats(), our.spread(), their.spread()))
}
