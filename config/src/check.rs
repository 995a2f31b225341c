//! The rules that types cannot say.

mod node;

pub use self::node::host_of;

use url::Url;

use crate::{
    Adapter, Broker, BrokerAdapter, Config, Content, ContentAdapter, Gateway, LogTransport, Mega, Operator, Otlp, Rate,
    SaslMechanism, SessionAdapter, Store, TlsMode, Transport, tls,
};

/// Every broken rule as (key, what is wrong).
pub(crate) fn rules(config: &Config) -> Vec<(String, String)> {
    let mut broken = Broken(Vec::new());
    node::rules(config, &mut broken);
    gateway(&config.gateway, &mut broken);
    operator(&config.operator, &mut broken);
    otlp(&config.telemetry.otlp, &mut broken);
    rates(&config.gateway, &mut broken);
    store("user.store", &config.user.store, &mut broken);
    store("photo.store", &config.photo.store, &mut broken);
    content(&config.photo.content, &mut broken);
    events(&config.bus.broker, &mut broken);
    passwords(config, &mut broken);
    sessions(config, &mut broken);
    profiles(config, &mut broken);
    sizes(config, &mut broken);
    log_level(&config.log.level, &mut broken);
    log_transport(&config.log.transport, &mut broken);
    broken.0
}

struct Broken(Vec<(String, String)>);

impl Broken {
    fn unless(&mut self, holds: bool, key: &str, detail: impl Into<String>) {
        if !holds {
            self.0.push((key.to_owned(), detail.into()));
        }
    }
}

fn gateway(gateway: &Gateway, broken: &mut Broken) {
    public_url(gateway, broken);
    tls_files(gateway, broken);
    let guarded = gateway.listen.ip().is_loopback() || gateway.tls.is_set() || gateway.behind_tls_proxy;
    broken.unless(
        guarded,
        "gateway.listen",
        "is not loopback: set gateway.tls, or gateway.behind_tls_proxy if a proxy ends TLS",
    );
    for (index, origin) in gateway.cors.allowed_origins.iter().enumerate() {
        let is_web = |url: &Url| matches!(url.scheme(), "http" | "https") && !origin.contains('*');
        let parsed = Url::parse(origin).ok().filter(is_web);
        let is_origin = parsed.is_some_and(|url| url.origin().ascii_serialization() == *origin);
        let key = format!("gateway.cors.allowed_origins.{index}");
        broken.unless(is_origin, &key, "must be an origin such as https://app.example.org, without wildcards");
    }
}

fn public_url(gateway: &Gateway, broken: &mut Broken) {
    if gateway.public_url.is_empty() {
        let detail = "must be set beyond loopback and behind a proxy: the origin that browsers see, such as \
                      https://accounts.example.org";
        return broken.unless(false, "gateway.public_url", detail);
    }
    let parsed = Url::parse(&gateway.public_url).ok();
    let is_origin = |url: &Url| gateway.public_url.trim_end_matches('/') == url.origin().ascii_serialization();
    match parsed.filter(|url| matches!(url.scheme(), "http" | "https") && is_origin(url)) {
        None => broken.unless(false, "gateway.public_url", "must be an origin such as https://accounts.example.org"),
        Some(url) => {
            let is_safe = url.scheme() == "https" || is_loopback_host(&url);
            broken.unless(is_safe, "gateway.public_url", "must be https, unless its host is loopback");
        }
    }
    if gateway.tls.is_set() || gateway.behind_tls_proxy {
        broken.unless(
            gateway.is_https(),
            "gateway.public_url",
            "must be https where gateway.tls or gateway.behind_tls_proxy is set: cookies would lack Secure",
        );
    }
}

fn tls_files(gateway: &Gateway, broken: &mut Broken) {
    let tls = &gateway.tls;
    let halves = tls.certificate_file.is_some() == tls.key_file.is_some();
    broken.unless(halves, "gateway.tls", "certificate_file and key_file go together");
    let mut all_exist = true;
    for (key, file) in [("certificate_file", &tls.certificate_file), ("key_file", &tls.key_file)] {
        let exists = file.as_ref().is_none_or(|file| file.is_file());
        broken.unless(exists, &format!("gateway.tls.{key}"), "names no file that there is");
        all_exist &= exists;
    }
    if let (true, Some(certificate), Some(key)) = (all_exist, &tls.certificate_file, &tls.key_file) {
        for (key, detail) in tls::complaints(certificate, key) {
            broken.unless(false, &format!("gateway.tls.{key}"), detail);
        }
    }
}

fn operator(operator: &Operator, broken: &mut Broken) {
    broken.unless(
        operator.listen.ip().is_loopback(),
        "operator.listen",
        "is not loopback, and this listener asks nobody who they are: operator.monitoring is for probes and Prometheus \
         elsewhere",
    );
}

fn otlp(otlp: &Otlp, broken: &mut Broken) {
    let is_web =
        |url: &Url| matches!(url.scheme(), "http" | "https") && url.query().is_none() && url.fragment().is_none();
    let can_be_asked = otlp.endpoint.as_ref().is_none_or(|url| Url::parse(url).is_ok_and(|url| is_web(&url)));
    broken.unless(can_be_asked, "telemetry.otlp.endpoint", "must be a URL such as http://127.0.0.1:4318");
    broken.unless((1..=3600).contains(&otlp.every_s), "telemetry.otlp.every_s", "must be 1 to 3600");
    broken.unless((0.0..=1.0).contains(&otlp.trace_ratio), "telemetry.otlp.trace_ratio", "must be 0 to 1");
}

/// A mistyped level would be taken for the name of a module, and turn the log off without a word.
fn log_level(filter: &str, broken: &mut Broken) {
    const LEVELS: [&str; 6] = ["trace", "debug", "info", "warn", "error", "off"];
    let is_level = |text: &str| LEVELS.iter().any(|level| text.eq_ignore_ascii_case(level));
    let names_level = |part: &str| is_level(part.rsplit_once('=').map_or(part, |(_, level)| level));
    broken.unless(
        filter.split(',').map(str::trim).all(names_level),
        "log.level",
        "must be trace, debug, info, warn, error or off, or such a level by module: info,portico_user=debug",
    );
}

fn log_transport(transport: &LogTransport, broken: &mut Broken) {
    const NAME_MAX: usize = 249 - ".dead".len(); // Kafka's own bound
    let LogTransport { kind, brokers, topic, sasl, tls, .. } = transport;
    let named = brokers.as_ref().is_some_and(|brokers| !brokers.trim().is_empty());
    broken.unless(named || *kind != Transport::Kafka, "log.transport.brokers", "is needed for kafka");
    let is_name = (1..=NAME_MAX).contains(&topic.len())
        && topic.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    broken.unless(is_name, "log.transport.topic", "must be 1 to 244 letters, digits, dots, dashes and underscores");
    broken.unless(!transport.group.is_empty(), "log.transport.group", "must not be empty");
    broken.unless(transport.partitions >= 1, "log.transport.partitions", "must be at least 1");
    broken.unless(transport.replication != Some(0), "log.transport.replication", "must be at least 1");
    for (key, file) in [("sasl.password_file", &sasl.password_file), ("tls.ca_file", &tls.ca_file)] {
        let exists = file.as_ref().is_none_or(|file| file.is_file());
        broken.unless(exists, &format!("log.transport.{key}"), "names no file that there is");
    }
    let told = usize::from(sasl.password.is_some()) + usize::from(sasl.password_file.is_some());
    broken.unless(
        told == usize::from(sasl.user.is_some()),
        "log.transport.sasl",
        "user goes together with password, or else password_file",
    );
    let readable = sasl.user.is_some() && sasl.mechanism == SaslMechanism::Plain && tls.mode == TlsMode::Disable;
    broken.unless(
        !readable,
        "log.transport.sasl.mechanism",
        "must not be plain without TLS: the password could be read",
    );
    // Twice what the queue gives out at once, so that it always fits sooner or later.
    let enough = transport.spool_max_bytes >= 8 * 1024 * 1024;
    broken.unless(enough, "log.transport.spool_max_bytes", "must be at least 8388608");
}

fn is_loopback_host(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn rates(gateway: &Gateway, broken: &mut Broken) {
    let rates = &gateway.rate_limits;
    for (name, Rate { burst, per_s }) in [
        ("per_address", rates.per_address),
        ("per_account", rates.per_account),
        ("sign_in_failures_per_address", rates.sign_in_failures_per_address),
        ("sign_in_failures_per_account", rates.sign_in_failures_per_account),
        ("sign_in_failures_per_device", rates.sign_in_failures_per_device),
        ("registrations_per_address", rates.registrations_per_address),
    ] {
        let key = format!("gateway.rate_limits.{name}");
        broken.unless(burst >= 1, &format!("{key}.burst"), "must be at least 1");
        let sane = per_s.is_finite() && (1e-6..=1e6).contains(&per_s);
        broken.unless(sane, &format!("{key}.per_s"), "must be between 0.000001 and 1000000");
    }
    broken.unless(rates.keys_max >= 1000, "gateway.rate_limits.keys_max", "must be at least 1000");
}

fn store(section: &str, store: &Store, broken: &mut Broken) {
    let is_told_once = store.url.is_some() != store.url_file.is_some();
    let needed = store.adapter == Adapter::Postgres;
    broken.unless(is_told_once || !needed, &format!("{section}.url"), "is needed for postgres, or else url_file");
    for (key, file) in [("url_file", &store.url_file), ("tls.ca_file", &store.tls.ca_file)] {
        let exists = file.as_ref().is_none_or(|file| file.is_file());
        broken.unless(exists, &format!("{section}.{key}"), "names no file that there is");
    }
    // One for whoever reads, and one for whoever writes.
    broken.unless(store.pool_max >= 2, &format!("{section}.pool_max"), "must be at least 2");
    for (key, value) in
        [("acquire_timeout_ms", store.acquire_timeout_ms), ("statement_timeout_ms", store.statement_timeout_ms)]
    {
        broken.unless(value >= 100, &format!("{section}.{key}"), "must be at least 100");
    }
}

fn content(content: &Content, broken: &mut Broken) {
    let is_told_once = content.secret_access_key.is_some() != content.secret_access_key_file.is_some();
    broken.unless(content.also != Some(content.adapter), "photo.content.also", "must be another than adapter");
    mega(content, broken);
    if content.uses(ContentAdapter::S3) {
        for (key, is_there, told) in [
            ("endpoint", content.endpoint.is_some(), "is needed for s3"),
            ("bucket", content.bucket.is_some(), "is needed for s3"),
            ("access_key_id", content.access_key_id.is_some(), "is needed for s3"),
            ("secret_access_key", is_told_once, "is needed for s3, or else secret_access_key_file"),
        ] {
            broken.unless(is_there, &format!("photo.content.{key}"), told);
        }
    }
    let is_web = |text: &String| Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    let endpoint = content.endpoint.as_ref().is_none_or(is_web);
    broken.unless(endpoint, "photo.content.endpoint", "must be an address such as https://s3.example.org");
    for (key, file) in [("secret_access_key_file", &content.secret_access_key_file), ("ca_file", &content.ca_file)] {
        let exists = file.as_ref().is_none_or(|file| file.is_file());
        broken.unless(exists, &format!("photo.content.{key}"), "names no file that there is");
    }
    broken.unless(content.timeout_ms >= 100, "photo.content.timeout_ms", "must be at least 100");
}

fn mega(content: &Content, broken: &mut Broken) {
    let Mega { endpoint, email, password, password_file, folder } = &content.mega;
    let needed = content.uses(ContentAdapter::Mega);
    broken.unless(email.is_some() || !needed, "photo.content.mega.email", "is needed for mega");
    let is_told_once = password.is_some() != password_file.is_some();
    let told = "is needed for mega, or else password_file";
    broken.unless(is_told_once || !needed, "photo.content.mega.password", told);
    let exists = password_file.as_ref().is_none_or(|file| file.is_file());
    broken.unless(exists, "photo.content.mega.password_file", "names no file that there is");
    let is_guarded = |url: &Url| url.scheme() == "https" || (url.scheme() == "http" && is_loopback_host(url));
    let is_safe = Url::parse(endpoint).is_ok_and(|url| is_guarded(&url));
    broken.unless(is_safe, "photo.content.mega.endpoint", "must be https, unless its host is loopback");
    let is_name = !folder.is_empty() && folder.len() <= 255 && !folder.contains(['/', '\\']);
    broken.unless(
        is_name,
        "photo.content.mega.folder",
        "must be the name of a folder: 1 to 255 bytes, without slashes",
    );
}

fn events(over: &Broker, broken: &mut Broken) {
    let is_told_once = over.url.is_some() != over.url_file.is_some();
    let needed = over.adapter == BrokerAdapter::Rabbitmq;
    broken.unless(is_told_once || !needed, "bus.broker.url", "is needed for rabbitmq, or else url_file");
    for (key, file) in [("url_file", &over.url_file), ("tls.ca_file", &over.tls.ca_file)] {
        let exists = file.as_ref().is_none_or(|file| file.is_file());
        broken.unless(exists, &format!("bus.broker.{key}"), "names no file that there is");
    }
    let prefix = &over.prefix;
    let is_plain = prefix.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter));
    broken.unless(
        (1..=64).contains(&prefix.len()) && is_plain && !prefix.starts_with("amq."),
        "bus.broker.prefix",
        "must be 1 to 64 letters, digits, dots, hyphens and underscores, and not begin with amq.",
    );
}

fn passwords(config: &Config, broken: &mut Broken) {
    let password = &config.user.password;
    let range = (8..=64).contains(&password.min_length);
    broken.unless(range, "user.password.min_length", "must be between 8 and 64 (NIST SP 800-63B-4)");
    let argon2 = password.argon2;
    let memory = argon2.memory_kib >= 8 * argon2.parallelism.max(1) && argon2.memory_kib <= 4 * 1024 * 1024;
    broken.unless(memory, "user.password.argon2.memory_kib", "must be between 8 x parallelism and 4194304");
    broken.unless((1..=100).contains(&argon2.iterations), "user.password.argon2.iterations", "must be 1 to 100");
    broken.unless((1..=64).contains(&argon2.parallelism), "user.password.argon2.parallelism", "must be 1 to 64");
    broken.unless(password.hash_queue_max >= 1, "user.password.hash_queue_max", "must be at least 1");
}

fn sessions(config: &Config, broken: &mut Broken) {
    const TEN_YEARS_S: u64 = 10 * 365 * 24 * 60 * 60;
    let session = &config.session;
    let store = &session.store;
    let is_told_once = store.url.is_some() != store.url_file.is_some();
    let needed = store.adapter == SessionAdapter::Redis;
    broken.unless(is_told_once || !needed, "session.store.url", "is needed for redis, or else url_file");
    for (key, file) in [("session.store.url_file", &store.url_file), ("session.store.ca_file", &store.ca_file)] {
        broken.unless(file.as_ref().is_none_or(|file| file.is_file()), key, "names no file that there is");
    }
    broken.unless(store.timeout_ms >= 100, "session.store.timeout_ms", "must be at least 100");
    broken.unless(session.idle_s >= 60, "session.idle_s", "must be at least 60");
    broken.unless(session.absolute_s >= session.idle_s, "session.absolute_s", "must not be less than session.idle_s");
    broken.unless(session.absolute_s <= TEN_YEARS_S, "session.absolute_s", "must be at most ten years");
    broken.unless(session.per_user_max >= 1, "session.per_user_max", "must be at least 1");
}

fn profiles(config: &Config, broken: &mut Broken) {
    let cache = &config.user.cache;
    let is_told_twice = cache.url.is_some() && cache.url_file.is_some();
    broken.unless(!is_told_twice, "user.cache.url", "goes not together with url_file");
    broken.unless(
        !cache.is_beside_sessions() || config.session.store.adapter == SessionAdapter::Redis,
        "user.cache.url",
        "is needed for redis, or else url_file, unless session.store is redis",
    );
    for (key, file) in [("user.cache.url_file", &cache.url_file), ("user.cache.ca_file", &cache.ca_file)] {
        broken.unless(file.as_ref().is_none_or(|file| file.is_file()), key, "names no file that there is");
    }
    broken.unless((10..=1000).contains(&cache.timeout_ms), "user.cache.timeout_ms", "must be between 10 and 1000");
}

fn sizes(config: &Config, broken: &mut Broken) {
    let limits = &config.gateway.limits;
    for (key, value, least) in [
        ("gateway.limits.json_max_bytes", limits.json_max_bytes as u64, 1024),
        ("gateway.limits.header_max_bytes", limits.header_max_bytes as u64, 1024),
        ("gateway.limits.connections_max", limits.connections_max as u64, 1),
        ("gateway.limits.in_flight_max", limits.in_flight_max as u64, 1),
        ("gateway.deadlines.request_ms", config.gateway.deadlines.request_ms, 100),
        ("gateway.deadlines.head_ms", config.gateway.deadlines.head_ms, 100),
        ("gateway.deadlines.body_idle_ms", config.gateway.deadlines.body_idle_ms, 10),
        ("gateway.deadlines.answer_idle_ms", config.gateway.deadlines.answer_idle_ms, 100),
        ("photo.upload_max_bytes", config.photo.upload_max_bytes, 1024),
        ("photo.pixels_max", config.photo.pixels_max, 1),
        ("photo.decode_memory_bytes", config.photo.decode_memory_bytes, config.photo.pixels_max.saturating_mul(8)),
        ("photo.uploads_max", config.photo.uploads_max as u64, 1),
        ("log.rotate_bytes", config.log.rotate_bytes, 64 * 1024),
        ("log.flush_ms", config.log.flush_ms, 1),
        ("log.keep_days", u64::from(config.log.keep_days), 1),
        ("log.queue_max", config.log.queue_max as u64, 1024),
        ("shutdown.deadline_ms", config.shutdown.deadline_ms, 100),
    ] {
        broken.unless(value >= least, key, format!("must be at least {least}"));
    }
}
