//! What a process prints, and waiting for what a process will do.

use std::{
    io::{BufRead, BufReader, Read},
    sync::{Arc, Condvar, Mutex},
    thread,
    time::{Duration, Instant},
};

/// How long a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A stream of a process, read to its end by a thread so that the process never waits for the test.
#[derive(Clone)]
pub(crate) struct Output(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    text: String,
    ended: bool,
}

impl Output {
    /// Reads `stream` from now on.
    pub(crate) fn collect(stream: impl Read + Send + 'static) -> Self {
        let output = Self(Arc::default());
        let writer = output.clone();
        thread::spawn(move || writer.read(BufReader::new(stream)));
        output
    }

    fn read(&self, mut stream: impl BufRead) {
        let (state, changed) = &*self.0;
        let mut line = Vec::new();
        loop {
            line.clear();
            let length = stream.read_until(b'\n', &mut line).unwrap_or(0);
            let mut state = state.lock().unwrap();
            state.text.push_str(&String::from_utf8_lossy(&line));
            state.ended = length == 0;
            changed.notify_all();
            if state.ended {
                return;
            }
        }
    }

    /// Everything that was printed until now.
    pub(crate) fn text(&self) -> String {
        self.0.0.lock().unwrap().text.clone()
    }

    /// Everything that was printed, once the process has closed the stream.
    pub(crate) fn whole(&self) -> String {
        self.wait(|state| state.ended.then(|| state.text.clone())).expect("the stream ends with its process")
    }

    /// What follows `prefix` on the first line that begins with it; none if the stream ends without one.
    pub(crate) fn after(&self, prefix: &str) -> Option<String> {
        self.wait(|state| {
            let found = state.text.lines().find_map(|line| line.strip_prefix(prefix)).map(str::to_owned);
            (found.is_some() || state.ended).then_some(found)
        })
        .flatten()
    }

    fn wait<T>(&self, look: impl Fn(&State) -> Option<T>) -> Option<T> {
        let (state, changed) = &*self.0;
        let until = Instant::now() + PATIENCE;
        let mut state = state.lock().unwrap();
        loop {
            if let Some(found) = look(&state) {
                return Some(found);
            }
            let left = until.checked_duration_since(Instant::now())?;
            state = changed.wait_timeout(state, left).unwrap().0;
        }
    }
}

/// Looks until `look` finds something. A black box cannot tell when it is done, so that it must be asked again.
///
/// # Panics
/// When 30 seconds were not enough; it then says what was waited for.
pub async fn eventually<T, Looking>(what: &str, mut look: impl FnMut() -> Looking) -> T
where
    Looking: Future<Output = Option<T>>,
{
    const PAUSE: Duration = Duration::from_millis(20);
    let found = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    tokio::time::timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}
