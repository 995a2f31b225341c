//! The contracts of the domains' store ports, each a list of sentences, and every adapter that must keep them.
//!
//! An adapter joins by a module of its own that opens it and lists the contracts, as `sqlite` does.

/// Makes a test of each sentence of a contract, over the store that `open` opens anew each time.
macro_rules! sentences {
    ($contract:ident over $open:path: $($sentence:ident)+) => {
        $(
            #[tokio::test]
            async fn $sentence() {
                let opened = $open().await;
                crate::$contract::$sentence(&opened.store).await;
            }
        )+
    };
}

// The macros that list a contract's sentences are seen by what comes after them.
#[macro_use]
mod content;
#[macro_use]
mod outbox;
#[macro_use]
mod photo;
#[macro_use]
mod session;
#[macro_use]
mod user;
mod files;
#[cfg(feature = "mega")]
mod mega;
#[cfg(feature = "s3")]
mod objects;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "redis")]
mod redis;
mod sqlite;
mod values;
