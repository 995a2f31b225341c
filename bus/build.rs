//! Makes Rust of the contracts in `proto/`, where the feature `grpc` asks for it. No protoc is needed: protox compiles them.

#[cfg(feature = "grpc")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    contracts::compile()
}

#[cfg(not(feature = "grpc"))]
fn main() {}

#[cfg(feature = "grpc")]
mod contracts {
    use std::{env, error::Error, fs, path::PathBuf};

    use prost::Message as _;

    const ROOT: &str = "proto";
    const FILES: [&str; 8] = [
        "portico/fault/v1/fault.proto",
        "portico/log/v1/logs.proto",
        "portico/photo/v1/photo.proto",
        "portico/photo/v1/photos.proto",
        "portico/session/v1/session.proto",
        "portico/session/v1/sessions.proto",
        "portico/user/v1/user.proto",
        "portico/user/v1/users.proto",
    ];

    pub(super) fn compile() -> Result<(), Box<dyn Error>> {
        println!("cargo::rerun-if-changed={ROOT}");
        let descriptors = protox::compile(FILES, [ROOT])?;
        let out = PathBuf::from(env::var("OUT_DIR")?);
        fs::write(out.join("portico.bin"), descriptors.encode_to_vec())?;
        tonic_prost_build::configure()
            .build_transport(false)
            .skip_debug([".portico.log", ".portico.photo", ".portico.session", ".portico.user"]) // what cannot be printed gets into no log
            .bytes(".portico.photo") // chunks are parts of what was read, and no copies
            .server_mod_attribute(".", "#[allow(clippy::all, clippy::pedantic)]")
            .client_mod_attribute(".", "#[allow(clippy::all, clippy::pedantic)]")
            .compile_fds(descriptors)?;
        Ok(())
    }
}
