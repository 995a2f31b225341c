//! A directory of log files and a clock that the test moves.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Read as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use flate2::read::GzDecoder;
use portico_kernel::testkit::ManualClock;
use portico_log::{
    Record, Store,
    testkit::{
        contract::{NOW, Subject},
        origin, record,
    },
};
use portico_schema::log::{LogFiles, LogSettings};
use time::OffsetDateTime;

pub(crate) struct World {
    pub(crate) clock: ManualClock,
    pub(crate) settings: LogSettings,
    pub(crate) files: LogFiles,
    _dir: tempfile::TempDir,
}

pub(crate) fn world() -> World {
    world_with(|_| ())
}

/// Files that rotate past 1 MB and are kept for 14 days, unless `change` says otherwise.
pub(crate) fn world_with(change: impl FnOnce(&mut LogSettings)) -> World {
    world_in(tempfile::tempdir().unwrap(), change)
}

/// The same in memory, where there is such a place: for thousands of syncs, none of which is what is tested.
pub(crate) fn world_in_memory(change: impl FnOnce(&mut LogSettings)) -> World {
    world_in(tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap(), change)
}

fn world_in(dir: tempfile::TempDir, change: impl FnOnce(&mut LogSettings)) -> World {
    let logs = dir.path().join("logs");
    let mut settings = LogSettings { dir: logs, rotate_bytes: 1_000_000, keep_days: 14, keep_bytes: None };
    change(&mut settings);
    let clock = ManualClock::at(NOW);
    let files = LogFiles::open(settings.clone(), Arc::new(clock.clone())).unwrap();
    World { clock, settings, files, _dir: dir }
}

impl World {
    pub(crate) fn dir(&self) -> &Path {
        &self.settings.dir
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.settings.dir.join(name)
    }

    pub(crate) fn reopen(&mut self) {
        self.files = LogFiles::open(self.settings.clone(), Arc::new(self.clock.clone())).unwrap();
    }

    /// Appends one record that says `body` at `time`.
    pub(crate) async fn say(&self, service: &str, sequence: u64, time: OffsetDateTime, body: &str) {
        self.append(&[record(service, &origin(1), sequence, time, body)]).await;
    }

    pub(crate) async fn append(&self, records: &[Record]) {
        self.files.append(records.into()).await.unwrap();
    }

    /// The names of all files.
    pub(crate) fn names(&self) -> Vec<String> {
        let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        let mut names: Vec<_> = fs::read_dir(self.dir()).unwrap().map(name).collect();
        names.sort();
        names
    }

    /// What a file holds, in either form.
    pub(crate) fn text(&self, name: &str) -> Vec<u8> {
        let (mut file, mut bytes) = (File::open(self.path(name)).unwrap(), Vec::new());
        if name.ends_with(".gz") {
            GzDecoder::new(file).read_to_end(&mut bytes).unwrap();
        } else {
            file.read_to_end(&mut bytes).unwrap();
        }
        bytes
    }
}

impl Subject for World {
    fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.files.clone())
    }

    fn crash(&mut self) {
        self.reopen();
    }

    fn lines(&self) -> Vec<Vec<u8>> {
        let mut in_order = BTreeMap::new();
        for name in self.names() {
            let stem = name.split(".jsonl").next().unwrap().to_owned();
            let (day, part) = stem
                .split_once('.')
                .map_or((stem.clone(), 0), |(day, part)| (day.to_owned(), part.parse::<u32>().unwrap()));
            in_order.insert((day, part), self.text(&name));
        }
        in_order.values().flat_map(|text| text.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec)).collect()
    }
}
