//! What makes a process a node among others.

use super::world;

#[test]
fn a_node_of_some_roles_names_who_hosts_what_they_ask() {
    let node = |text: &str| {
        let mistakes = world().file(&format!("node: {{ plaintext: true, {text} }}\n")).load().err().into_iter();
        mistakes.flat_map(|mistakes| mistakes.0).map(|mistake| mistake.key).collect::<Vec<_>>()
    };
    let (user, session, photo) = ("node.peers.user", "node.peers.session", "node.peers.photo");

    assert_eq!(node("roles: [gateway]"), [user, session, photo]);
    assert_eq!(node("roles: [user]"), [session, photo]);
    assert_eq!(node("roles: [user, session, photo]"), <[&str; 0]>::default());
    assert_eq!(node("roles: [session]"), <[&str; 0]>::default(), "it asks nobody");
    assert_eq!(node("roles: [gateway, user, photo], peers: { session: ['localhost:7400'] }"), <[&str; 0]>::default());
    assert_eq!(node("peers: { session: ['localhost:7400'] }"), [session], "it hosts them itself");
    assert_eq!(node("roles: [session], peers: { user: [ann, 'ann:0', ':1'] }").len(), 4, "and none is on this machine");
    assert_eq!(node("roles: []"), ["node.roles"]);
    assert_eq!(node("roles: [log, log]"), ["node.roles"]);
    assert_eq!(node("secret_file: nowhere"), ["node.secret_file"]);
    let over_rabbitmq = "node: { plaintext: true, roles: [user], peers: { session: ['[::1]:7400'] } }\n\
                         bus: { broker: { adapter: rabbitmq, url: amqp:// } }\n";
    assert!(world().file(over_rabbitmq).load().is_ok(), "photos hear of users by the server");
}

#[test]
fn a_node_that_keeps_no_log_records_names_the_one_that_does() {
    let node = |roles: &str, log: &str| {
        let text = format!(
            "node: {{ plaintext: true, roles: [{roles}], peers: {{ log: [{log}] }} }}\n\
             log: {{ transport: {{ kind: grpc }} }}\n"
        );
        let mistakes = world().file(&text).load().err().into_iter();
        mistakes.flat_map(|mistakes| mistakes.0).map(|mistake| mistake.key).collect::<Vec<_>>()
    };

    assert_eq!(node("session", ""), ["node.peers.log"]);
    assert_eq!(node("session", "'localhost:7400', 'localhost:7401'"), ["node.peers.log"], "one, and no other");
    assert_eq!(node("session", "'localhost:7400'"), <[&str; 0]>::default());
    assert_eq!(node("session, log", ""), <[&str; 0]>::default(), "it keeps them itself");
}

#[test]
fn nodes_trust_each_other_by_certificates_or_because_they_are_on_one_machine() {
    let node = |text: &str| {
        let mistakes = world().file(&format!("node: {{ {text} }}\n")).load().err().into_iter();
        mistakes.flat_map(|mistakes| mistakes.0).map(|mistake| mistake.key).collect::<Vec<_>>()
    };

    assert_eq!(node("listen: 127.0.0.1:7400"), ["node.tls"]);
    assert_eq!(node("listen: 127.0.0.1:7400, plaintext: true"), <[&str; 0]>::default());
    assert_eq!(node("listen: 10.0.0.5:7400, plaintext: true"), ["node.plaintext"]);
    let elsewhere = "roles: [gateway, user, photo], plaintext: true, peers: { session: ['sessions.internal:7400'] }";
    assert_eq!(node(elsewhere), ["node.plaintext"]);
    let files = "certificate_file: nowhere, key_file: nowhere";
    assert_eq!(
        node(&format!("listen: 10.0.0.5:7400, tls: {{ {files} }}")),
        ["node.tls", "node.tls.certificate_file", "node.tls.key_file"]
    );
    let all = format!("tls: {{ {files}, ca_file: nowhere }}");
    let missing = ["node.tls.certificate_file", "node.tls.key_file", "node.tls.ca_file"];
    assert_eq!(node(&format!("listen: 10.0.0.5:7400, {all}")), missing);
    assert_eq!(node(&format!("{all}, plaintext: true")).last().unwrap(), "node.plaintext", "one or the other");
}

#[test]
fn a_nodes_name_is_short_and_plain() {
    let is_right = |name: &str| world().flag("node.name", name).load().is_ok();

    for name in ["session-1", "a", "node_7.example.org", &"x".repeat(64)] {
        assert!(is_right(name), "{name}");
    }
    for name in ["''", "two words", "n\u{fc}", "a/b", &"x".repeat(65)] {
        assert!(!is_right(name), "{name}");
    }
}
