//! The node as it lives, told again and again to whoever watches: server-sent events, as the page at `/` reads them.
//!
//! Invariant: who watches costs the node a look at its tree four times a second, and there are at most [`WATCHERS_MAX`]. No
//! dependency that is slow delays what is told of the actors.

use std::{convert::Infallible, sync::Arc, time::Duration};

use actix_web::{
    HttpResponse,
    http::header::{CONTENT_TYPE, RETRY_AFTER},
    web::{Bytes, Data},
};
use futures_util::{future::LocalBoxFuture, stream};
use portico_kernel::Tree;
use portico_log::Faults;
use serde::Serialize;
use serde_json::Value;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Interval, MissedTickBehavior, interval, sleep},
};

use super::Operator;
use crate::{metrics::Number, readiness::Report};

/// How many may watch; one more is told to come later.
const WATCHERS_MAX: usize = 8;
/// How often actors are looked at: a crash is to be seen within a second.
const TOLD_EVERY: Duration = Duration::from_millis(250);
/// How often dependencies and queues are, which may cost a question to a server each.
const LOOKED_EVERY: Duration = Duration::from_secs(1);

/// What only those who watch are told.
#[derive(Clone)]
pub(crate) struct Live {
    name: Arc<str>,
    faults: Faults,
    places: Arc<Semaphore>,
}

impl Live {
    /// Tells of the node `name`, and of its `faults`.
    pub(crate) fn new(name: String, faults: Faults) -> Self {
        Self { name: name.into(), faults, places: Arc::new(Semaphore::new(WATCHERS_MAX)) }
    }
}

/// Tells until nobody listens any more.
pub(super) async fn stream(operator: Data<Operator>) -> HttpResponse {
    let Ok(place) = Arc::clone(&operator.live.places).try_acquire_owned() else {
        return HttpResponse::ServiceUnavailable().insert_header((RETRY_AFTER, "5")).body("too many watch already\n");
    };
    let frames = stream::unfold(Telling::new(operator, place), |mut telling| async {
        let frame = telling.next().await;
        Some((Ok::<_, Infallible>(frame), telling))
    });
    HttpResponse::Ok().insert_header((CONTENT_TYPE, "text/event-stream")).streaming(frames)
}

/// What one of them is told.
#[derive(Serialize)]
struct Moment<'a> {
    node: &'a str,
    version: &'static str,
    tree: Tree,
    /// None until somebody has looked.
    readiness: Option<&'a Report>,
    numbers: &'a [Number],
    /// Those that were not told before.
    faults: Vec<Value>,
}

/// Dependencies and queues.
type Seen = (Option<Report>, Vec<Number>);

struct Telling {
    operator: Data<Operator>,
    times: Interval,
    looking: LocalBoxFuture<'static, Seen>,
    seen: Option<Seen>,
    /// The number of the last fault that was told.
    told: u64,
    _place: OwnedSemaphorePermit,
}

impl Telling {
    fn new(operator: Data<Operator>, place: OwnedSemaphorePermit) -> Self {
        let mut times = interval(TOLD_EVERY);
        times.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let looking = Box::pin(look(operator.clone(), Duration::ZERO));
        Self { operator, times, looking, seen: None, told: 0, _place: place }
    }

    /// Waits until it is time, and looks about meanwhile.
    async fn next(&mut self) -> Bytes {
        loop {
            tokio::select! {
                seen = &mut self.looking => {
                    self.seen = Some(seen);
                    self.looking = Box::pin(look(self.operator.clone(), LOOKED_EVERY));
                }
                _ = self.times.tick() => return self.frame(),
            }
        }
    }

    fn frame(&mut self) -> Bytes {
        let Operator { tree, live, .. } = &**self.operator;
        let faults = live.faults.after(self.told);
        self.told = faults.last().map_or(self.told, |fault| fault.number);
        let moment = Moment {
            node: &live.name,
            version: env!("CARGO_PKG_VERSION"),
            tree: tree.snapshot(),
            readiness: self.seen.as_ref().and_then(|(report, _)| report.as_ref()),
            numbers: self.seen.as_ref().map_or(&[], |(_, numbers)| numbers),
            faults: faults.iter().filter_map(|fault| serde_json::from_str(&fault.json).ok()).collect(),
        };
        let mut frame = b"data: ".to_vec();
        serde_json::to_writer(&mut frame, &moment).expect("memory takes every byte, and all keys are texts");
        frame.extend_from_slice(b"\n\n");
        frame.into()
    }
}

/// Looks at what may take a while, after a while.
async fn look(operator: Data<Operator>, after: Duration) -> Seen {
    sleep(after).await;
    let numbers = operator.metrics.numbers().await; // for which dependencies are looked at, too
    (operator.readiness.last(), numbers)
}
