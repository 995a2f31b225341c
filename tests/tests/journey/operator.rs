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
