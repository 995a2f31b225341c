//! A node's spool, a topic of its own on a real Kafka, and the files of whoever collects.

use std::{
    fs,
    path::PathBuf,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use portico_bus::kafka::{Collector, Counts, Parts, Sender, Settings, Tls};
use portico_kernel::{Deadline, Intensity, Spec, StoreError, Strategy, Supervisor, testkit::ManualClock};
use portico_log::{
    Logs, Place, Positions, Record, Spool, Store as _, Waiting,
    testkit::{contract::NOW, origin, record},
};
use portico_schema::log::{LogFiles, LogSettings, SpoolFiles};
use portico_tests::Servers;
use tempfile::TempDir;

/// How long a test waits for what must come, with a broker that starts in between.
const PATIENCE: Duration = Duration::from_mins(2);

/// The Kafka that all tests share which do it no harm.
pub(crate) fn shared() -> &'static Servers {
    static SHARED: LazyLock<Servers> = LazyLock::new(|| Servers::shared(&["kafka"]));
    &SHARED
}

/// Settings for a topic and a group that nobody else has.
pub(crate) fn settings(servers: &Servers) -> Settings {
    let name = format!("t{:016x}", fastrand::u64(..));
    Settings {
        brokers: servers.kafka().to_owned(),
        topic: name.clone(),
        group: name,
        tls: Tls::Disabled,
        login: None,
        partitions: 1,
        replication: None,
    }
}

/// A node that sends.
pub(crate) struct Node {
    pub(crate) spool: SpoolFiles,
    pub(crate) settings: Arc<Settings>,
    taken: Arc<AtomicU64>,
    dir: TempDir,
    root: Supervisor,
}

/// A spool that counts the records which are given out.
struct Watched {
    spool: SpoolFiles,
    taken: Arc<AtomicU64>,
}

#[async_trait]
impl Spool for Watched {
    async fn oldest(&self) -> Result<Waiting, StoreError> {
        let waiting = self.spool.oldest().await?;
        self.taken.fetch_add(waiting.records.len() as u64, Relaxed);
        Ok(waiting)
    }

    async fn forget(&self, place: Place) -> Result<(), StoreError> {
        self.spool.forget(place).await
    }

    async fn appended(&self) {
        self.spool.appended().await;
    }
}

impl Node {
    pub(crate) fn new(settings: &Settings) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let spool = open(&dir);
        Self { spool, settings: Arc::new(settings.clone()), taken: Arc::default(), dir, root: root() }
    }

    pub(crate) async fn log(&self, records: &[Record]) {
        self.spool.append(records.into()).await.unwrap();
    }

    pub(crate) fn send(&self) {
        let watched = Watched { spool: self.spool.clone(), taken: Arc::clone(&self.taken) };
        let (spool, settings) = (Arc::new(watched) as Arc<dyn Spool>, Arc::clone(&self.settings));
        let spec = Spec::new("sender").on("sender");
        self.root.supervise(spec, move || Sender::new(Arc::clone(&spool), Arc::clone(&settings)));
    }

    /// How many records the sender has taken, whatever became of them.
    pub(crate) fn taken(&self) -> u64 {
        self.taken.load(Relaxed)
    }

    /// The same node in its next run, whatever its sender was doing.
    pub(crate) async fn again(self) -> Self {
        self.root.drain(Deadline::within(PATIENCE)).await;
        Self { spool: open(&self.dir), taken: Arc::default(), root: root(), ..self }
    }

    /// The same after a crash that cost it the note of what it had sent.
    pub(crate) async fn forgetful(self) -> Self {
        self.root.drain(Deadline::within(PATIENCE)).await;
        fs::remove_file(self.dir.path().join("sent")).unwrap();
        self.again().await
    }

    pub(crate) async fn sent(&self) {
        eventually("the spool to be empty", || self.spool.bytes() == 0).await;
    }
}

fn open(dir: &TempDir) -> SpoolFiles {
    SpoolFiles::open(dir.path().to_owned(), 64 * 1024 * 1024).unwrap()
}

/// A node that collects.
pub(crate) struct Keeper {
    pub(crate) counts: Arc<Counts>,
    files: LogFiles,
    settings: Arc<Settings>,
    dir: Arc<TempDir>,
    root: Supervisor,
}

impl Keeper {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self::on(Arc::new(tempfile::tempdir().unwrap()), settings)
    }

    fn on(dir: Arc<TempDir>, settings: &Settings) -> Self {
        let of_files = LogSettings {
            dir: dir.path().to_owned(),
            rotate_bytes: 1024 * 1024 * 1024,
            keep_days: 14,
            keep_bytes: None,
        };
        let files = LogFiles::open(of_files, Arc::new(ManualClock::at(NOW))).unwrap();
        Self { counts: Arc::default(), files, settings: Arc::new(settings.clone()), dir, root: root() }
    }

    /// Starts to collect.
    pub(crate) fn collect(self) -> Self {
        let store = self.files.clone();
        let keeper =
            self.root.supervise(Spec::new("files").on("files"), move || Logs::of_others(Arc::new(store.clone())));
        let parts = Parts {
            settings: Arc::clone(&self.settings),
            append: keeper.ask(),
            positions: Arc::new(self.files.clone()) as Arc<dyn Positions>,
            counts: Arc::clone(&self.counts),
        };
        self.root.supervise(Spec::new("collector").on("collector"), move || Collector::new(parts.clone()));
        self
    }

    /// Stops it.
    pub(crate) async fn stop(&self) {
        self.root.drain(Deadline::within(PATIENCE)).await;
    }

    /// Another run on the same files, by other settings or the same.
    pub(crate) fn again(&self, settings: &Settings) -> Self {
        Self::on(Arc::clone(&self.dir), settings)
    }

    /// Has it forget how far it has come.
    pub(crate) fn forget_positions(&self) {
        fs::remove_file(self.dir.path().join("positions.json")).unwrap();
    }

    /// What a service's files hold.
    pub(crate) fn lines(&self, service: &str) -> Vec<Vec<u8>> {
        let path: PathBuf = self.dir.path().join(format!("{service}-2026-01-01.jsonl"));
        let text = fs::read(path).unwrap_or_default();
        text.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
    }

    /// Waits until that is as much as expected.
    pub(crate) async fn holds(&self, service: &str, records: &[Record]) {
        eventually("all records to be kept", || self.lines(service).len() >= records.len()).await;
        assert!(self.lines(service) == lines(records), "each stands once, in its order");
    }
}

fn root() -> Supervisor {
    Supervisor::root("test", Strategy::OneForOne, Intensity::UNLIMITED)
}

pub(crate) fn records(service: &str, sequences: std::ops::RangeInclusive<u64>) -> Vec<Record> {
    sequences.map(|sequence| record(service, &origin(1), sequence, NOW, &format!("number {sequence}"))).collect()
}

pub(crate) fn lines(records: &[Record]) -> Vec<Vec<u8>> {
    records.iter().map(|record| record.line().to_vec()).collect()
}

/// Waits for what another thread or process brings about.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
