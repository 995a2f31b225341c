//! What became of a call, as far as it can be known on this side.

use std::error::Error;

use portico_kernel::AskError;
use tonic::Status;

use super::{
    call::{Call, CallOutcome, Returned},
    link::Unsent,
};
use crate::grpc::{
    Domain,
    wire::{Verdict, judge},
};

/// What is learnt of a call.
pub(super) type Answered<C> = Result<CallOutcome<C>, AskError>;

/// What a call says of the node that was asked.
pub(super) enum Seen {
    /// It answers.
    Alive,
    /// It is leaving, or what it would ask is away: others had better be asked.
    Away(&'static str),
    /// It did not answer.
    Silent,
}

/// Reads what a node answered.
pub(super) fn read<C: Call>(returned: Returned<C>) -> (Answered<C>, Seen) {
    match returned {
        Ok(response) => match C::read(response.into_inner()) {
            Ok(answer) => (Ok(Ok(answer)), Seen::Alive),
            Err(field) => {
                tracing::error!(call = C::PATH, field = %field.field, rule = field.code, "another node's answer is not understood");
                (Err(AskError::Crashed), Seen::Alive)
            }
        },
        Err(status) => match judge::<<C::Domain as Domain>::Error>(&status) {
            Verdict::Domain(error) => (Ok(Err(error)), Seen::Alive),
            Verdict::Call(error) => (Err(error), seen(error)),
            Verdict::Unknown => (Err(AskError::Late), Seen::Silent),
        },
    }
}

fn seen(error: AskError) -> Seen {
    match error {
        AskError::Draining => Seen::Away("it is draining"),
        AskError::Unavailable => Seen::Away("it cannot serve for now"),
        AskError::Overloaded | AskError::Crashed | AskError::Late => Seen::Alive,
    }
}

/// Whether what went wrong on the way proves that the call never ran.
pub(super) fn unsent(status: &Status) -> Option<&Unsent> {
    let mut source = status.source();
    while let Some(error) = source {
        if let Some(unsent) = error.downcast_ref() {
            return Some(unsent);
        }
        source = error.source();
    }
    None
}
