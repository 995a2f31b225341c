//! Merges the sources and finds every mistake at once.
//!
//! Serde stops at its first error. So each error is written down, the value at fault gives way to its default, and the
//! rest is tried again, until everything was looked at.

use std::{collections::HashMap, fs, path::PathBuf};

use figment2::{
    Figment, Metadata, Profile, Provider, Source,
    error::Kind,
    providers::{Env, Format as _, Serialized},
    value::{Dict, Map, Value},
};

use crate::{
    Config, DEFAULT_YML, Mistake, Mistakes, Origin, check,
    yaml::{Yaml, layers, line_of, repeated},
};

const ENV_PREFIX: &str = "PORTICO__";

/// Where a configuration comes from, the later over the earlier: defaults, `files`, environment, `flags`.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// YAML files that must exist.
    pub files: Vec<PathBuf>,
    /// Whether `PORTICO__SECTION__KEY` counts.
    pub environment: bool,
    /// Keys and values from the command line: `("gateway.listen", "127.0.0.1:0")`.
    pub flags: Vec<(String, String)>,
}

/// Loads and checks a configuration.
///
/// # Errors
/// The operator's: every unknown key, every value of a wrong type and every broken rule, each with file, line and key.
pub fn load(sources: &Sources) -> Result<Config, Mistakes> {
    let mut mistakes = unreadable(sources);
    if !mistakes.is_empty() {
        return Err(Mistakes(mistakes));
    }
    mistakes.extend(sources.files.iter().flat_map(repeated_keys));
    let files: Vec<_> = sources.files.iter().map(Layered::read).collect();
    let passes = files.iter().map(|file| file.layers.len()).max().unwrap_or(1).max(1);
    let mut config = None;
    for pass in 0..passes {
        config = Some(look(&merged(sources, &files, pass), pass, &mut mistakes)?);
    }
    match config {
        Some(config) if mistakes.is_empty() => Ok(config),
        _ => Err(Mistakes(mistakes)),
    }
}

/// The configuration of one pass; adds what is wrong with it and was not told of an earlier one.
fn look(figment: &Figment, pass: usize, mistakes: &mut Vec<Mistake>) -> Result<Config, Mistakes> {
    let mut value = figment.find_value("").map_err(|error| Mistakes(vec![unparsable(&error)]))?;
    let mut found = Vec::new();
    let mut config = extract(figment, pass, &mut value, &mut found);
    if config.gateway.public_url.is_empty() {
        config.gateway.public_url = config.gateway.own_url().unwrap_or_default();
    }
    for (key, detail) in check::rules(&config) {
        let path: Vec<String> = key.split('.').map(str::to_owned).collect();
        if !found.iter().any(|mistake| mistake.key == key) {
            found.push(Mistake { origin: origin(figment, pass, &value, &path, &path), key, detail });
        }
    }
    found.retain(|mistake| !mistakes.contains(mistake));
    mistakes.extend(found);
    Ok(config)
}

/// A file whose keys may be given again. Each pass looks at one more of its layers, so that in the end every value was in
/// force, in whose place another would have been.
struct Layered {
    path: PathBuf,
    layers: Vec<Dict>,
}

impl Layered {
    fn read(path: &PathBuf) -> Self {
        Self { path: path.clone(), layers: layers(&fs::read_to_string(path).unwrap_or_default()) }
    }
}

/// One layer, as if it were the file.
struct Layer<'a>(&'a Layered, usize);

impl Provider for Layer<'_> {
    fn metadata(&self) -> Metadata {
        Metadata::from("YAML file", self.0.path.as_path())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment2::Error> {
        Ok(Map::from([(Profile::Default, self.0.layers[self.1].clone())]))
    }
}

/// Files that cannot be read or are no YAML: nothing else can be said of them.
fn unreadable(sources: &Sources) -> Vec<Mistake> {
    let mistake =
        |path: &PathBuf, line, detail| Mistake { origin: Origin::File(path.clone(), line), key: String::new(), detail };
    let complaint = |path: &PathBuf| match fs::read_to_string(path) {
        Err(error) => Some(mistake(path, None, format!("cannot be read: {error}"))),
        Ok(text) => Yaml::from_str::<Dict>(&text)
            .err()
            .map(|error| mistake(path, error.location().map(|at| at.line()), error.to_string())),
    };
    sources.files.iter().filter_map(complaint).collect()
}

fn repeated_keys(path: &PathBuf) -> Vec<Mistake> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let mistake = |(key, line)| {
        let origin = Origin::File(path.clone(), Some(line));
        Mistake { origin, key, detail: "is given twice: only one of them would count".to_owned() }
    };
    repeated(&text).into_iter().map(mistake).collect()
}

fn unparsable(error: &figment2::Error) -> Mistake {
    Mistake { origin: Origin::Default, key: String::new(), detail: error.to_string() }
}

fn merged(sources: &Sources, files: &[Layered], pass: usize) -> Figment {
    let mut figment = Figment::from(Yaml::string(DEFAULT_YML));
    for file in files {
        for layer in 0..file.layers.len().min(pass + 1) {
            figment = figment.merge(Layer(file, layer));
        }
    }
    if sources.environment {
        figment = figment.merge(Env::prefixed(ENV_PREFIX).split("__"));
    }
    for (key, value) in &sources.flags {
        let value: Value = value.parse().expect("figment reads any text");
        figment = figment.merge(Serialized::default(key, value));
    }
    figment
}

fn extract(figment: &Figment, pass: usize, value: &mut Value, mistakes: &mut Vec<Mistake>) -> Config {
    let defaults = Figment::from(Yaml::string(DEFAULT_YML)).find_value("").expect("the defaults are YAML");
    let mut taken_out = HashMap::new();
    loop {
        let errors = match value.deserialize::<Config>() {
            Ok(config) => return config,
            Err(errors) => errors,
        };
        for error in errors {
            let path = path_of(&error);
            let written = as_written(&path, value, &mut taken_out);
            mistakes.push(Mistake {
                origin: origin(figment, pass, value, &path, &written),
                key: written.join("."),
                detail: detail(&error.kind),
            });
            repair(value, &path, &defaults);
        }
    }
}

/// What is at a path, key by key: a key may hold dots, at which figment would part it.
fn at<'a>(value: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, key| match value {
        Value::Dict(_, dict) => dict.get(key),
        Value::Array(_, entries) => entries.get(key.parse::<usize>().ok()?),
        _ => None,
    })
}

/// The path as its author wrote it: entries of a list that were at fault have been taken out before this one, as many
/// as `taken_out` says.
fn as_written(path: &[String], value: &Value, taken_out: &mut HashMap<Vec<String>, usize>) -> Vec<String> {
    let mut written = path.to_vec();
    if let [list @ .., entry] = path
        && let Some(Value::Array(..)) = at(value, list)
        && let Ok(index) = entry.parse::<usize>()
    {
        let before = taken_out.entry(list.to_vec()).or_default();
        written[list.len()] = (index + *before).to_string();
        *before += 1;
    }
    written
}

fn path_of(error: &figment2::Error) -> Vec<String> {
    let mut path = error.path.clone();
    if let Kind::UnknownField(name, _) = &error.kind
        && path.last() != Some(name)
    {
        path.push(name.clone());
    }
    path
}

fn detail(kind: &Kind) -> String {
    match kind {
        Kind::UnknownField(name, known) => format!("`{name}` is no key here; known are {}", known.join(", ")),
        Kind::MissingField(name) => format!("`{name}` is missing"),
        other => other.to_string(),
    }
}

/// Puts the default in the place of the value at fault, or takes away what has no default, such as an entry of a list.
fn repair(value: &mut Value, path: &[String], defaults: &Value) {
    let Some((last, above)) = path.split_last() else {
        *value = defaults.clone();
        return;
    };
    let section = above.iter().try_fold(&mut *value, |value, key| match value {
        Value::Dict(_, dict) => dict.get_mut(key),
        Value::Array(_, entries) => entries.get_mut(key.parse::<usize>().ok()?),
        _ => None,
    });
    match section {
        Some(Value::Dict(_, dict)) => match at(defaults, path) {
            Some(default) => drop(dict.insert(last.clone(), default.clone())),
            None if dict.remove(last).is_some() => {}
            None => repair(value, above, defaults),
        },
        Some(Value::Array(_, entries)) => match last.parse::<usize>() {
            Ok(index) if index < entries.len() => drop(entries.remove(index)),
            _ => repair(value, above, defaults),
        },
        _ => repair(value, above, defaults),
    }
}

/// Where the value comes from that is at `path` in this pass, and was `written` at another if it is in a list.
fn origin(figment: &Figment, pass: usize, value: &Value, path: &[String], written: &[String]) -> Origin {
    let known = |length: usize| figment.get_metadata(at(value, &path[..length])?.tag());
    let metadata = (0..=path.len()).rev().find_map(known); // of the nearest that says where it comes from
    match metadata.map(|metadata| (metadata.source.as_ref(), metadata.name.as_ref())) {
        Some((Some(Source::File(file)), _)) => {
            let line = fs::read_to_string(file).ok().and_then(|text| line_of(&text, written, pass));
            Origin::File(file.clone(), line)
        }
        Some((_, name)) if name.contains("environment") => {
            let names: Vec<_> = path.iter().take_while(|key| key.parse::<usize>().is_err()).cloned().collect();
            Origin::Environment(format!("{ENV_PREFIX}{}", names.join("__").to_uppercase()))
        }
        Some((_, name)) if name.contains("Yaml") || name.contains("YAML") => Origin::Default,
        Some(_) => Origin::Flag,
        None => Origin::Default,
    }
}
