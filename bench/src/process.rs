//! Processes, as Linux tells of them in `/proc`.

use std::{fs, time::Duration};

use crate::run::Failure;

/// What the system says of a process.
#[derive(Debug, Clone, Copy)]
pub struct Process {
    /// Its id.
    pub id: u32,
    /// Who has started it.
    pub parent: u32,
    /// The CPU time that it has used, in user and kernel mode, with that of its children that have ended.
    pub cpu: Duration,
}

impl Process {
    /// None if it is gone.
    pub fn of(id: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        // The name in parentheses may hold anything. After it come the state, the parent, and as the 12th field and the next
        // three the time in user and kernel mode, and that of children.
        let fields: Vec<_> = stat.rsplit_once(") ")?.1.split(' ').collect();
        let ticks: u64 = fields.get(11..15)?.iter().filter_map(|field| field.parse::<u64>().ok()).sum();
        let cpu = Duration::from_millis(ticks * 10); // Linux tells it in hundredths of a second on every architecture
        Some(Self { id, parent: fields.get(1)?.parse().ok()?, cpu })
    }
}

/// Every process that there is.
///
/// # Errors
/// The system does not tell.
pub fn processes() -> Result<Vec<Process>, Failure> {
    let entries = fs::read_dir("/proc").map_err(Failure::io("/proc cannot be read"))?.flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    Ok(ids.filter_map(Process::of).collect())
}

#[cfg(test)]
mod tests {
    use std::process;

    use super::*;

    #[test]
    fn a_process_is_known_by_its_id_and_its_parents() {
        let mut child = process::Command::new("sleep").arg("60").spawn().unwrap();

        let found = processes().unwrap();

        let of = |id: u32| found.iter().find(|process| process.id == id).unwrap();
        assert_eq!(of(child.id()).parent, process::id());
        assert!(of(process::id()).cpu <= Process::of(process::id()).unwrap().cpu);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(Process::of(child.id()).is_none());
    }
}
