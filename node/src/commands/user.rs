//! `portico user reset-password|sign-out|import`.

use portico_config::Config;
use portico_user::OneTime;

use super::import;
use crate::{
    cli::UserCommand,
    control::{Desk, Reply, Request},
    domains::has_accounts,
    exit::Failure,
    node::Node,
    output::{print, tell},
};

/// Runs the command beside a running node, or on the data directory alone.
///
/// # Errors
/// The operator's, such as an unknown address or refused lines; or the node's.
pub(crate) async fn run(config: Config, command: &UserCommand) -> Result<(), Failure> {
    match command {
        UserCommand::ResetPassword { email } => {
            Box::pin(serve(known(config)?, async |desk| reset_password(desk, email).await)).await
        }
        UserCommand::SignOut { email } => {
            Box::pin(serve(known(config)?, async |desk| sign_out(desk, email).await)).await
        }
        UserCommand::Import { file, report } => {
            let files = import::Files::open(file, report.as_deref())?;
            Box::pin(serve(config, async |desk| import::run(desk, files).await)).await
        }
    }
}

/// Nobody looks for an account where there is no data, unless the directory is the wrong one; nothing is made there.
pub(super) fn known(config: Config) -> Result<Config, Failure> {
    if has_accounts(&config) {
        return Ok(config);
    }
    let directory = &config.data.dir;
    let told = format!("{}: no data is there; name the data directory (--data-dir, data.dir)", directory.display());
    Err(Failure::no_input(told))
}

/// Does `work` through a running node, or through one that serves nobody else.
pub(super) async fn serve(
    config: Config,
    work: impl AsyncFnOnce(&mut Desk) -> Result<(), Failure>,
) -> Result<(), Failure> {
    if let Some(mut desk) = Desk::remote(&config.data.dir).await? {
        return work(&mut desk).await;
    }
    let node = Node::offline(config).await?;
    let result = work(&mut Desk::Local(node.control())).await;
    node.close().await;
    result
}

async fn reset_password(desk: &mut Desk, email: &str) -> Result<(), Failure> {
    match desk.ask(Request::ResetPassword { email: email.to_owned() }).await? {
        Reply::Password(password) => {
            print(&format!("{password}\n"))?;
            tell(&format!(
                "The password above signs in once, within {} hours; its owner should then choose another. All sessions were \
                 ended.",
                OneTime::LIFETIME.whole_hours()
            ));
            Ok(())
        }
        other => Err(refused(other)),
    }
}

async fn sign_out(desk: &mut Desk, email: &str) -> Result<(), Failure> {
    match desk.ask(Request::SignOut { email: email.to_owned() }).await? {
        Reply::SignedOut => {
            tell("All sessions of the account were ended; its password was left as it is.");
            Ok(())
        }
        other => Err(refused(other)),
    }
}

/// An answer that is not the wanted one.
pub(super) fn refused(reply: Reply) -> Failure {
    match reply {
        Reply::Failed { code, .. } if code == "user_unknown" => Failure::no_user("no account has this address"),
        Reply::Failed { detail, .. } => Failure::unavailable(detail),
        Reply::Elsewhere => Failure::unavailable("this node does not host them (node.roles): run it on one that does"),
        Reply::Password(_) | Reply::SignedOut | Reply::Imported(_) | Reply::Moved(_) | Reply::OtherPlaces => {
            Failure::software("the node answered something else")
        }
    }
}
