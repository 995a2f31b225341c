//! What is measured: one module for each figure, or for a few that share their servers.

pub mod ask_local;
#[cfg(feature = "distributed")]
pub mod bare_calls;
#[cfg(feature = "distributed")]
mod cost;
pub mod footprint;
pub mod hot;
pub mod log;
#[cfg(feature = "distributed")]
pub mod log_collect;
#[cfg(feature = "distributed")]
pub mod mixed;
#[cfg(feature = "distributed")]
mod nodes;
#[cfg(feature = "distributed")]
mod operations;
#[cfg(feature = "distributed")]
pub mod outbox_publish;
pub mod overload;
pub mod photo_upload;
mod pictures;
pub mod profile_scale;
pub mod register_durable;
#[cfg(feature = "distributed")]
pub mod remote;
#[cfg(feature = "distributed")]
mod servers;
#[cfg(feature = "distributed")]
pub mod session_check;
#[cfg(feature = "distributed")]
pub mod session_nodes;
mod shared;
pub mod sign_in;
pub mod storm;
#[cfg(feature = "distributed")]
pub mod telemetry;
pub mod thumbnail;

use crate::{
    figure::Figure,
    run::{Failure, Run},
};

/// Figures that are measured together.
#[derive(Debug, Clone, Copy)]
pub struct Group {
    /// Their names, as they stand in the table.
    pub names: &'static [&'static str],
    /// Measures them.
    pub measure: fn(&Run) -> Result<Vec<Figure>, Failure>,
}

/// Every figure, in the order of the table.
pub const ALL: &[Group] = &[
    Group { names: &["me_hot", "verify_hot"], measure: hot::measure },
    Group { names: &["sign_in"], measure: sign_in::measure },
    Group { names: &["me_during_sign_in_storm", "sign_in_shed_ms"], measure: storm::measure },
    Group { names: &["overload_goodput", "overload_p99"], measure: overload::measure },
    Group { names: &["register_durable"], measure: register_durable::measure },
    Group { names: &["profile_scale", "photo_page_scale"], measure: profile_scale::measure },
    Group { names: &["photo_upload", "photo_upload_memory"], measure: photo_upload::measure },
    Group { names: &["thumbnail"], measure: thumbnail::measure },
    Group { names: &["log_ingest"], measure: log::ingest },
    Group { names: &["log_call"], measure: log::call },
    #[cfg(feature = "distributed")]
    Group { names: &["log_collect"], measure: log_collect::measure },
    #[cfg(feature = "distributed")]
    Group { names: &["session_check"], measure: session_check::measure },
    #[cfg(feature = "distributed")]
    Group { names: &["outbox_publish"], measure: outbox_publish::measure },
    #[cfg(feature = "distributed")]
    Group {
        names: &["me_remote", "verify_remote", "sign_in_remote", "photo_two_hops", "upload_two_hops"],
        measure: remote::measure,
    },
    #[cfg(feature = "distributed")]
    Group { names: &["me_remote_bare", "me_remote_tls"], measure: bare_calls::measure },
    #[cfg(feature = "distributed")]
    Group { names: &["session_nodes_2", "session_nodes_4"], measure: session_nodes::measure },
    #[cfg(feature = "distributed")]
    Group {
        names: &["mixed_gateway", "mixed_user", "mixed_session", "mixed_photo", "mixed_postgres", "mixed_redis"],
        measure: mixed::measure,
    },
    #[cfg(feature = "distributed")]
    Group { names: &["telemetry_cpu", "telemetry_cpu_away", "telemetry_memory"], measure: telemetry::measure },
    Group { names: &["ask_local_other_thread", "ask_local_same_thread"], measure: ask_local::measure },
    Group { names: &["idle_memory", "memory_100k_sessions", "start_ms", "binary_mb"], measure: footprint::measure },
];

/// The groups that hold one of `names`; all if none is named.
///
/// # Errors
/// A name that no figure has.
pub fn chosen(names: &[String]) -> Result<Vec<&'static Group>, Failure> {
    let holds = |group: &Group, name: &String| group.names.contains(&name.as_str());
    if let Some(unknown) = names.iter().find(|name| !ALL.iter().any(|group| holds(group, name))) {
        return Err(Failure::said(format!("there is no figure {unknown}; `bench --list` names them all")));
    }
    let is_chosen = |group: &&Group| names.is_empty() || names.iter().any(|name| holds(group, name));
    Ok(ALL.iter().filter(is_chosen).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_chosen_by_name_and_a_wrong_name_is_refused() {
        let chosen = |names: &[&str]| {
            let names: Vec<_> = names.iter().map(ToString::to_string).collect();
            super::chosen(&names).map(|groups| groups.len())
        };

        assert_eq!(chosen(&["verify_hot", "me_hot"]).unwrap(), 1);
        assert_eq!(chosen(&[]).unwrap(), ALL.len());
        assert!(chosen(&["me_hot", "me_cold"]).is_err());
    }
}
