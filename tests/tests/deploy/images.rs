//! Images: one for each service, alike and guarded.

use portico_tests::Home;

use crate::files::{ROLES, text};

fn dockerfile(role: &str) -> String {
    text(&format!("images/{role}.Dockerfile"))
}

#[test]
fn every_role_has_an_image_and_they_differ_in_their_role_alone() {
    let says_what_it_is =
        |line: &&str| line.contains("--role") || line.contains("image.description") || line.starts_with("EXPOSE");
    let alike = |role: &str| {
        let lines = dockerfile(role).replace(&format!("portico-{role}"), "portico-ROLE");
        lines.lines().filter(|line| !says_what_it_is(line)).map(str::to_owned).collect::<Vec<_>>()
    };
    for role in ROLES {
        assert_eq!(alike(role), alike("gateway"), "{role}");
    }
}

#[test]
fn an_image_is_a_node_of_its_role_and_guarded() {
    for role in ROLES {
        let dockerfile = dockerfile(role);
        let entrypoint = format!(r#"ENTRYPOINT ["/usr/local/bin/portico", "node", "--role", "{role}"]"#);
        let title = format!(r#"LABEL org.opencontainers.image.title="portico-{role}" \"#);
        for line in [
            "FROM scratch",
            "USER 10001:10001",
            "WORKDIR /var/lib/portico",
            "VOLUME /var/lib/portico",
            "STOPSIGNAL SIGTERM",
            &entrypoint,
            &title,
        ] {
            assert!(dockerfile.lines().any(|found| found == line), "{role} lacks `{line}`");
        }
    }
}

#[tokio::test]
async fn an_images_health_is_what_the_operators_listener_says() {
    let script = text("images/ready");
    let path = script.split_once("GET ").unwrap().1.split_once(' ').unwrap().0;
    let home = Home::new();
    let node = home.up().await;

    let answer = node.operator_client().get(path).await;

    assert_eq!(answer.status, 200, "{path}");
    for role in ROLES {
        assert!(dockerfile(role).contains(r#" CMD ["/usr/lib/portico/ready"]"#), "{role}");
    }
}
