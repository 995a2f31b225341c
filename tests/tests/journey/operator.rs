//! What the operator's listener tells a browser about its answers.

use portico_tests::Home;

#[tokio::test]
async fn the_operators_answers_are_neither_sniffed_nor_framed() {
    let home = Home::new();
    let node = home.up().await;
    for path in ["/livez", "/readyz", "/metrics", "/tree"] {
        let answer = node.operator_client().get(path).await;

        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("content-security-policy"), "default-src 'none'; frame-ancestors 'none'", "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
    }
}

#[tokio::test]
async fn the_page_runs_what_this_listener_has_and_talks_to_nobody_else() {
    let home = Home::new();
    let node = home.up().await;
    let page = node.operator_client().get("/").await;

    let allowed: Vec<_> = page.header("content-security-policy").split("; ").collect();
    assert_eq!(allowed[0], "default-src 'none'");
    for rule in &allowed[1..] {
        let (_, sources) = rule.split_once(' ').unwrap();
        assert!(["'self'", "'none'", "data:"].contains(&sources), "{rule}");
    }
    assert!(allowed.contains(&"base-uri 'none'") && allowed.contains(&"frame-ancestors 'none'"), "{allowed:?}");
    assert_eq!(page.header("x-content-type-options"), "nosniff");
}

#[tokio::test]
async fn what_tells_of_the_node_is_told_to_nobody_who_came_by_another_name() {
    let home = Home::new();
    let node = home.up().await;
    let status = async |path: &str, host: &str| node.operator_client().get(path).header("host", host).await.status;
    for path in ["/", "/live.js", "/live.css", "/live", "/tree"] {
        for host in ["rebound.example", "10.0.0.1:9464", "127.0.0.1.example", ""] {
            assert_eq!(status(path, host).await, 404, "{path} of {host}");
        }
    }
    for host in ["localhost:9464", "127.0.0.1", "[::1]:9464"] {
        assert_eq!(status("/", host).await, 200, "{host}");
    }
}
