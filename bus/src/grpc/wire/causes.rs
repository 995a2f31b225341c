//! What went wrong beneath an error: texts, for the log of whoever is told of it.

use std::{error::Error, fmt};

use portico_kernel::Source;

use crate::grpc::proto::fault::v1::Causes;

/// They travel in a header: there are so many of them at most,
const CAUSES_MAX: usize = 8;
/// of so many characters each.
const TEXT_MAX: usize = 256;

pub(super) fn write(error: &(dyn Error + 'static)) -> Causes {
    let (mut texts, mut next) = (Vec::new(), Some(error));
    while let Some(error) = next.filter(|_| texts.len() < CAUSES_MAX) {
        texts.push(error.to_string().chars().take(TEXT_MAX).collect());
        next = error.source();
    }
    Causes { texts }
}

/// An error with these causes, which says what the first says.
pub(super) fn read(causes: Causes) -> Source {
    let cause = causes.texts.into_iter().rev().fold(None, |source, text| Some(Box::new(Cause { text, source })));
    cause.map_or_else(|| "not told".into(), |cause| cause as Source)
}

/// An error of another node.
#[derive(Debug)]
struct Cause {
    text: String,
    source: Option<Box<Cause>>,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for Cause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
