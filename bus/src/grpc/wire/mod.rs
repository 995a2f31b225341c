//! How the values of domains travel.
//!
//! Invariant: what is read is what was written. It is parsed into the domain's own types again, so that nothing invalid gets
//! in by this way; what cannot be parsed is the sender's fault, and names the field.
//!
//! [`Domain`], [`Rpc`], [`Streamed`], [`Form`], [`Answer`] and [`DomainError`] are what a domain's folder says of it: its service, its
//! messages, their requests, their responses and its errors.

mod causes;
mod fault;
mod log;
mod parts;
pub(super) mod photo;
mod session;
mod user;

use actix::Message;
use portico_kernel::{AskError, Blame, FieldError};

pub(super) use self::fault::{Verdict, forbidden, judge, malformed, refused, status};
pub use self::{log::Logs, photo::Photos, session::Sessions, user::Users};

/// A domain that others may reach over gRPC.
pub trait Domain: Send + Sync + 'static {
    /// The full name of its service.
    const SERVICE: &'static str;
    /// Its errors.
    type Error: DomainError;
}

/// A message of a domain: one call of its service.
pub trait Rpc:
    Form<Wire: prost::Message + Default + Clone + 'static> + Message<Result = Outcome<Self>> + Send + 'static
{
    /// Whose message it is.
    type Domain: Domain;
    /// What it is answered with.
    type Answer: Send + 'static;
    /// How the answer travels.
    type Response: Answer<Self::Answer> + prost::Message + Default + 'static;
    /// The path of the call: `/portico.session.v1.Sessions/CreateSession`.
    const PATH: &'static str;
}

/// A message that is answered with many parts, one after the other.
pub trait Streamed: Form<Wire: prost::Message + Default + Clone + 'static> + Message + Send + 'static {
    /// Whose message it is.
    type Domain: Domain;
    /// One part.
    type Part: prost::Message + Default + 'static;
    /// The path of the call: `/portico.log.v1.Logs/Tail`.
    const PATH: &'static str;
}

/// What a message is answered with, or why not.
pub type Outcome<M> = Result<<M as Rpc>::Answer, <<M as Rpc>::Domain as Domain>::Error>;

/// A value that travels.
pub trait Form: Sized {
    /// What is made of it.
    type Wire;

    /// What is sent.
    fn write(self) -> Self::Wire;

    /// # Errors
    /// The sender's: the field that cannot be understood.
    fn read(wire: Self::Wire) -> Result<Self, FieldError>;
}

/// A response that holds an `A`.
pub trait Answer<A>: Sized {
    /// What is sent.
    fn write(answer: A) -> Self;

    /// # Errors
    /// The sender's: the field that cannot be understood.
    fn read(self) -> Result<A, FieldError>;
}

/// A domain's error, which travels with all that it says.
pub trait DomainError: Blame + From<AskError> + Sized {
    /// How it travels.
    type Wire: prost::Message + Default;
    /// The full name of that, as `google.protobuf.Any` wants it.
    const TYPE_URL: &'static str;

    /// What is sent.
    fn write(&self) -> Self::Wire;

    /// The error that was sent, if this version knows it.
    fn read(wire: Self::Wire) -> Option<Self>;

    /// What it says of the call, where the callee did not answer.
    fn call(&self) -> Option<AskError>;
}

/// Makes calls of messages.
macro_rules! rpcs {
    ($domain:ident: $($message:ty, $method:literal, $answer:ty, $response:ident;)*) => {$(
        impl $crate::grpc::wire::Rpc for $message {
            type Domain = $domain;
            type Answer = $answer;
            type Response = $response;
            const PATH: &'static str = concat!("/", service!(), "/", $method);
        }
    )*};
}

/// Responses that say no more than that it is done.
macro_rules! empty {
    ($($response:ident)*) => {$(
        impl $crate::grpc::wire::Answer<()> for $response {
            fn write((): ()) -> Self {
                Self {}
            }

            fn read(self) -> Result<(), portico_kernel::FieldError> {
                Ok(())
            }
        }
    )*};
}

/// Responses that hold one value, in a field of a form of its own.
macro_rules! holding {
    ($($response:ident { $field:ident: $answer:ty })*) => {$(
        impl $crate::grpc::wire::Answer<$answer> for $response {
            fn write(answer: $answer) -> Self {
                Self { $field: Some(answer.write()) }
            }

            fn read(self) -> Result<$answer, portico_kernel::FieldError> {
                $crate::grpc::wire::parts::required(self.$field, stringify!($field))
            }
        }
    )*};
}

use {empty, holding, rpcs};
