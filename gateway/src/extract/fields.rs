//! Parses a request's fields into domain types and collects every rule that is broken, not only the first.

use std::borrow::Cow;

use portico_kernel::{Blame, Client, Fault, FieldError, Invalid};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

/// The shape of a request, and what it parses into.
///
/// Derive `Deserialize` with `deny_unknown_fields` and without an `Option` that takes null, and `JsonSchema`.
pub trait Parse: DeserializeOwned + JsonSchema + 'static {
    /// What the domain understands.
    type Parsed;

    /// Parses every field.
    ///
    /// # Errors
    /// The client's: every field that breaks a rule.
    fn parse(self) -> Result<Self::Parsed, Invalids>;
}

/// Fields that break rules; at least one.
#[derive(Debug, thiserror::Error)]
#[error("{}", summary(.0))]
pub struct Invalids(pub Vec<FieldError>);

/// Names the broken fields in one sentence.
fn summary(errors: &[FieldError]) -> String {
    let fields: Vec<_> = errors.iter().map(|error| format!("{} {}", error.field, error.detail)).collect();
    fields.join("; ")
}

impl Blame for Invalids {
    fn fault(&self) -> Fault {
        Fault::Client(Client::Invalid)
    }

    fn code(&self) -> &'static str {
        "invalid_field"
    }

    fn fields(&self) -> Vec<FieldError> {
        self.0.clone()
    }
}

/// Collects broken rules while fields are parsed.
#[derive(Debug, Default)]
pub struct Fields(Vec<FieldError>);

impl Fields {
    /// No rule is broken yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the outcome of parsing `field`.
    pub fn take<T>(&mut self, field: impl Into<Cow<'static, str>>, parsed: Result<T, Invalid>) -> Option<T> {
        parsed.map_err(|broken| self.0.push(broken.of(field))).ok()
    }

    /// Parses a field that may be absent.
    pub fn optional<V, T>(
        &mut self,
        field: impl Into<Cow<'static, str>>,
        value: Option<V>,
        parse: impl FnOnce(V) -> Result<T, Invalid>,
    ) -> Option<T> {
        value.and_then(|value| self.take(field, parse(value)))
    }

    /// Ends with what was parsed, or with every rule that was broken.
    ///
    /// # Errors
    /// The client's: the rules that were broken.
    pub fn done<T>(self, parsed: Option<T>) -> Result<T, Invalids> {
        match parsed {
            Some(parsed) if self.0.is_empty() => Ok(parsed),
            _ => Err(Invalids(self.0)),
        }
    }
}
