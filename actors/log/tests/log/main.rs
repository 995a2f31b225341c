//! The log domain from the outside: what an event becomes, and what becomes of it.

mod fuzz;
mod layer;
mod logs;
mod support;
