//! A typed call: bounded in flight, with a deadline, and with errors that say whether it ran.

use std::{fmt, future::Future, sync::Arc, time::Duration};

use actix::Message;
use futures_util::future::BoxFuture;

use crate::{Backoff, Blame, Deadline, Fault, RetryBudget, Server};

/// How long an ask waits when neither it nor its caller says otherwise.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a caller waits before it repeats a call.
const REPEAT_AFTER: Backoff = Backoff {
    first: Duration::from_millis(10),
    most: Duration::from_secs(1),
    jitter: 0.5,
    healthy: Duration::ZERO, // without meaning for calls
};

/// Why a call got no answer from its callee. The kind says what is known of its effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum AskError {
    /// Refused at the bound of calls in flight. It never ran; it may be repeated.
    #[error("too many calls in flight")]
    Overloaded,
    /// Refused because the callee is shutting down. It never ran; it may be repeated.
    #[error("callee is draining")]
    Draining,
    /// The callee was away until the deadline. It never ran; it may be repeated.
    #[error("callee is unavailable")]
    Unavailable,
    /// The callee crashed while it ran. Its effect is unknown.
    #[error("callee crashed during the call")]
    Crashed,
    /// The deadline passed while it ran. Its effect is unknown.
    #[error("callee did not answer before the deadline")]
    Late,
}

impl AskError {
    /// Whether the call provably never ran, so that repeating it can do no harm.
    pub const fn never_ran(self) -> bool {
        match self {
            Self::Overloaded | Self::Draining | Self::Unavailable => true,
            Self::Crashed | Self::Late => false,
        }
    }
}

impl Blame for AskError {
    fn fault(&self) -> Fault {
        Fault::Server(match self {
            Self::Overloaded => Server::Overloaded,
            Self::Draining | Self::Unavailable => Server::Unavailable,
            Self::Crashed => Server::Broken,
            Self::Late => Server::Late,
        })
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Overloaded => "overloaded",
            Self::Draining | Self::Unavailable => "unavailable",
            Self::Crashed => "internal",
            Self::Late => "deadline_exceeded",
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        self.never_ran().then_some(Duration::from_secs(1))
    }
}

/// Whoever answers a message: a local actor, a bridge to another node, or a closure in a test.
pub trait Callee<M: Message>: Send + Sync + 'static {
    /// Carries `message` and waits for its answer until `deadline`.
    fn call(&self, message: M, deadline: Deadline) -> BoxFuture<'static, Result<M::Result, AskError>>;

    /// The same until `timeout` has passed, or the deadline of the work that is being done if that is sooner.
    fn call_within(&self, message: M, timeout: Duration) -> BoxFuture<'static, Result<M::Result, AskError>> {
        self.call(message, Deadline::within(timeout))
    }
}

/// A typed call to whoever answers `M`. Cheap to clone; outlives the restarts of its callee.
pub struct Ask<M: Message> {
    callee: Arc<dyn Callee<M>>,
    timeout: Duration,
}

impl<M: Message> Ask<M> {
    /// Asks `callee`.
    pub fn new(callee: impl Callee<M>) -> Self {
        Self { callee: Arc::new(callee), timeout: DEFAULT_TIMEOUT }
    }

    /// Bounds the wait of each call; the deadline of the caller's own work counts as well, whichever is sooner.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

impl<M, T, E> Ask<M>
where
    M: Message<Result = Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: From<AskError> + Send + 'static,
{
    /// Answers by `answer`: for tests, and for reads that need no actor.
    pub fn from_fn<F, Fut>(answer: F) -> Self
    where
        F: Fn(M) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
    {
        Self::new(Closure(answer))
    }

    /// Carries `message` to the callee and waits for its answer.
    ///
    /// # Errors
    /// The callee's own, or an [`AskError`] that says whether the call ever ran.
    pub async fn ask(&self, message: M) -> Result<T, E> {
        self.callee.call_within(message, self.timeout).await.unwrap_or_else(|error| Err(error.into()))
    }

    /// The same, but a call that provably never ran is repeated, after a short wait, while deadline and `budget` allow.
    ///
    /// # Errors
    /// As for [`Self::ask`], of the last try.
    pub async fn ask_again(&self, message: M, budget: &RetryBudget) -> Result<T, E>
    where
        M: Clone,
    {
        let deadline = Deadline::within(self.timeout);
        budget.deposit();
        let mut repeats = 0_u32;
        loop {
            let error = match self.callee.call(message.clone(), deadline).await {
                Ok(answer) => return answer,
                Err(error) => error,
            };
            let wait = REPEAT_AFTER.wait(repeats);
            if !error.never_ran() || deadline.remaining() <= wait || !budget.withdraw() {
                return Err(error.into());
            }
            tokio::time::sleep(wait).await;
            repeats = repeats.saturating_add(1);
        }
    }
}

impl<M: Message> Clone for Ask<M> {
    fn clone(&self) -> Self {
        Self { callee: Arc::clone(&self.callee), timeout: self.timeout }
    }
}

impl<M: Message> fmt::Debug for Ask<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ask<{}>", std::any::type_name::<M>())
    }
}

/// Declares whom a domain's messages are asked of: an [`Ask`] for each, and all of them of one who answers every one.
#[macro_export]
macro_rules! asks {
    ($(#[$about:meta])* pub struct $Asks:ident { $($ask:ident: $Message:ty),* $(,)? }) => {
        $(#[$about])*
        #[derive(Debug, Clone)]
        #[expect(missing_docs, reason = "each is documented where its message is")]
        pub struct $Asks {
            $(pub $ask: $crate::Ask<$Message>,)*
        }

        impl $Asks {
            /// Asks `callee`: the domain's actor, or what carries its messages to another node.
            pub fn of(callee: &(impl $($crate::Callee<$Message> +)* Clone)) -> Self {
                Self { $($ask: $crate::Ask::new(callee.clone()),)* }
            }
        }
    };
}

struct Closure<F>(F);

impl<M, F, Fut> Callee<M> for Closure<F>
where
    M: Message + Send + 'static,
    F: Fn(M) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = M::Result> + Send + 'static,
    M::Result: Send,
{
    fn call(&self, message: M, deadline: Deadline) -> BoxFuture<'static, Result<M::Result, AskError>> {
        let answer = deadline.scope((self.0)(message));
        Box::pin(async move { tokio::time::timeout_at(deadline.instant(), answer).await.map_err(|_| AskError::Late) })
    }
}
