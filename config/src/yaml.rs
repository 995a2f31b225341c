//! YAML as a figment source, and the lines on which its keys stand.
//!
//! The parser tells where it is in its errors only. Hence a place is found by an error that is made there on purpose.

mod layers;

use std::{collections::HashSet, fmt};

use figment2::providers::Format;
use serde::{
    Deserializer,
    de::{DeserializeOwned, DeserializeSeed, MapAccess, SeqAccess, Visitor},
};

pub(crate) use self::layers::layers;

/// The most repeated keys of a file that are told.
const REPEATED_MAX: usize = 100;

/// YAML 1.2 through `yaml_serde`.
pub(crate) struct Yaml;

impl Format for Yaml {
    type Error = yaml_serde::Error;
    const NAME: &'static str = "YAML";

    fn from_str<T: DeserializeOwned>(text: &str) -> Result<T, Self::Error> {
        if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
            return yaml_serde::from_str("{}"); // a file of comments alone overrides nothing
        }
        yaml_serde::from_str(text)
    }
}

/// The line, from 1, of the key or list entry at `path`, when it was given `again` so many times; else of the last. Of the
/// nearest that holds it, if `text` has no such one.
pub(crate) fn line_of(text: &str, path: &[String], again: usize) -> Option<usize> {
    let line = |path: &[String]| (0..=again).rev().find_map(|again| line_of_exactly(text, path, again));
    (1..=path.len()).rev().find_map(|length| line(&path[..length]))
}

fn line_of_exactly(text: &str, path: &[String], again: usize) -> Option<usize> {
    let mut met = 0;
    first_line(text, |at, _| {
        met += usize::from(at == path);
        met > again
    })
}

/// Every key that its mapping has already, with its line. A map would keep the last of them without a word.
pub(crate) fn repeated(text: &str) -> Vec<(String, usize)> {
    let mut found: Vec<(String, usize)> = Vec::new();
    while found.len() < REPEATED_MAX {
        let (mut met, mut key) = (0, None);
        let line = first_line(text, |path, is_repeated| {
            met += usize::from(is_repeated);
            let is_next = met > found.len();
            key = is_next.then(|| path.join("."));
            is_next
        });
        let (Some(key), Some(line)) = (key, line) else { break };
        found.push((key, line));
    }
    found
}

/// The line of the first key or list entry that `is_wanted`, by its path and whether its mapping has it already.
fn first_line(text: &str, mut is_wanted: impl FnMut(&[String], bool) -> bool) -> Option<usize> {
    let (mut path, mut found) = (Vec::new(), false);
    let mut wanted = |path: &[String], is_repeated| {
        found = is_wanted(path, is_repeated);
        found
    };
    let walk = Walk { path: &mut path, is_wanted: &mut wanted };
    let error = walk.deserialize(yaml_serde::Deserializer::from_str(text)).err()?;
    error.location().filter(|_| found).map(|at| at.line())
}

type Wanted<'a> = &'a mut dyn FnMut(&[String], bool) -> bool;

/// Goes through a value, whose own path is `path`, until something is wanted.
struct Walk<'a> {
    path: &'a mut Vec<String>,
    is_wanted: Wanted<'a>,
}

/// Reads a key, which is the last of `path` then; fails there if it is wanted.
struct Key<'a> {
    path: &'a mut Vec<String>,
    seen: &'a mut HashSet<String>,
    is_wanted: Wanted<'a>,
}

/// Fails wherever it stands.
struct Here;

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("YAML")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { path, is_wanted } = self;
        let mut seen = HashSet::new();
        while map.next_key_seed(Key { path, seen: &mut seen, is_wanted })?.is_some() {
            map.next_value_seed(Walk { path, is_wanted })?;
            path.pop();
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let Self { path, is_wanted } = self;
        for index in 0_usize.. {
            path.push(index.to_string());
            let entry = if is_wanted(path, false) {
                entries.next_element_seed(Here)?
            } else {
                entries.next_element_seed(Walk { path, is_wanted })?
            };
            path.pop();
            if entry.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: serde::de::Error>(self, key: &str) -> Result<(), E> {
        self.path.push(key.to_owned());
        let is_repeated = !self.seen.insert(key.to_owned());
        if (self.is_wanted)(self.path, is_repeated) { Err(E::custom("here")) } else { Ok(()) }
    }
}

impl<'de> DeserializeSeed<'de> for Here {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'_> for Here {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nothing")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_or_entry_is_found_on_its_line() {
        let text = "# top\na:\n  x: 1\nb:\n  # not x: 2\n  y:\n    x: 3\n  x: { z: 4 }\n\
                    \x20 l:\n    - one\n    - p: 2\n  m: [1,\n    2]\n";
        let line = |path: &[&str]| line_of(text, &path.iter().map(ToString::to_string).collect::<Vec<_>>(), 0);

        assert_eq!(line(&["a", "x"]), Some(3));
        assert_eq!(line(&["b", "y", "x"]), Some(7));
        assert_eq!(line(&["b", "x"]), Some(8));
        assert_eq!(line(&["b", "x", "z"]), Some(8));
        assert_eq!(
            (line(&["b", "l", "0"]), line(&["b", "l", "1"]), line(&["b", "l", "1", "p"])),
            (Some(10), Some(11), Some(11))
        );
        assert_eq!((line(&["b", "m", "0"]), line(&["b", "m", "1"])), (Some(12), Some(13)));
        assert_eq!(line(&["b", "none"]), Some(4), "of what holds it");
        assert_eq!(line(&["c"]), None);
    }

    #[test]
    fn every_repeated_key_is_found_on_its_line() {
        let text = "a:\n  x: 1\n  y: 2\n  x: 3\nb: { x: 1, x: 2 }\nl:\n  - x: 1\n  - x: 2\n    x: 3\na: 4\n";

        let found = repeated(text);

        let told: Vec<_> = found.iter().map(|(key, line)| (key.as_str(), *line)).collect();
        assert_eq!(told, [("a.x", 4), ("b.x", 5), ("l.1.x", 9), ("a", 10)]);
    }
}
