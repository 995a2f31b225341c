//! `sign_in`: sign-ins that are completed a second, against bare argon2id hashes on all cores.
//!
//! Neither side is pinned: each has every core. The generator, which has little to do, shares them.

use std::{
    thread,
    time::{Duration, Instant},
};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use rustix::process::setpriority_process;

use super::shared::RATE_LIMITS_NOTE;
use crate::{
    accounts::{self, PASSWORD},
    figure::Figure,
    load::{self, Pace, Plan},
    run::{Failure, Run},
    statistics::Repeats,
};

/// How long one side is measured before the other one's turn.
const WINDOW: Duration = Duration::from_secs(6);
/// Sign-ins in flight: enough that no core ever waits for one, and fewer than the node sheds at.
const CONNECTIONS_PER_CORE: usize = 8;
/// How nice the node's hashing threads are; the reference's are as nice, so that a busy machine slows both.
const NICENESS: i32 = 10;
/// What `config/default.yml` says of `user.password.argon2`.
const DEFAULT: (u32, u32, u32) = (19_456, 2, 1);

/// Measures it.
///
/// # Errors
/// The node fails, or refuses a right password.
pub fn measure(run: &Run) -> Result<Vec<Figure>, Failure> {
    let cores = run.cores.count();
    let node = run.node("sign-in")?.unlimited().start()?;
    let accounts = accounts::register(node.gateway, run.count(32, 4))?;
    let plan = Plan {
        server: node.gateway,
        requests: accounts.iter().map(accounts::Account::sign_in).collect(),
        once: false,
        pace: Pace::Closed,
        connections: CONNECTIONS_PER_CORE * cores,
        window: run.window(WINDOW),
    };
    let (mut ours, mut bare) = (Repeats::default(), Repeats::default());
    for repeat in 0..run.repeats() {
        bare.add(hashes_per_s(cores, run.window(WINDOW))?);
        let outcome = load::run(None, std::slice::from_ref(&plan))?.swap_remove(0);
        if !outcome.is_only(200) {
            return Err(Failure::said(format!("only 200 was expected of /auth: {}", outcome.describe())));
        }
        ours.add(outcome.rate(200));
        run.progress(format!("sign_in {}: {:.1} against {:.1} a second", repeat + 1, ours.last(), bare.last()));
    }
    let reference = ("bare argon2id with the same parameters, on all cores", bare.median());
    let figure = Figure::at_least("sign_in", "sign-ins/s", ours.median(), reference, 0.95);
    let (memory, passes, lanes) = DEFAULT;
    Ok(vec![
        figure
            .note(format!("argon2id m={memory} KiB t={passes} p={lanes} on {cores} cores; neither side is pinned"))
            .note(format!("closed loop over {} connections; what is still out at the end of the window counts, and so does its time", plan.connections))
            .note(RATE_LIMITS_NOTE)
            .note(format!("{} repeats in turns: {}; reference {}", run.repeats(), ours.spread(), bare.spread())),
    ])
}

/// Hashes a second of `threads` threads that do nothing else.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn hashes_per_s(threads: usize, window: Duration) -> Result<f64, Failure> {
    let began = Instant::now();
    let counts = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(|| hash_for(window))).collect();
        threads.into_iter().map(|thread| thread.join().expect("hashing does not panic")).sum::<Result<usize, _>>()
    });
    Ok(counts.map_err(Failure::said)? as f64 / began.elapsed().as_secs_f64())
}

fn hash_for(window: Duration) -> Result<usize, argon2::Error> {
    let (memory, passes, lanes) = DEFAULT;
    let params = Params::new(memory, passes, lanes, None)?;
    let mut room = vec![Block::default(); params.block_count()]; // once: nothing is asked of the allocator meanwhile
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let _as_nice_as_it_was = setpriority_process(None, NICENESS);
    let (began, mut out, mut count) = (Instant::now(), [0; 32], 0_usize);
    while began.elapsed() < window {
        argon2.hash_password_into_with_memory(PASSWORD.as_bytes(), &count.to_le_bytes(), &mut out, &mut room)?;
        count += 1;
    }
    Ok(count)
}
