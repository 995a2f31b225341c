//! `profile_scale` and `photo_page_scale`: public profiles and pages of photos, with a thousand times as many users.
//!
//! Each turn begins with a new process, so that its caches are cold, and asks for users at random: with many users hardly
//! one is asked for twice. The files are in the system's cache on both sides.

mod crowd;

use std::time::Duration;

use super::shared::{OpenPlan, RATE_LIMITS_NOTE, expect_only, open_loop};
use crate::{
    accounts::{self, Account},
    figure::Figure,
    load::{Request, WhenBusy},
    node::Launch,
    run::{Failure, Run},
    statistics::Repeats,
};

/// Users of the small node.
const FEW: u64 = 1_000;
/// Photos of a user at the mean.
const PHOTOS_PER_USER: u64 = crowd::PHOTOS / crowd::USERS;
/// Photos on a page.
const LIMIT: u32 = 20;
/// How long one side is measured before the other one's turn.
const WINDOW: Duration = Duration::from_secs(6);
/// Requests a second: a few per cent of what the server could do.
const PER_S: f64 = 500.0;
const CONNECTIONS: usize = 64;
/// In whose name is asked.
const ASKERS: usize = 16;
/// Different requests of one turn.
const REQUESTS: usize = 4_000;
const CEILING: f64 = 2.0;

/// Measures both.
///
/// # Errors
/// A node fails or refuses, or its databases cannot be filled.
pub fn measure(run: &Run) -> Result<Vec<Figure>, Failure> {
    let many = u64::try_from(run.count(1_000_000, 10_000)).map_err(Failure::said)?;
    let (small, large) = (Side::new(run, "few", FEW)?, Side::new(run, "many", many)?);
    let mut found = [Found::default(), Found::default()];
    for repeat in 0..run.repeats() {
        for (kind, found) in [Kind::Profile, Kind::Page].into_iter().zip(&mut found) {
            found.small.add(small.p99_ms(run, kind, repeat)?);
            found.large.add(large.p99_ms(run, kind, repeat)?);
            let (small, large) = (found.small.last(), found.large.last());
            run.progress(format!("{} {}: p99 {large:.3} ms, of few {small:.3} ms", kind.name(), repeat + 1));
        }
    }
    let [profiles, pages] = found;
    Ok(vec![profiles.figure(run, Kind::Profile, many), pages.figure(run, Kind::Page, many)])
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Profile,
    Page,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Profile => "profile_scale",
            Self::Page => "photo_page_scale",
        }
    }

    /// Asks for something at random; the same `number` is the same thing.
    fn request(self, users: u64, number: u64, asker: &Account) -> Request {
        let at = crowd::scatter(number);
        let path = match self {
            Self::Profile => format!("/users/id/{}", crowd::user(at % users)),
            Self::Page => {
                let photo = at % (users * PHOTOS_PER_USER);
                let (owner, after) = (crowd::user(crowd::owner(photo)), crowd::cursor(photo));
                format!("/users/id/{owner}/photos?limit={LIMIT}&after={after}")
            }
        };
        Request::get(&path, Some(&asker.token))
    }
}

/// A node with its databases.
struct Side {
    launch: Launch,
    users: u64,
    askers: Vec<Account>,
}

impl Side {
    fn new(run: &Run, name: &str, users: u64) -> Result<Self, Failure> {
        let launch = run.node(name)?.unlimited().pinned(run.cores.server());
        let node = launch.start()?; // makes the databases
        let askers = accounts::register(node.gateway, run.count(ASKERS, 2))?;
        node.stop()?;
        crowd::fill(run, &launch.data(), users)?;
        Ok(Self { launch, users, askers })
    }

    fn p99_ms(&self, run: &Run, kind: Kind, repeat: usize) -> Result<f64, Failure> {
        let node = self.launch.start()?;
        let first = (repeat * REQUESTS) as u64;
        let asked =
            |number: usize| kind.request(self.users, first + number as u64, &self.askers[number % self.askers.len()]);
        let requests: Vec<_> = (0..REQUESTS).map(asked).collect();
        let warm_up: Vec<_> = self.askers.iter().map(|asker| Request::get("/me", Some(&asker.token))).collect();
        let plan = OpenPlan {
            server: node.gateway,
            requests: &warm_up,
            per_s: PER_S,
            when_busy: WhenBusy::Wait,
            connections: CONNECTIONS,
            window: run.window(WINDOW / 6),
        };
        expect_only(&open_loop(run, plan)?, 200)?;
        let outcome = open_loop(run, OpenPlan { requests: &requests, window: run.window(WINDOW), ..plan })?;
        expect_only(&outcome, 200)?;
        Ok(outcome.of(200).quantile_ms(0.99))
    }
}

/// Milliseconds at the 99th of a hundred.
#[derive(Default)]
struct Found {
    small: Repeats,
    large: Repeats,
}

impl Found {
    fn figure(&self, run: &Run, kind: Kind, users: u64) -> Figure {
        let what = match kind {
            Kind::Profile => "GET /users/id/{id} of a user at random".to_owned(),
            Kind::Page => format!("GET /users/id/{{id}}/photos?limit={LIMIT}&after=... of a photo at random"),
        };
        let reference = format!("the same with {FEW} users and {} photos", FEW * PHOTOS_PER_USER);
        Figure::at_most(kind.name(), "ms (p99)", self.large.median(), (&reference, self.small.median()), CEILING)
            .note(format!("{what}; {users} users, {} photos", users * PHOTOS_PER_USER))
            .note(format!(
                "a user of 100 has {} photos, the others {}; caches are cold at each turn, user.cache_max is the default",
                crowd::MANY_PHOTOS,
                crowd::FEW_PHOTOS
            ))
            .note(format!("open loop, {PER_S} requests a second; server and generator have a core each"))
            .note(RATE_LIMITS_NOTE)
            .note(format!("{} repeats in turns: {}; few {}", run.repeats(), self.large.spread(), self.small.spread()))
    }
}
