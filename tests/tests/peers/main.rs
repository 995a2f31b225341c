//! Bad peers: what knocks at a node and is none of its nodes, or a broken one, is refused by a clear word, costs a bounded
//! amount of memory, is counted on the operator's `/metrics`, and harms nobody else.

mod flood;
mod renewal;
mod silent;
mod strangers;
mod support;
mod trust;
