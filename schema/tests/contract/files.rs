//! A local directory keeps the contract of content.

use portico_photo::ContentStore as _;
use portico_schema::photo::ContentFiles;
use tempfile::TempDir;

struct Opened {
    store: ContentFiles,
    _dir: TempDir,
}

async fn opened() -> Opened {
    let dir = tempfile::tempdir().unwrap();
    let store = ContentFiles::local(&dir.path().join("content")).unwrap();
    store.check().await.unwrap();
    Opened { store, _dir: dir }
}

mod content {
    content_contract!(super::opened);
}
