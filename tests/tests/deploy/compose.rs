//! `deploy/compose.yml`: everything on one machine.

use serde_json::Value;

use crate::files::{ARROWS, ROLES, documents, entries, names_peer, shutdown_s, text, version, words};

fn compose() -> Value {
    documents("compose.yml").remove(0)
}

/// What a list names: each entry is a name, or has one as its source.
fn named(list: &Value) -> Vec<&str> {
    let entries = list.as_array().into_iter().flatten();
    entries.map(|entry| entry.as_str().or_else(|| entry["source"].as_str()).unwrap()).collect()
}

/// A role's image, if it is one.
fn role(service: &Value) -> Option<&str> {
    let (name, tag) = service["image"].as_str().unwrap().split_once(':').unwrap();
    let role = name.strip_prefix("portico-")?;
    assert_eq!(tag, format!("${{PORTICO_VERSION:-{}}}", version()), "{name}");
    Some(role)
}

fn is_one_shot(service: &Value) -> bool {
    service["restart"] == "no"
}

#[test]
fn two_nodes_of_each_role_run_and_each_image_has_a_dockerfile() {
    let compose = compose();
    for (name, service) in entries(&compose["services"]) {
        let Some(role) = role(service) else { continue };
        assert!(!text(&format!("images/{role}.Dockerfile")).is_empty());
        assert_eq!(service["pull_policy"], "never", "{name}: a registry may have others of the same name");
    }
    for name in ROLES {
        let service = &compose["services"][name];
        assert_eq!(role(service), Some(name));
        assert_eq!(service["deploy"]["replicas"], 2, "{name}");
        let grace = service["stop_grace_period"].as_str().unwrap().trim_end_matches('s');
        assert!(grace.parse::<u64>().unwrap() > shutdown_s(), "{name}");
    }
}

#[test]
fn every_container_is_guarded() {
    for (name, service) in entries(&compose()["services"]) {
        let user = service["user"].as_str().unwrap_or_else(|| panic!("{name} runs as whom its image says"));
        assert!(user.split(':').all(|id| id.parse::<u32>().is_ok_and(|id| id > 0)), "{name}: {user}");
        assert_eq!(service["read_only"], true, "{name}");
        assert_eq!(words(&service["cap_drop"]), ["ALL"], "{name}");
        assert_eq!(words(&service["security_opt"]), ["no-new-privileges:true"], "{name}");
        for forbidden in ["cap_add", "privileged", "devices", "pid", "ipc", "userns_mode"] {
            assert!(service[forbidden].is_null(), "{name}: {forbidden}");
        }
        for limit in ["cpus", "memory", "pids"] {
            assert!(!service["deploy"]["resources"]["limits"][limit].is_null(), "{name} has no limit of {limit}");
        }
        for port in words(&service["ports"]) {
            assert!(port.starts_with("127.0.0.1:"), "{name} is open to other machines: {port}");
        }
    }
}

#[test]
fn whoever_is_waited_for_can_be() {
    let compose = compose();
    let services = &compose["services"];
    for (name, service) in entries(services) {
        for (awaited, how) in entries(&service["depends_on"]) {
            let awaited_service = &services[awaited];
            assert!(awaited_service.is_object(), "{name} waits for {awaited}, which is not there");
            match how["condition"].as_str().unwrap() {
                "service_healthy" => {
                    let is_seen = ROLES.contains(&awaited) || awaited_service["healthcheck"]["test"].is_array();
                    assert!(is_seen, "{name} waits for {awaited}, whose health nobody looks at");
                }
                "service_started" => {
                    assert!(awaited_service["healthcheck"].is_null(), "{awaited} has a health to wait for");
                }
                "service_completed_successfully" => assert!(is_one_shot(awaited_service), "{awaited} never ends"),
                other => panic!("{name}: {other}"),
            }
        }
    }
    for name in ROLES {
        assert_eq!(services[name]["depends_on"]["kafka"]["condition"], "service_healthy", "{name}");
    }
}

#[test]
fn what_services_are_given_is_there_and_all_of_it_is_given() {
    let compose = compose();
    for kind in ["configs", "secrets", "networks"] {
        let mut defined: Vec<_> = entries(&compose[kind]).map(|(name, _)| name).collect();
        let mut given: Vec<_> = entries(&compose["services"]).flat_map(|(_, service)| named(&service[kind])).collect();
        given.sort_unstable();
        given.dedup();
        defined.sort_unstable();
        assert_eq!(given, defined, "{kind}");
    }
    for (_, config) in entries(&compose["configs"]) {
        assert!(!text(config["file"].as_str().unwrap()).is_empty());
    }
    let mut volumes: Vec<_> = entries(&compose["services"]).flat_map(|(_, service)| mounted(service)).collect();
    volumes.sort_unstable();
    volumes.dedup();
    assert_eq!(volumes, entries(&compose["volumes"]).map(|(name, _)| name).collect::<Vec<_>>());
}

/// The volumes of a service.
fn mounted(service: &Value) -> impl Iterator<Item = &str> {
    named(&service["volumes"]).into_iter().map(|volume| volume.split_once(':').map_or(volume, |(name, _)| name))
}

#[test]
fn nobody_but_who_makes_certificates_sees_the_authoritys_key() {
    let compose = compose();
    let sees = |service: &Value, volume: &str| mounted(service).any(|mounted| mounted == volume);
    for (name, service) in entries(&compose["services"]) {
        assert_eq!(sees(service, "authority"), name == "certs", "{name}");
        for role in ["gateway", "user", "session", "photo"] {
            assert_eq!(sees(service, &format!("certs-{role}")), name == "certs" || name == role, "{name}: {role}");
        }
    }
}

#[test]
fn servers_can_be_reached_by_those_alone_who_use_them() {
    let compose = compose();
    let open: Vec<_> = entries(&compose["networks"]).filter(|(_, network)| network["internal"] != true).collect();
    assert_eq!(open.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["operators", "public"]);
    let on = |network: &str| {
        let is_on = |service: &Value| named(&service["networks"]).contains(&network);
        entries(&compose["services"]).filter(|(_, service)| is_on(service)).map(|(name, _)| name).collect::<Vec<_>>()
    };
    assert_eq!(on("public"), ["gateway"]);
    assert_eq!(on("operators"), ["grafana"]);
    assert_eq!(on("telemetry"), ["collector", "gateway", "log", "photo", "session", "user"]);
    assert_eq!(on("monitoring"), ["collector", "grafana", "prometheus", "tempo"]);
    assert_eq!(on("nodes"), ["gateway", "photo", "session", "user"]);
    assert_eq!(on("postgres"), ["photo", "postgres", "user"]);
    assert_eq!(on("redis"), ["redis", "session", "user"]);
    assert_eq!(on("rabbitmq"), ["photo", "rabbitmq", "user"]);
    assert_eq!(on("kafka"), ["gateway", "kafka", "log", "photo", "session", "user"]);
    assert_eq!(on("s3"), ["bucket", "photo", "s3"]);
}

#[test]
fn nodes_ask_those_that_they_must() {
    for asking in ["gateway", "user", "session", "photo"] {
        for asked in ["user", "session", "photo"] {
            let asks = names_peer(&format!("compose/{asking}.yml"), asked);
            assert_eq!(asks, ARROWS.contains(&(asking, asked)), "{asking} -> {asked}");
        }
    }
}
