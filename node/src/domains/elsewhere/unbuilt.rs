//! What a binary without it has: it hosts every domain itself.

use super::World;
use crate::exit::Failure;

macro_rules! nobody {
    ($($domain:ident: $Asks:ty;)*) => {$(
        pub(super) fn $domain(_: &mut World) -> Result<Option<$Asks>, Failure> {
            Ok(None)
        }
    )*};
}

nobody! {
    sessions: portico_session::Asks;
    photos: portico_photo::Asks;
    users: portico_user::Asks;
}
