//! Loading a configuration: what wins, and how mistakes are told.

#[path = "load/nodes.rs"]
mod nodes;
#[path = "load/servers.rs"]
mod servers;

use std::{
    fs,
    path::{Path, PathBuf},
};

use portico_config::{Config, Mistakes, Origin, Sources, load};
use tempfile::TempDir;

struct World {
    directory: TempDir,
    sources: Sources,
}

fn world() -> World {
    World { directory: tempfile::tempdir().unwrap(), sources: Sources::default() }
}

impl World {
    fn file(mut self, text: &str) -> Self {
        let path = self.directory.path().join(format!("{}.yml", self.sources.files.len()));
        fs::write(&path, text).unwrap();
        self.sources.files.push(path);
        self
    }

    fn flag(mut self, key: &str, value: &str) -> Self {
        self.sources.flags.push((key.into(), value.into()));
        self
    }

    fn load(&self) -> Result<Config, Mistakes> {
        load(&self.sources)
    }

    fn mistakes(&self) -> Vec<(Origin, String)> {
        let mistakes = self.load().expect_err("the configuration has mistakes");
        mistakes.0.into_iter().map(|mistake| (mistake.origin, mistake.key)).collect()
    }

    fn line(&self, file: usize, line: usize) -> Origin {
        Origin::File(self.sources.files[file].clone(), Some(line))
    }
}

#[test]
fn a_secret_is_shown_nowhere() {
    let config = world().flag("user.store.url", "postgres://ann:hunter2@localhost/db").load().unwrap();

    assert!(!config.to_yaml().contains("hunter2") && !format!("{config:?}").contains("hunter2"));
    assert_eq!(config.user.store.url.unwrap().expose(), "postgres://ann:hunter2@localhost/db");
}

#[test]
fn the_defaults_are_complete_and_right() {
    let config = world().load().unwrap();

    assert_eq!(config.gateway.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.data.dir, PathBuf::from("data"));
}

#[test]
fn a_later_source_wins_over_an_earlier_one() {
    let config = world()
        .file("gateway: { listen: \"127.0.0.1:1\" }\noperator: { listen: \"127.0.0.1:2\" }\n")
        .file("gateway: { listen: \"127.0.0.1:3\" }\n")
        .flag("data.dir", "/elsewhere")
        .load()
        .unwrap();

    assert_eq!(config.gateway.listen.port(), 3);
    assert_eq!(config.operator.listen.port(), 2);
    assert_eq!(config.data.dir, PathBuf::from("/elsewhere"));
}

#[test]
fn a_file_of_comments_alone_overrides_nothing() {
    assert!(world().file("# nothing\n\n").load().is_ok());
}

#[test]
fn every_mistake_is_told_at_once_with_file_line_and_key() {
    let world = world().file(
        "gateway:\n  listen: here\n  tabel: 1\nsession:\n  idle_s: -1\nuser:\n  password:\n    min_length: 4\nphotos: {}\n",
    );

    let mut mistakes = world.mistakes();

    mistakes.sort_by_key(|(_, key)| key.clone());
    assert_eq!(
        mistakes,
        [
            (world.line(0, 2), "gateway.listen".into()),
            (world.line(0, 3), "gateway.tabel".into()),
            (world.line(0, 9), "photos".into()),
            (world.line(0, 5), "session.idle_s".into()),
            (world.line(0, 8), "user.password.min_length".into()),
        ]
    );
}

#[test]
fn a_file_that_is_no_yaml_is_told_with_its_line() {
    let world = world().file("gateway:\n  listen: [\n");

    let mistakes = world.mistakes();

    assert!(matches!(&mistakes[..], [(Origin::File(_, Some(_)), key)] if key.is_empty()), "{mistakes:?}");
}

#[test]
fn a_file_that_is_not_there_is_told() {
    let mut world = world();
    world.sources.files.push("/nowhere/portico.yml".into());

    assert_eq!(world.mistakes(), [(Origin::File("/nowhere/portico.yml".into(), None), String::new())]);
}

#[test]
fn a_flag_at_fault_is_told_as_one() {
    let mistakes = world().flag("gateway.listen", "here").mistakes();

    assert_eq!(mistakes, [(Origin::Flag, "gateway.listen".into())]);
}

#[test]
fn a_mistyped_log_level_is_told() {
    let keys =
        |level: &str| world().flag("log.level", level).mistakes().into_iter().map(|(_, key)| key).collect::<Vec<_>>();

    for level in ["loud", "info,portico_user=debgu", "info,", "portico_user"] {
        assert_eq!(keys(level), ["log.level"], "{level}");
    }
    for level in ["warn", "INFO", "info,portico_user=debug", "off,portico_photo::actor=trace"] {
        assert!(world().flag("log.level", level).load().is_ok(), "{level}");
    }
}

#[test]
fn plain_http_beyond_loopback_is_refused() {
    let keys = |text: &str| world().file(text).mistakes().into_iter().map(|(_, key)| key).collect::<Vec<_>>();

    let beyond = |url: &str| format!("gateway: {{ listen: \"0.0.0.0:8080\", public_url: {url} }}");
    assert_eq!(keys(&beyond("\"http://127.0.0.1:8080\"")), ["gateway.listen"]);
    assert_eq!(keys(&beyond("null")), ["gateway.public_url", "gateway.listen"]);
    assert_eq!(keys("gateway: { public_url: \"http://example.org\" }"), ["gateway.public_url"]);
    assert_eq!(keys("gateway: { public_url: \"https://example.org/path\" }"), ["gateway.public_url"]);
    let proxied = "gateway: { listen: \"0.0.0.0:80\", behind_tls_proxy: true, public_url: \"https://example.org\" }";
    assert!(world().file(proxied).load().is_ok());
}

#[test]
fn an_http_url_is_refused_where_tls_is_served_or_ended() {
    let keys = |text: &str| world().file(text).mistakes().into_iter().map(|(_, key)| key).collect::<Vec<_>>();
    let http = "public_url: \"http://127.0.0.1:8080\"";
    let tls = tls(&pem("certificate.pem"), &pem("key.pem"));

    assert_eq!(keys("gateway: { behind_tls_proxy: true }"), ["gateway.public_url"]);
    assert_eq!(keys(&format!("gateway: {{ behind_tls_proxy: true, {http} }}")), ["gateway.public_url"]);
    assert_eq!(keys(&format!("gateway: {{ {tls}, {http} }}")), ["gateway.public_url"]);
}

/// A file of the pair that the gateway's tests serve.
fn pem(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../gateway/tests/rest/tls").join(name)
}

fn tls(certificate: &Path, key: &Path) -> String {
    format!("tls: {{ certificate_file: \"{}\", key_file: \"{}\" }}", certificate.display(), key.display())
}

#[test]
fn the_public_url_is_where_the_gateway_listens_unless_another_is_named() {
    let url = |text: &str| world().file(text).load().unwrap().gateway.public_url;
    let tls = tls(&pem("certificate.pem"), &pem("key.pem"));

    assert_eq!(world().load().unwrap().gateway.public_url, "http://127.0.0.1:8080");
    assert_eq!(world().flag("gateway.listen", "[::1]:9000").load().unwrap().gateway.public_url, "http://[::1]:9000");
    assert_eq!(url("gateway: { listen: \"127.0.0.1:80\" }"), "http://127.0.0.1");
    assert_eq!(url(&format!("gateway: {{ {tls} }}")), "https://127.0.0.1:8080");
    assert_eq!(url("gateway: { public_url: \"https://example.org\" }"), "https://example.org");
}

#[test]
fn files_that_cannot_serve_tls_are_told() {
    let garbage = tempfile::NamedTempFile::new().unwrap();
    fs::write(&garbage, "-----BEGIN CERTIFICATE-----\nbm90IGEgY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n").unwrap();
    let (certificate, key) = (pem("certificate.pem"), pem("key.pem"));
    let keys = |certificate: &Path, key: &Path| {
        let world = world().file(&format!("gateway:\n  {}\n", tls(certificate, key)));
        let line = world.line(0, 2);
        let mistakes = world.mistakes();
        assert!(mistakes.iter().all(|(origin, _)| *origin == line), "{mistakes:?}");
        mistakes.into_iter().map(|(_, key)| key).collect::<Vec<_>>()
    };

    assert_eq!(keys(garbage.path(), &key), ["gateway.tls.certificate_file"]);
    assert_eq!(keys(&key, &key), ["gateway.tls.certificate_file"], "it holds no certificate");
    assert_eq!(keys(&certificate, garbage.path()), ["gateway.tls.key_file"]);
    assert_eq!(keys(&key, garbage.path()), ["gateway.tls.certificate_file", "gateway.tls.key_file"]);
}

#[test]
fn a_key_that_is_given_twice_is_told_beside_every_other_mistake() {
    let world =
        world().file("session:\n  idle_s: 100\n  idle_s: 200\ngateway: { workers: 0 }\nsession:\n  idle_s: 300\n");

    let mistakes = world.mistakes();

    assert_eq!(
        mistakes,
        [
            (world.line(0, 3), "session.idle_s".into()),
            (world.line(0, 5), "session".into()),
            (world.line(0, 4), "gateway.workers".into()),
        ]
    );
}

#[test]
fn what_else_is_wrong_with_a_key_that_is_given_again_is_told_too_wherever_it_stands() {
    let world = world().file(
        "session:\n  idle_s: soon\n  colour: red\nlog: { level: loud }\nsession:\n  idle_s: 5\n  per_user_max: 0\n\
         session:\n  idle_s: 300\n  per_user_max: many\n  shape: round\n",
    );

    let mut mistakes = world.mistakes();

    mistakes.sort_by_key(|(origin, key)| (origin.to_string().len(), origin.to_string(), key.clone()));
    let expected = [
        (2, "session.idle_s"),
        (3, "session.colour"),
        (4, "log.level"),
        (5, "session"),
        (6, "session.idle_s"),
        (7, "session.per_user_max"),
        (8, "session"),
        (10, "session.per_user_max"),
        (11, "session.shape"),
    ];
    assert_eq!(mistakes, expected.map(|(line, key)| (world.line(0, line), key.to_owned())));
}

#[test]
fn every_entry_of_a_list_that_is_at_fault_is_told_with_its_line() {
    let text = "gateway:\n  trusted_proxies:\n    - 10.0.0.0/8\n    - here\n    - 127.0.0.1/32\n    - there\n    - 7\n";
    let text = format!(
        "{text}  cors:\n    allowed_origins: [\"https://a.example\",\n      everywhere, nowhere, \"https://*.b.example\", \"ftp://c\"]\n"
    );
    let world = world().file(&text);

    let mistakes = world.mistakes();

    assert_eq!(
        mistakes,
        [
            (world.line(0, 4), "gateway.trusted_proxies.1".into()),
            (world.line(0, 6), "gateway.trusted_proxies.3".into()),
            (world.line(0, 7), "gateway.trusted_proxies.4".into()),
            (world.line(0, 10), "gateway.cors.allowed_origins.1".into()),
            (world.line(0, 10), "gateway.cors.allowed_origins.2".into()),
            (world.line(0, 10), "gateway.cors.allowed_origins.3".into()),
            (world.line(0, 10), "gateway.cors.allowed_origins.4".into()),
        ]
    );
}

#[test]
fn a_key_with_dots_in_it_is_told_like_any_other_that_is_unknown() {
    let world = world().file("session:\n  .idle: 1\n  a..b: 2\n.c: 3\n");

    let mistakes = world.mistakes();

    assert_eq!(
        mistakes,
        [
            (world.line(0, 4), ".c".into()),
            (world.line(0, 2), "session..idle".into()),
            (world.line(0, 3), "session.a..b".into()),
        ]
    );
}

#[test]
fn of_what_operators_see_nothing_but_monitoring_leaves_loopback() {
    let beyond = "operator: { listen: \"0.0.0.0:9100\" }";
    let monitored = "operator: { monitoring: \"0.0.0.0:9101\" }";

    let mistakes = world().file(beyond).load().unwrap_err();

    assert_eq!(mistakes.0.iter().map(|mistake| mistake.key.as_str()).collect::<Vec<_>>(), ["operator.listen"]);
    assert!(mistakes.0[0].detail.contains("operator.monitoring"), "it says what would be right: {mistakes}");
    assert!(world().file(monitored).load().is_ok());
}

#[test]
fn a_collector_is_named_by_a_url_and_told_now_and_then() {
    let mistakes = |text: &str| {
        let mistakes = world().file(&format!("telemetry: {{ otlp: {{ {text} }} }}")).load().err().into_iter();
        mistakes.flat_map(|mistakes| mistakes.0).map(|mistake| mistake.key).collect::<Vec<_>>()
    };

    for endpoint in ["collector:4318", "grpc://collector:4317", "http://collector:4318?x=1", ""] {
        assert_eq!(mistakes(&format!("endpoint: '{endpoint}'")), ["telemetry.otlp.endpoint"], "{endpoint}");
    }
    for every_s in ["0", "3601"] {
        assert_eq!(mistakes(&format!("every_s: {every_s}")), ["telemetry.otlp.every_s"], "{every_s}");
    }
    for ratio in ["-0.1", "1.1", ".nan"] {
        assert_eq!(mistakes(&format!("trace_ratio: {ratio}")), ["telemetry.otlp.trace_ratio"], "{ratio}");
    }
    let good = "endpoint: 'https://collector.example.org', every_s: 3600, trace_ratio: 0.25";
    assert_eq!(mistakes(good), <[&str; 0]>::default());
}

#[test]
fn a_hash_that_costs_less_than_owasp_asks_for_is_known() {
    let argon2 = |memory: &str, iterations: &str| {
        let world = world().flag("user.password.argon2.memory_kib", memory);
        world.flag("user.password.argon2.iterations", iterations).load().unwrap().user.password.argon2
    };

    assert!(!argon2("19456", "2").is_below_owasp() && !argon2("8192", "5").is_below_owasp());
    assert!(argon2("19455", "2").is_below_owasp() && argon2("8", "1").is_below_owasp());
}

#[test]
fn a_user_may_have_at_least_one_session() {
    let mistakes = world().flag("session.per_user_max", "0").mistakes();

    assert_eq!(mistakes, [(Origin::Flag, "session.per_user_max".into())]);
}

#[test]
fn what_is_shown_loads_again_to_the_same() {
    let config = world().flag("session.idle_s", "120").load().unwrap();

    let again = world().file(&config.to_yaml()).load().unwrap();

    assert_eq!(again.to_yaml(), config.to_yaml());
}
