//! Typed identifiers.

/// Defines an id: a UUID v7 (RFC 9562) in a type of its own, so that a photo's id is never taken for a user's.
///
/// ```
/// portico_kernel::id!(
///     /// Names a shelf.
///     pub ShelfId
/// );
/// let id = ShelfId::new();
/// assert_eq!(id.to_string().parse::<ShelfId>().unwrap(), id);
/// ```
#[macro_export]
macro_rules! id {
    ($(#[$doc:meta])* $vis:vis $name:ident) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, $crate::serde::Serialize, $crate::serde::Deserialize,
        )]
        #[serde(crate = "portico_kernel::serde", transparent)]
        $vis struct $name($crate::uuid::Uuid);

        #[allow(clippy::new_without_default, reason = "a default id would be a surprise")]
        impl $name {
            /// A new id, ordered by time of creation.
            pub fn new() -> Self {
                Self($crate::uuid::Uuid::now_v7())
            }

            /// The id as a plain UUID.
            pub const fn uuid(self) -> $crate::uuid::Uuid {
                self.0
            }
        }

        impl From<$crate::uuid::Uuid> for $name {
            fn from(uuid: $crate::uuid::Uuid) -> Self {
                Self(uuid)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(&self.0.hyphenated(), f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

id!(
    /// Names a user in every domain; the user domain gives it out.
    pub UserId
);
