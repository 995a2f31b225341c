//! The photo domain from outside: pictures, and the actor over stores in memory that fail on demand.

mod image;
mod image_property;
mod pictures;
