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
