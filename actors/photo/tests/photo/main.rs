//! The photo domain from outside: pictures, and the actor over stores in memory that fail on demand.

mod apng;
mod deletions;
mod fuzz;
mod image;
mod image_property;
mod lossless;
mod memory;
mod memory_cost;
mod moves;
mod pictures;
mod png_rows;
mod summaries;
mod uploads;
mod webp;
mod world;
