//! A handler's arguments, read one after the other.

use actix_web::{Error, HttpRequest, dev::Payload};

use crate::{Input, openapi::Description};

/// A handler's arguments. Unlike actix-web's tuples they are read in order, so that authentication written first comes
/// first, whatever the body is like.
pub trait Inputs: Sized + 'static {
    /// Whether one of them is the body as it comes in.
    const STREAMS: bool;
    /// Whether one of them reads the query.
    const READS_QUERY: bool;

    /// Reads them; the first that fails ends it.
    fn read(request: &HttpRequest, payload: &mut Payload) -> impl Future<Output = Result<Self, Error>>;

    /// Describes them all.
    fn describe(description: &mut Description<'_>);
}

/// A handler that reads nothing.
impl Inputs for () {
    const STREAMS: bool = false;
    const READS_QUERY: bool = false;

    async fn read(_: &HttpRequest, _: &mut Payload) -> Result<Self, Error> {
        Ok(())
    }

    fn describe(_: &mut Description<'_>) {}
}

macro_rules! inputs {
    ($($input:ident)*) => {
        impl<$($input: Input),*> Inputs for ($($input,)*) {
            const STREAMS: bool = false $(|| $input::STREAMS)*;
            const READS_QUERY: bool = false $(|| $input::READS_QUERY)*;

            async fn read(request: &HttpRequest, payload: &mut Payload) -> Result<Self, Error> {
                Ok(($($input::from_request(request, payload).await.map_err(Into::into)?,)*))
            }

            fn describe(description: &mut Description<'_>) {
                $($input::describe(description);)*
            }
        }
    };
}

inputs!(A);
inputs!(A B);
inputs!(A B C);
inputs!(A B C D);
inputs!(A B C D E);
inputs!(A B C D E F);
inputs!(A B C D E F G);
inputs!(A B C D E F G H);
