//! A form with one file (RFC 7578). File names and declared types are not looked at.

use actix_multipart::{Field, Multipart, MultipartError};
use actix_web::http::header::HeaderMap;
use futures_util::StreamExt as _;
use portico_kernel::Invalid;

use super::{Broken, Incoming, Poured};
use crate::{
    Problem,
    extract::{Invalids, payload_problem},
    problem::Code,
};

/// The field that holds the picture.
const FIELD: &str = "file";
/// How much of an unknown field's name is told, in characters.
const NAME_SHOWN: usize = 64;

/// A form on its way in.
pub(super) struct Form {
    parts: Multipart,
    body: Incoming,
}

impl Form {
    pub(super) fn new(headers: &HeaderMap, body: Incoming) -> Self {
        Self { parts: Multipart::new(headers, body.clone()), body }
    }

    /// Pours the file, then reads the form to its end: only there it shows that it is whole and holds nothing else.
    pub(super) async fn pour(mut self, poured: &mut Poured) -> Result<(), Broken> {
        let mut file = self.next().await?.ok_or_else(|| invalid("required", "is required"))?;
        if file.name() != Some(FIELD) {
            return Err(unknown(&file).into());
        }
        while let Some(chunk) = file.next().await {
            poured.add(chunk.map_err(|error| problem(&error))?).await?;
        }
        drop(file);
        if let Some(more) = self.next().await? {
            let is_file = more.name() == Some(FIELD);
            return Err(if is_file { invalid("duplicate", "must be given once") } else { unknown(&more) }.into());
        }
        while let Some(epilogue) = self.body.next().await {
            epilogue.map_err(|error| payload_problem(&error))?;
        }
        Ok(())
    }

    async fn next(&mut self) -> Result<Option<Field>, Problem> {
        self.parts.next().await.transpose().map_err(|error| problem(&error))
    }
}

fn unknown(field: &Field) -> Problem {
    let name: String = field.name().unwrap_or_default().chars().take(NAME_SHOWN).collect();
    Invalids(vec![Invalid::new("unknown_field", "is not a field of this request").of(name)]).into()
}

fn invalid(code: &'static str, detail: &'static str) -> Problem {
    Invalids(vec![Invalid::new(code, detail).of(FIELD)]).into()
}

fn problem(error: &MultipartError) -> Problem {
    match error {
        MultipartError::Payload(error) => payload_problem(error),
        MultipartError::Incomplete => Problem::new(Code::UploadAborted).detail("form ends before its closing boundary"),
        _ => Problem::new(Code::MalformedRequest).detail("form is malformed (RFC 7578)"),
    }
}
