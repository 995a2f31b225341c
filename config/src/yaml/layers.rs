//! A file in which keys are given again, taken apart into files in which none is: so that each value can be looked at, also
//! those that would not count.

use std::fmt;

use figment2::{
    providers::Format as _,
    value::{Dict, Empty, Value},
};
use serde::{
    Deserializer,
    de::{DeserializeSeed, MapAccess, SeqAccess, Visitor},
};

use super::Yaml;

/// The most layers of a file; what is given more often than that is told to be given again, and not looked at.
const LAYERS_MAX: usize = 16;

/// The values of `text`, in as few layers as it takes for none to hide another: one unless a key is given twice.
pub(crate) fn layers(text: &str) -> Vec<Dict> {
    let (mut path, mut layers) = (Vec::new(), Layers::default());
    let leaves = Leaves { path: &mut path, layers: &mut layers };
    match leaves.deserialize(yaml_serde::Deserializer::from_str(text)) {
        Ok(()) => layers.0,
        // It holds what no value can be, such as a number of 128 bits, and is looked at as it is.
        Err(_) => vec![Yaml::from_str(text).unwrap_or_default()],
    }
}

#[derive(Default)]
struct Layers(Vec<Dict>);

impl Layers {
    /// Keeps a value in the first layer that has room at its path.
    fn keep(&mut self, path: &[String], mut value: Value) {
        for layer in &mut self.0 {
            match insert(layer, path, value) {
                Ok(()) => return,
                Err(given_back) => value = given_back,
            }
        }
        if self.0.len() < LAYERS_MAX {
            let mut layer = Dict::new();
            let _has_room = insert(&mut layer, path, value);
            self.0.push(layer);
        }
    }
}

/// Gives the value back where another stands at its path, or on the way to it. A section that holds nothing hides nothing.
fn insert(dict: &mut Dict, path: &[String], value: Value) -> Result<(), Value> {
    match path {
        [] => Err(value),
        [key] => match (dict.get(key), &value) {
            (Some(Value::Dict(..)), Value::Dict(..)) => Ok(()),
            (Some(_), _) => Err(value),
            (None, _) => {
                dict.insert(key.clone(), value);
                Ok(())
            }
        },
        [key, below @ ..] => match dict.entry(key.clone()).or_insert_with(|| Value::from(Dict::new())) {
            Value::Dict(_, section) => insert(section, below, value),
            _ => Err(value),
        },
    }
}

/// Goes through a value, whose own path is `path`, and keeps what holds no keys: values, lists and empty sections.
struct Leaves<'a> {
    path: &'a mut Vec<String>,
    layers: &'a mut Layers,
}

impl<'de> DeserializeSeed<'de> for Leaves<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Leaves<'_> {
    fn keep(self, value: impl Into<Value>) {
        self.layers.keep(self.path, value.into());
    }
}

impl<'de> Visitor<'de> for Leaves<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("YAML")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { path, layers } = self;
        let mut is_empty = true;
        while let Some(key) = map.next_key()? {
            is_empty = false;
            path.push(key);
            map.next_value_seed(Leaves { path, layers })?;
            path.pop();
        }
        if is_empty {
            layers.keep(path, Value::from(Dict::new()));
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let mut list = Vec::<Value>::new();
        while let Some(entry) = entries.next_element()? {
            list.push(entry);
        }
        self.keep(list);
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.keep(text);
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.keep(Empty::Unit);
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.keep(value);
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.keep(value);
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.keep(value);
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.keep(value);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_repetition_is_one_layer_and_each_repetition_is_in_another() {
        let once = layers("a: 1\nb: { c: [1, 2], d: null, e: {} }\n");
        let again = layers("a: { x: 1, x: 2, y: 3 }\nb: 4\na: { x: 5, z: 6 }\n");

        assert_eq!(once, [dict("{ a: 1, b: { c: [1, 2], d: null, e: {} } }")]);
        assert_eq!(
            again,
            [dict("{ a: { x: 1, y: 3, z: 6 }, b: 4 }"), dict("{ a: { x: 2 } }"), dict("{ a: { x: 5 } }")]
        );
    }

    #[test]
    fn a_section_and_a_value_of_the_same_name_are_in_two_layers() {
        assert_eq!(layers("a: { x: 1 }\na: 2\na: {}\n"), [dict("{ a: { x: 1 } }"), dict("{ a: 2 }")]);
    }

    #[test]
    fn nothing_behind_a_value_that_is_none_is_passed_over() {
        let text = "a: { x: 340282366920938463463374607431768211455 }
b: 1
";

        assert_eq!(layers(text), [dict(text)]);
    }

    #[test]
    fn the_layers_are_bounded() {
        assert_eq!(layers(&"a: 1\n".repeat(1_000)).len(), LAYERS_MAX);
    }

    fn dict(text: &str) -> Dict {
        yaml_serde::from_str(text).unwrap()
    }
}
