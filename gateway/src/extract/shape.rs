//! Says everything that is wrong with the shape of a request that did not fit its type, by the type's own schema.

use portico_kernel::{FieldError, Invalid};
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value};

/// How many unknown fields are told: a refusal must not weigh more than the request.
const UNKNOWN_SHOWN: usize = 16;
/// How much of a refused field's name is told.
const NAME_SHOWN: usize = 64;

/// Unknown, missing and mistyped fields of `object`, which should have the shape of a `T`.
pub(super) fn broken<T: JsonSchema>(object: &Map<String, Value>) -> Vec<FieldError> {
    let schema = T::json_schema(&mut SchemaGenerator::default());
    let none = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let unknown = object.keys().filter(|name| !properties.contains_key(*name)).take(UNKNOWN_SHOWN);
    let unknown = unknown.map(|name| {
        Invalid::new("unknown_field", "is not a field of this request")
            .of(name.chars().take(NAME_SHOWN).collect::<String>())
    });
    let missing = required.filter(|name| !object.contains_key(*name));
    let missing = missing.map(|name| Invalid::new("required", "is required").of(name.to_owned()));
    let mistyped = object.iter().filter_map(|(name, value)| mistyped(name, value, properties.get(name)?));
    missing.chain(unknown).chain(mistyped).collect()
}

fn mistyped(name: &str, value: &Value, property: &Value) -> Option<FieldError> {
    let choices = choices(property);
    if !choices.is_empty() {
        let broken = || Invalid::new("unknown_value", format!("must be one of: {}", choices.join(", ")));
        return (!value.as_str().is_some_and(|value| choices.contains(&value))).then(|| broken().of(name.to_owned()));
    }
    let kind = property.get("type").and_then(Value::as_str)?;
    let fits = match kind {
        "string" => value.is_string(),
        "integer" => value.is_u64() && value.as_u64() <= Some(u64::from(u32::MAX)),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => true,
    };
    (!fits).then(|| Invalid::new("wrong_type", format!("must be of type {kind}")).of(name.to_owned()))
}

/// The names that an enumeration has: a list of them, or a list of described ones.
fn choices(property: &Value) -> Vec<&str> {
    let listed = |keyword| property.get(keyword).and_then(Value::as_array).into_iter().flatten();
    let described = listed("oneOf").filter_map(|choice| choice.get("const"));
    listed("enum").chain(described).filter_map(Value::as_str).collect()
}
