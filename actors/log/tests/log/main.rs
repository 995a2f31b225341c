//! The log domain from the outside: what an event becomes, and what becomes of it.

mod layer;
mod logs;
mod support;
