//! The servers that a node depends on, and what befalls them.

use std::{fmt, time::Duration};

use clap::ValueEnum;

use crate::Pace;

/// How long a byte is on its way where that is long.
const LATENCY: Duration = Duration::from_millis(200);
/// What passes in a second where that is little.
const LITTLE_BYTES_PER_S: u32 = 16 * 1024;

/// A server that a node depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Server {
    /// Keeps the rows of users and photos.
    Postgres,
    /// Keeps sessions.
    Redis,
    /// Keeps photos' bytes.
    S3,
    /// Carries events.
    Rabbitmq,
    /// Carries log records.
    Kafka,
}

impl Server {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Postgres, Self::Redis, Self::S3, Self::Rabbitmq, Self::Kafka];

    /// What the script that starts it calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Redis => "redis",
            Self::S3 => "s3",
            Self::Rabbitmq => "rabbitmq",
            Self::Kafka => "kafka",
        }
    }

    /// Whether something waits for it that is no request: events, or log records.
    pub(super) fn is_waited_for(self) -> bool {
        matches!(self, Self::Rabbitmq | Self::Kafka)
    }

    /// What readiness calls it. Kafka may be away until the spool is full, and is not named before.
    pub(super) fn checks(self) -> &'static [&'static str] {
        match self {
            Self::Postgres => &["database:user", "database:photo"],
            Self::Redis => &["redis:session"],
            Self::S3 => &["content:photo"],
            Self::Rabbitmq => &["rabbitmq"],
            Self::Kafka => &[],
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Postgres => "PostgreSQL",
            Self::Redis => "Redis",
            Self::S3 => "S3",
            Self::Rabbitmq => "RabbitMQ",
            Self::Kafka => "Kafka",
        })
    }
}

/// What befalls a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Fault {
    /// SIGKILL, and it is started again at once.
    Kill,
    /// It ends in order, and is started again at once.
    Restart,
    /// It is away: connections are refused.
    Down,
    /// SIGSTOP: connections stay open, and nothing answers.
    Pause,
    /// Each byte takes long, each way.
    Late,
    /// Few bytes pass in a second.
    Thin,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Kill, Self::Restart, Self::Down, Self::Pause, Self::Late, Self::Thin];

    /// Whether it is a matter of the way to the server.
    pub(super) fn is_slow(self) -> bool {
        matches!(self, Self::Late | Self::Thin)
    }

    /// Whether it lasts as long as one wants.
    pub(super) fn lasts(self) -> bool {
        !matches!(self, Self::Kill | Self::Restart)
    }

    /// Whether nothing works meanwhile, so that readiness must tell.
    pub(super) fn must_be_named(self) -> bool {
        matches!(self, Self::Down | Self::Pause)
    }

    /// How fast the way is meanwhile.
    pub(in crate::crash) fn pace(self) -> Pace {
        match self {
            Self::Late => Pace { latency: LATENCY, bytes_per_s: None },
            Self::Thin => Pace { latency: Duration::ZERO, bytes_per_s: Some(LITTLE_BYTES_PER_S) },
            Self::Kill | Self::Restart | Self::Down | Self::Pause => Pace::default(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kill => "killed",
            Self::Restart => "restarted",
            Self::Down => "away",
            Self::Pause => "stopped",
            Self::Late => "200 ms each way",
            Self::Thin => "16 KiB/s",
        })
    }
}
