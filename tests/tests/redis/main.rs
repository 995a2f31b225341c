//! A node whose sessions a Redis server keeps: what its users and its operator meet when that is away or is not right, and
//! what several nodes over one server owe each other.

mod away;
mod nodes;
mod opening;
mod profiles;
