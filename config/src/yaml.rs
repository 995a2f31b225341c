//! YAML as a figment source, and the line on which a key stands.

use figment2::providers::Format;
use serde::de::DeserializeOwned;

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

/// The line, from 1, on which the key at `path` stands in block mappings; for a key inside of a flow mapping or list,
/// the line of what holds it.
pub(crate) fn line_of(text: &str, path: &[String]) -> Option<usize> {
    let mut found = None;
    let mut depth = 0;
    let mut indents = vec![];
    for (number, line) in text.lines().enumerate() {
        let content = line.trim_start();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        let indent = line.len() - content.len();
        while indents.last().is_some_and(|above| *above >= indent) {
            indents.pop();
        }
        if depth > indents.len() {
            break; // left the mapping that holds the key
        }
        if depth == indents.len() && path.get(depth).is_some_and(|key| names(content, key)) {
            found = Some(number + 1);
            depth += 1;
        }
        indents.push(indent);
    }
    found
}

fn names(content: &str, key: &str) -> bool {
    content.split_once(':').is_some_and(|(name, _)| name.trim().trim_matches(['"', '\'']) == key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_on_its_line() {
        let text = "# top\na:\n  x: 1\nb:\n  # not x: 2\n  y:\n    x: 3\n  x: { z: 4 }\n";
        let line = |path: &[&str]| line_of(text, &path.iter().map(ToString::to_string).collect::<Vec<_>>());

        assert_eq!(line(&["a", "x"]), Some(3));
        assert_eq!(line(&["b", "y", "x"]), Some(7));
        assert_eq!(line(&["b", "x"]), Some(8));
        assert_eq!(line(&["b", "x", "z"]), Some(8));
        assert_eq!(line(&["c"]), None);
    }
}
