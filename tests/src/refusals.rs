//! What an operator hears of a server that cannot be used: the same of every one.

use crate::{Exit, Home};

impl Home {
    /// Starts a node that must end at once, with 78 and one line that tells `told` and not the `secret`.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn refuses_to_start(&self, told: &str, secret: &str) {
        self.ends_with(78, told, secret);
    }

    /// Starts a node that must end with 69, having waited for a server as long as it was configured to, with one line that
    /// tells `told` and not the `secret`.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn gives_up_waiting(&self, told: &str, secret: &str) {
        self.ends_with(69, told, secret);
    }

    #[track_caller]
    fn ends_with(&self, code: i32, told: &str, secret: &str) {
        let exit = self.run(&["up"]);
        assert_eq!(exit.code(), Some(code), "{exit:?}");
        assert_eq!(exit.stderr.lines().count(), 1, "{}", exit.stderr);
        assert!(exit.stderr.contains(told), "`{told}` is missing in {}", exit.stderr);
        assert!(!exit.stderr.contains(secret), "{}", exit.stderr);
    }

    /// Has the configuration shown, which must say that there is a secret and not which.
    ///
    /// # Panics
    /// When it says more or less.
    #[track_caller]
    pub fn never_shows(&self, secret: &str) {
        let Exit { status, stdout, stderr } = self.run(&["config", "show"]);
        assert!(status.success(), "{stderr}");
        assert!(!stdout.contains(secret) && stdout.contains("(not shown)"), "{stdout}");
    }
}

/// An address that nobody listens at.
///
/// # Panics
/// When the system has no port to spare.
pub fn nobody() -> std::net::SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    listener.local_addr().expect("it is bound")
}
