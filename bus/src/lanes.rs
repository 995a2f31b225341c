//! One outbox for several couriers: each sees all of its events, in order, and none waits for another.
//!
//! So a domain that can take no event holds up none but itself. Invariant: an event leaves the outbox once every lane is
//! done with it, and is set aside then if it was poison to one of them. How far a lane has come is kept in memory: in the
//! next process each begins again at the oldest event that stands there, which is at least once, and never less.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use portico_kernel::{Event, Outbox, StoreError};
use time::OffsetDateTime;
use tokio::sync::Notify;
use uuid::Uuid;

/// The lanes of `outbox`, `count` of them: an outbox for one courier each, which forgets events in their order. All of
/// them must have a courier, or nothing ever leaves.
pub fn lanes(outbox: Arc<dyn Outbox>, count: usize) -> Vec<Arc<dyn Outbox>> {
    let progress = (0..count).map(|_| Progress::default()).collect();
    let state = State { lanes: progress, poison: BTreeMap::new() };
    let shared =
        Arc::new(Shared { outbox, state: Mutex::new(state), wakes: (0..count).map(|_| Notify::new()).collect() });
    (0..count).map(|own| Arc::new(Lane { shared: Arc::clone(&shared), own }) as Arc<dyn Outbox>).collect()
}

struct Lane {
    shared: Arc<Shared>,
    /// Its number.
    own: usize,
}

struct Shared {
    outbox: Arc<dyn Outbox>,
    state: Mutex<State>,
    /// One wake-up for each lane: the outbox's own goes to whoever waits first.
    wakes: Vec<Notify>,
}

struct State {
    lanes: Vec<Progress>,
    /// Why events are to be set aside, by position, until every lane is done with them.
    poison: BTreeMap<i64, String>,
}

/// How far a lane has come.
#[derive(Default)]
struct Progress {
    /// It is done with all events up to this position.
    done: i64,
    /// What it read last, as far as it is not done with it.
    read: VecDeque<(i64, Uuid)>,
}

/// What every lane is done with.
#[derive(Default)]
struct Settled {
    forgotten: Vec<Uuid>,
    set_aside: Vec<(Uuid, i64, String)>,
}

impl State {
    /// Lane `own` is done with `ids`; what the others are done with too may leave. Every lane first says so and then
    /// looks at the others, so that the last one always sees that it is.
    fn settle(&mut self, own: usize, ids: &[Uuid]) -> Settled {
        let lane = &mut self.lanes[own];
        let mut settled = Vec::new();
        lane.read.retain(|(position, id)| {
            let is_done = ids.contains(id);
            if is_done {
                settled.push((*position, *id));
            }
            !is_done
        });
        lane.done = settled.last().map_or(lane.done, |(position, _)| lane.done.max(*position));
        let by_all = self.lanes.iter().map(|lane| lane.done).min().unwrap_or_default();
        let mut leaves = Settled::default();
        for (position, id) in settled.into_iter().filter(|(position, _)| *position <= by_all) {
            match self.poison.get(&position) {
                Some(reason) => leaves.set_aside.push((id, position, reason.clone())),
                None => leaves.forgotten.push(id),
            }
        }
        leaves
    }
}

impl Lane {
    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Settles `ids`; what fails to leave is read again, as if this lane had never been done with it.
    async fn settle(&self, ids: &[Uuid]) -> Result<(), StoreError> {
        let (before, leaves) = {
            let mut state = self.state();
            (state.lanes[self.own].done, state.settle(self.own, ids))
        };
        let settling = Settling { lane: self, before };
        self.leave(leaves).await?;
        std::mem::forget(settling);
        Ok(())
    }

    async fn leave(&self, Settled { forgotten, set_aside }: Settled) -> Result<(), StoreError> {
        if !forgotten.is_empty() {
            self.shared.outbox.forget(&forgotten).await?;
        }
        for (id, position, reason) in set_aside {
            self.shared.outbox.set_aside(id, &reason).await?;
            self.state().poison.remove(&position);
        }
        Ok(())
    }
}

/// Takes back what its lane is done with unless all has left that had to: also when the courier crashes meanwhile.
struct Settling<'a> {
    lane: &'a Lane,
    before: i64,
}

impl Drop for Settling<'_> {
    fn drop(&mut self) {
        self.lane.state().lanes[self.lane.own].done = self.before;
    }
}

#[async_trait]
impl Outbox for Lane {
    /// After `position`, and after what this lane is done with.
    async fn after(&self, position: i64, limit: u32) -> Result<Vec<(i64, Event)>, StoreError> {
        let done = self.state().lanes[self.own].done;
        let events = self.shared.outbox.after(position.max(done), limit).await?;
        self.state().lanes[self.own].read = events.iter().map(|(position, event)| (*position, event.id)).collect();
        Ok(events)
    }

    async fn forget(&self, ids: &[Uuid]) -> Result<(), StoreError> {
        self.settle(ids).await
    }

    async fn set_aside(&self, id: Uuid, reason: &str) -> Result<(), StoreError> {
        {
            let mut state = self.state();
            let position =
                state.lanes[self.own].read.iter().find(|(_, read)| *read == id).map(|(position, _)| *position);
            if let Some(position) = position {
                state.poison.entry(position).or_insert_with(|| reason.to_owned());
            }
        }
        self.settle(&[id]).await
    }

    async fn depth(&self) -> Result<u64, StoreError> {
        self.shared.outbox.depth().await
    }

    async fn oldest_at(&self) -> Result<Option<OffsetDateTime>, StoreError> {
        self.shared.outbox.oldest_at().await
    }

    async fn committed(&self) {
        tokio::select! {
            () = self.shared.wakes[self.own].notified() => {}
            () = self.shared.outbox.committed() => {
                let others = self.shared.wakes.iter().enumerate().filter(|(lane, _)| *lane != self.own);
                others.for_each(|(_, wake)| wake.notify_one());
            }
        }
    }
}
