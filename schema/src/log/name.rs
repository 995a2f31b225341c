//! The grammar of file names: `<service>-<date>[.<part>].jsonl[.gz]`.
//!
//! Invariant: names of one service sort in the order in which they were written.

use std::{ffi::OsStr, fs, io, path::Path};

use portico_log::Service;
use time::{Date, format_description::BorrowedFormatItem, macros::format_description};

const DATE: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]");
const PLAIN: &str = ".jsonl";
const GZIP: &str = ".jsonl.gz";
const UNFINISHED: &str = ".jsonl.gz.tmp";

/// Which records a file holds, whatever its form.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FileName {
    pub(super) service: Service,
    pub(super) date: Date,
    /// 0 for the first file of a day.
    pub(super) part: u32,
}

/// How a file holds them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// As lines.
    Plain,
    /// Compressed.
    Gzip,
    /// Being compressed, or left behind by a crash meanwhile.
    Unfinished,
}

impl FileName {
    /// None for a file that is not one of ours.
    pub(super) fn parse(name: &OsStr) -> Option<(Self, Form)> {
        let name = name.to_str()?;
        let forms = [(UNFINISHED, Form::Unfinished), (GZIP, Form::Gzip), (PLAIN, Form::Plain)];
        let (stem, form) = forms.iter().find_map(|(ending, form)| Some((name.strip_suffix(ending)?, *form)))?;
        let (stem, part) = match stem.split_once('.') {
            Some((stem, part)) => (stem, part.parse().ok().filter(|part| *part > 0)?),
            None => (stem, 0),
        };
        let (service, date) = stem.split_once('-')?;
        let parsed = Self { service: Service::parse(service).ok()?, date: Date::parse(date, DATE).ok()?, part };
        Some((parsed, form))
    }

    pub(super) fn in_form(&self, form: Form) -> String {
        let Self { service, date, part } = self;
        let date = date.format(DATE).expect("a date has all parts of the format");
        let part = if *part == 0 { String::new() } else { format!(".{part}") };
        let ending = match form {
            Form::Plain => PLAIN,
            Form::Gzip => GZIP,
            Form::Unfinished => UNFINISHED,
        };
        format!("{service}-{date}{part}{ending}")
    }
}

/// Our files in `dir`, in order. A file that is both plain and compressed is there twice.
pub(super) fn list(dir: &Path) -> io::Result<Vec<(FileName, Form)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        found.extend(FileName::parse(&entry?.file_name()));
    }
    found.sort_by(|(left, _), (right, _)| left.cmp(right));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_reads_back_as_it_was_written() {
        for name in ["user-2026-01-01.jsonl", "node_2-2026-12-31.17.jsonl.gz", "log-0999-01-01.1.jsonl.gz.tmp"] {
            let (parsed, form) = FileName::parse(OsStr::new(name)).unwrap();

            assert_eq!(parsed.in_form(form), name);
        }
    }

    #[test]
    fn other_files_are_not_ours() {
        for name in ["notes.txt", "user.jsonl", "user-2026-13-01.jsonl", "user-2026-01-01.0.jsonl", ".check", "-.jsonl"]
        {
            assert_eq!(FileName::parse(OsStr::new(name)), None, "{name}");
        }
    }

    #[test]
    fn names_sort_in_the_order_of_writing() {
        let written = [
            "user-2026-01-01.jsonl",
            "user-2026-01-01.2.jsonl",
            "user-2026-01-01.10.jsonl.gz",
            "user-2026-01-02.jsonl",
        ];

        let names = written.map(|name| FileName::parse(OsStr::new(name)).unwrap().0);

        assert!(names.is_sorted());
    }
}
