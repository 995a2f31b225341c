//! `deploy/kubernetes`: manifests for a cluster.

use std::collections::BTreeSet;

use portico_tests::Home;
use serde_json::Value;

use crate::files::{ARROWS, ROLES, documents, entries, names_peer, shutdown_s, text, version, words};

const NAME: &str = "app.kubernetes.io/name";

fn kustomization() -> Value {
    documents("kubernetes/kustomization.yml").remove(0)
}

/// Every object that is applied.
fn objects() -> Vec<Value> {
    let files = kustomization();
    let paths = words(&files["resources"]).into_iter().map(|file| format!("kubernetes/{file}"));
    paths.flat_map(|path| documents(&path)).collect()
}

/// Those of a kind, by name.
fn of_kind<'a>(objects: &'a [Value], kind: &str) -> Vec<(&'a str, &'a Value)> {
    let found = objects.iter().filter(|object| object["kind"] == kind);
    found.map(|object| (object["metadata"]["name"].as_str().unwrap(), &object["spec"])).collect()
}

/// What runs nodes, by role.
fn workloads(objects: &[Value]) -> Vec<(&str, &Value)> {
    let mut found = of_kind(objects, "Deployment");
    found.extend(of_kind(objects, "StatefulSet"));
    found
}

fn container(workload: &Value) -> &Value {
    let containers = workload["template"]["spec"]["containers"].as_array().unwrap();
    assert_eq!(containers.len(), 1);
    &containers[0]
}

fn names(found: &[(&str, &Value)]) -> BTreeSet<String> {
    found.iter().map(|(name, _)| (*name).to_owned()).collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn every_role_runs_twice_may_be_disturbed_once_and_grows_but_for_the_log() {
    let objects = objects();

    assert_eq!(names(&workloads(&objects)), set(&ROLES));
    assert_eq!(names(&of_kind(&objects, "StatefulSet")), set(&["log"]));
    assert_eq!(names(&of_kind(&objects, "PodDisruptionBudget")), set(&ROLES));
    assert_eq!(names(&of_kind(&objects, "HorizontalPodAutoscaler")), set(&["gateway", "user", "session", "photo"]));
    assert_eq!(names(&of_kind(&objects, "Service")), set(&ROLES));
    for (name, scaler) in of_kind(&objects, "HorizontalPodAutoscaler") {
        assert_eq!((&scaler["minReplicas"], &scaler["scaleTargetRef"]["name"]), (&2.into(), &name.into()));
        assert_eq!(scaler["metrics"][0]["resource"]["name"], "cpu", "{name}");
    }
    for (name, budget) in of_kind(&objects, "PodDisruptionBudget") {
        assert_eq!(budget["maxUnavailable"], 1, "{name}");
        assert_eq!(budget["selector"]["matchLabels"][NAME], format!("portico-{name}"));
    }
    for (name, workload) in workloads(&objects) {
        let role = format!("portico-{name}");
        assert_eq!(workload["selector"]["matchLabels"][NAME], role);
        assert_eq!(workload["template"]["metadata"]["labels"][NAME], role);
        assert_eq!(container(workload)["image"], role);
    }
}

#[test]
fn every_image_has_a_dockerfile_and_this_version() {
    let kustomization = kustomization();
    let images = kustomization["images"].as_array().unwrap();
    let named: BTreeSet<_> = images.iter().map(|image| image["name"].as_str().unwrap().to_owned()).collect();

    assert_eq!(named, ROLES.map(|role| format!("portico-{role}")).into());
    for image in images {
        assert_eq!(image["newTag"], version());
        let role = image["name"].as_str().unwrap().trim_start_matches("portico-");
        assert!(!text(&format!("images/{role}.Dockerfile")).is_empty());
    }
}

#[test]
fn every_pod_is_guarded() {
    for (name, workload) in workloads(&objects()) {
        let pod = &workload["template"]["spec"];
        let (of_pod, of_container) = (&pod["securityContext"], &container(workload)["securityContext"]);
        assert_eq!((&of_pod["runAsNonRoot"], &of_pod["runAsUser"]), (&true.into(), &10001.into()), "{name}");
        assert_eq!(of_pod["seccompProfile"]["type"], "RuntimeDefault", "{name}");
        assert_eq!(of_container["readOnlyRootFilesystem"], true, "{name}");
        assert_eq!(of_container["allowPrivilegeEscalation"], false, "{name}");
        assert_eq!(words(&of_container["capabilities"]["drop"]), ["ALL"], "{name}");
        assert!(of_container["capabilities"]["add"].is_null() && of_container["privileged"].is_null(), "{name}");
        assert_eq!((&pod["automountServiceAccountToken"], &pod["enableServiceLinks"]), (&false.into(), &false.into()));
        for shared in ["hostNetwork", "hostPID", "hostIPC", "initContainers"] {
            assert!(pod[shared].is_null(), "{name}: {shared}");
        }
        for limit in ["cpu", "memory"] {
            assert!(container(workload)["resources"]["limits"][limit].is_string(), "{name} has no limit of {limit}");
        }
        let before_s = container(workload)["lifecycle"]["preStop"]["sleep"]["seconds"].as_u64().unwrap_or(0);
        assert!(pod["terminationGracePeriodSeconds"].as_u64().unwrap() > shutdown_s() + before_s, "{name}");
    }
}

#[tokio::test]
async fn probes_ask_for_what_there_is() {
    let home = Home::new().set("operator.monitoring", "127.0.0.1:0");
    let node = home.up().await;
    let monitoring = node.monitoring_client();
    for (name, workload) in workloads(&objects()) {
        let container = container(workload);
        for (probe, path) in [("startupProbe", "/livez"), ("livenessProbe", "/livez"), ("readinessProbe", "/readyz")] {
            let asked = &container[probe]["httpGet"];
            assert_eq!((&asked["path"], &asked["port"]), (&path.into(), &"monitoring".into()), "{name}: {probe}");
            assert_eq!(monitoring.get(path).await.status, 200, "{path}");
        }
    }
}

#[test]
fn ports_are_those_that_the_configuration_listens_at() {
    let listens = |file: &str, section: &str, key: &str| {
        let config = documents(&format!("kubernetes/config/{file}.yml")).remove(0);
        config[section][key].as_str().and_then(|at| at.strip_prefix("0.0.0.0:")?.parse::<u64>().ok())
    };
    for (name, workload) in workloads(&objects()) {
        let port = |wanted: &str| {
            let mut ports = container(workload)["ports"].as_array().unwrap().iter();
            ports.find(|port| port["name"] == wanted).and_then(|port| port["containerPort"].as_u64())
        };
        assert_eq!(port("monitoring"), listens("common", "operator", "monitoring"), "{name}");
        assert_eq!(port("grpc"), listens(name, "node", "listen"), "{name}");
        assert_eq!(port("http"), listens(name, "gateway", "listen"), "{name}");
    }
    for (name, service) in of_kind(&objects(), "Service") {
        assert_eq!(service["selector"][NAME], format!("portico-{name}"));
        assert_eq!(service["clusterIP"] == "None", name != "gateway", "{name}: a peer's name stands for every pod");
    }
}

/// Whom a rule's selectors name.
fn selected(rules: &Value, side: &str) -> BTreeSet<String> {
    let peers = rules.as_array().into_iter().flatten().filter_map(|rule| rule[side].as_array()).flatten();
    let names = peers.flat_map(|peer| {
        let selector = &peer["podSelector"];
        let one = selector["matchLabels"][NAME].as_str();
        one.into_iter().chain(words(&selector["matchExpressions"][0]["values"])).map(str::to_owned).collect::<Vec<_>>()
    });
    names.map(|name| name.trim_start_matches("portico-").to_owned()).collect()
}

#[test]
fn networks_let_those_ask_who_must_and_nobody_else() {
    let objects = objects();
    let policies = of_kind(&objects, "NetworkPolicy");
    let policy = |name: &str| policies.iter().find(|(found, _)| *found == name).map_or(&Value::Null, |(_, spec)| *spec);

    let nobody = policy("nobody");
    assert_eq!(
        (words(&nobody["policyTypes"]), nobody["podSelector"].as_object().unwrap().len()),
        (vec!["Ingress", "Egress"], 0)
    );
    assert!(nobody["ingress"].is_null() && nobody["egress"].is_null());
    for asking in ROLES {
        for asked in ROLES {
            let is_arrow = ARROWS.contains(&(asking, asked));
            let (goes_out, comes_in) = (
                selected(&policy(asking)["egress"], "to").contains(asked),
                selected(&policy(asked)["ingress"], "from").contains(asking),
            );
            assert_eq!((goes_out, comes_in), (is_arrow, is_arrow), "{asking} -> {asked}");
            assert_eq!(names_peer(&format!("kubernetes/config/{asking}.yml"), asked), is_arrow, "{asking} -> {asked}");
        }
    }
}

#[test]
fn every_secret_that_is_referred_to_has_an_example() {
    let examples = documents("kubernetes/secrets.example.yml");
    let named: BTreeSet<_> = examples.iter().map(|secret| secret["metadata"]["name"].as_str().unwrap()).collect();
    let objects = objects();
    let mut referred = BTreeSet::new();
    for (role, workload) in workloads(&objects) {
        for volume in workload["template"]["spec"]["volumes"].as_array().unwrap() {
            referred
                .extend(volume["secret"]["secretName"].as_str().filter(|name| *name != format!("portico-{role}-tls")));
        }
    }

    assert_eq!(referred, named);
    assert!(!words(&kustomization()["resources"]).contains(&"secrets.example.yml"), "nobody's secret is an example");
    assert!(examples.iter().all(|secret| entries(&secret["stringData"]).all(|(_, value)| value.is_string())));
}
