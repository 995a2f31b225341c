//! The other reference: rsyslog, whose input from Kafka writes the same topic into a file and syncs nothing.

use std::{
    fs, io,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Instant,
};

use portico_bus::kafka::Settings;

use super::{LOOK, PATIENCE};
use crate::run::Failure;

/// rsyslog at work, until this is dropped.
struct Rsyslog(Child);

impl Drop for Rsyslog {
    fn drop(&mut self) {
        let _ended = self.0.kill().and_then(|()| self.0.wait());
    }
}

/// Bytes a second that come into a file of `directory`, from the first ones on; `bytes` are all of them. None where rsyslog
/// is not installed, or lacks its input from Kafka.
pub(super) fn rate_of(settings: &Settings, directory: &Path, bytes: u64) -> Result<Option<f64>, Failure> {
    let (config, file) = (directory.join("rsyslog.conf"), directory.join("records"));
    fs::write(&config, configuration(settings, &file))
        .map_err(Failure::io("rsyslog's configuration is not written"))?;
    let mut command = Command::new("rsyslogd");
    command.arg("-n").arg("-iNONE").arg("-f").arg(&config).stdin(Stdio::null());
    let mut rsyslog = match command.spawn() {
        Ok(child) => Rsyslog(child),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Failure::io("rsyslogd cannot be run")(error)),
    };
    let (asked, mut first) = (Instant::now(), None);
    loop {
        let (now, length) = (Instant::now(), fs::metadata(&file).map_or(0, |file| file.len()));
        if length >= bytes {
            let (begun, before) = first.unwrap_or((asked, 0));
            return Ok(Some(super::rate(bytes - before, now - begun)));
        }
        if length > 0 {
            first.get_or_insert((now, length));
        }
        if rsyslog.0.try_wait().map_err(Failure::io("rsyslogd cannot be waited for"))?.is_some() {
            return Ok(None);
        }
        if asked.elapsed() > PATIENCE {
            return Err(Failure::said(format!("rsyslog wrote {length} of {bytes} bytes")));
        }
        thread::sleep(LOOK);
    }
}

fn configuration(settings: &Settings, file: &Path) -> String {
    let Settings { brokers, topic, group, .. } = settings;
    let file = file.display();
    format!(
        r#"module(load="imkafka")
template(name="line" type="string" string="%rawmsg%\n")
ruleset(name="file") {{ action(type="omfile" file="{file}" template="line") }}
input(type="imkafka" topic="{topic}" broker=["{brokers}"] consumergroup="{group}" ruleset="file"
    confParam=["auto.offset.reset=earliest"])
"#
    )
}
