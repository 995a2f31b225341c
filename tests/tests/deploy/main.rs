//! What nodes are packed and run by (`deploy/images`, `deploy/compose.yml`, `deploy/kubernetes`, `deploy/systemd`) fits
//! together, and fits the binary. Whether the images run is seen by `./just images --check`, which wants Docker.

mod compose;
mod files;
mod images;
mod kubernetes;
#[cfg(feature = "distributed")]
mod settings;
mod systemd;
