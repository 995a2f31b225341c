//! The dashboards and rules in `deploy`, asked of a real Prometheus that scrapes a real node: no panel is empty, and no alert fires
//! while nothing is wrong. What alerts do in the faults that they name is in `deploy/prometheus/rules.test.yml`. Nodes apart are asked
//! for what only they tell (`PORTICO_TEST_NODES`).

use std::{
    collections::BTreeSet,
    fs,
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
};

use portico_tests::{Client, Home, Node, eventually, nobody, pictures, repository};
use reqwest::Url;
use serde_json::{Value, json};
use tempfile::TempDir;

/// What calls all nodes of one installation, as the rules expect it.
const JOB: &str = "portico";

/// What begins the names of that which a node tells only where it is one of many.
const OF_MANY: [&str; 5] =
    ["portico_node_", "portico_log_spool_", "portico_log_collected_", "portico_log_dead_", "portico_log_lag"];
/// The same where log records go by Kafka.
const OF_KAFKA: [&str; 2] = ["portico_log_dead_", "portico_log_lag"];

/// Whether what a query or a metric is about can be had of these nodes.
fn is_told(home: &Home, node: &Node, query: &str) -> bool {
    let is_about = |names: &[&str]| names.iter().any(|name| query.contains(name));
    let (is_one_of_many, has_kafka) = (node.operators().len() > 1, home.setting("log.transport.kind") == Some("kafka"));
    (is_one_of_many || !is_about(&OF_MANY)) && (has_kafka || !is_about(&OF_KAFKA))
}

/// A Prometheus of its own, which ends with the test.
struct Prometheus {
    process: Child,
    client: Client,
    _data: TempDir,
}

impl Prometheus {
    /// Scrapes `node` each second, and goes by the rules in `deploy`.
    fn scraping(node: &Node) -> Self {
        let (data, listen, operators) = (tempfile::tempdir().unwrap(), nobody(), node.operators());
        let targets: Vec<_> = operators.iter().map(|url| url.trim_start_matches("http://")).collect();
        let config = json!({
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [repository().join("deploy/prometheus/rules.yml")],
            "scrape_configs": [{
                "job_name": JOB,
                "static_configs": [{"targets": targets}],
            }],
        });
        let file = data.path().join("prometheus.yml");
        fs::write(&file, config.to_string()).unwrap(); // JSON is YAML, too
        let process = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", data.path().join("tsdb").display()))
            .arg(format!("--web.listen-address={listen}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { process, client: Client::new(url(listen)), _data: data }
    }

    /// What a query answers now: as many as there are.
    async fn answers(&self, query: &str) -> Vec<Value> {
        let url = Url::parse_with_params("http://prometheus/api/v1/query", [("query", query)]).unwrap();
        let path = format!("{}?{}", url.path(), url.query().unwrap());
        let Some(answer) = self.client.get(&path).attempt().await else { return Vec::new() };
        let answer = answer.json();
        assert_ne!(answer["status"], "error", "{query}: {answer}");
        answer["data"]["result"].as_array().cloned().unwrap_or_default()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ended_already = self.process.kill();
        let _status = self.process.wait();
    }
}

fn url(address: SocketAddr) -> String {
    format!("http://{address}")
}

/// All files in a directory of `deploy`, by their names, as JSON.
fn dashboards() -> Vec<(String, Value)> {
    let directory = repository().join("deploy/grafana/dashboards");
    let mut files: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let read = |path: &Path| serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    files.iter().map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), read(path))).collect()
}

fn panels(dashboard: &Value) -> &[Value] {
    dashboard["panels"].as_array().unwrap()
}

/// A query with its variables as Grafana fills them in.
fn filled_in(expression: &str) -> String {
    expression.replace("$job", JOB).replace("$instance", ".*")
}

/// All alerts, as the rules have them.
fn alerts() -> Vec<Value> {
    let rules = fs::read_to_string(repository().join("deploy/prometheus/rules.yml")).unwrap();
    let rules: Value = yaml_serde::from_str(&rules).unwrap();
    let groups = rules["groups"].as_array().unwrap().iter();
    let rules = groups.flat_map(|group| group["rules"].as_array().unwrap());
    rules.filter(|rule| !rule["alert"].is_null()).cloned().collect()
}

/// The metrics that alerts go by, but for those that rules record.
fn alerted() -> BTreeSet<String> {
    let words = |rule: &Value| {
        let text = rule["expr"].as_str().unwrap().to_owned();
        let words = text.split(|letter: char| !letter.is_alphanumeric() && !"_:".contains(letter));
        words.filter(|word| word.starts_with("portico_")).map(str::to_owned).collect::<Vec<_>>()
    };
    alerts().iter().flat_map(words).collect()
}

#[test]
fn each_panel_says_what_it_shows_and_in_what_unit_and_dashboards_lead_to_each_other() {
    let all = dashboards();
    let uids: BTreeSet<_> = all.iter().map(|(_, dashboard)| dashboard["uid"].as_str().unwrap()).collect();
    assert_eq!(uids.len(), all.len());
    for (file, dashboard) in &all {
        let links = dashboard["links"].as_array().unwrap().iter();
        let linked: BTreeSet<_> = links.map(|link| link["url"].as_str().unwrap().trim_start_matches("/d/")).collect();
        let own = dashboard["uid"].as_str().unwrap();
        assert_eq!(linked.into_iter().chain([own]).collect::<BTreeSet<_>>(), uids, "{file}");
        let ids: BTreeSet<_> = panels(dashboard).iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
        assert_eq!(ids.len(), panels(dashboard).len(), "{file}: ids are unique");
        for panel in panels(dashboard) {
            for text in [&panel["title"], &panel["description"], &panel["fieldConfig"]["defaults"]["unit"]] {
                assert!(text.as_str().is_some_and(|text| !text.is_empty()), "{file}: {panel}");
            }
            assert_eq!(panel["datasource"]["uid"], "prometheus", "{file}: {panel}");
        }
    }
}

#[test]
fn each_alert_has_its_runbook_and_each_runbook_its_alert() {
    let runbooks = fs::read_to_string(repository().join("docs/runbooks.md")).unwrap();
    let entries: BTreeSet<_> = runbooks.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    let rules = alerts();
    let mut alerts = BTreeSet::new();
    for rule in &rules {
        let name = rule["alert"].as_str().unwrap();
        let runbook = format!("docs/runbooks.md#{}", name.to_lowercase());
        assert_eq!(rule["annotations"]["runbook"], runbook, "{name}");
        assert!(["page", "ticket"].contains(&rule["labels"]["severity"].as_str().unwrap()), "{name}");
        alerts.insert(name);
    }

    assert_eq!(alerts, entries);
}

#[test]
fn each_alert_fires_in_the_fault_that_it_names_and_stays_quiet_in_calm() {
    let rules = repository().join("deploy/prometheus");
    for arguments in [["check", "rules", "rules.yml"], ["test", "rules", "rules.test.yml"]] {
        let checked = Command::new("promtool").args(arguments).current_dir(&rules).output().unwrap();
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
    }
}

#[tokio::test]
async fn no_panel_is_empty_and_no_alert_fires_at_a_node_that_is_used() {
    let home = Home::new();
    let node = home.up().await;
    let prometheus = Prometheus::scraping(&node);
    let ann = node.register("ann").await;
    let photo = ann.upload(pictures::png()).await;
    let content = format!("/me/photos/{}/content", photo["id"].as_str().unwrap());
    let used = async || {
        for (path, status) in [("/me", 200), ("/session/verify", 204), (content.as_str(), 200)] {
            assert_eq!(ann.get(path).await.status, status, "{path}");
        }
        assert_eq!(node.client().get("/me").await.status, 401);
        assert_eq!(ann.post("/me/photos").body("image/png", "none").await.status, 415);
    };
    // These have a limit.
    let mistaken = json!({"email": "ann@example.com", "password": "a mistake of hers"});
    assert_eq!(node.client().post("/auth").json(&mistaken).await.status, 401);
    eventually("the node to be scraped", || async {
        used().await;
        (!prometheus.answers("portico_ready").await.is_empty()).then_some(())
    })
    .await;

    for (file, dashboard) in dashboards() {
        for panel in panels(&dashboard) {
            for target in panel["targets"].as_array().unwrap() {
                let query = filled_in(target["expr"].as_str().unwrap());
                if !is_told(&home, &node, &query) {
                    continue;
                }
                eventually(&format!("an answer to {file}, {}: {query}", panel["title"]), || async {
                    used().await;
                    (!prometheus.answers(&query).await.is_empty()).then_some(())
                })
                .await;
            }
        }
    }
    for metric in alerted().iter().filter(|metric| is_told(&home, &node, metric)) {
        assert!(!prometheus.answers(metric).await.is_empty(), "an alert goes by {metric}, which nobody tells");
    }
    assert_eq!(prometheus.answers("ALERTS").await, Vec::<Value>::new());
}
