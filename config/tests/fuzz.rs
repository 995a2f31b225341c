//! Any bytes as a configuration file. `./just fuzz` searches on from the corpus.

use std::{fs, io::Write as _};

use portico_config::{Origin, Sources, load};

#[test]
fn a_file_is_loaded_or_its_mistakes_are_told() {
    bolero::check!().with_max_len(1024).for_each(|bytes: &[u8]| {
        let mut file = tempfile::NamedTempFile::new().expect("the system has a temporary directory");
        file.write_all(bytes).expect("a temporary file can be written");
        let sources = Sources { files: vec![file.path().to_owned()], ..Sources::default() };

        match load(&sources) {
            Ok(config) => {
                fs::write(file.path(), config.to_yaml()).expect("a temporary file can be written");
                let again = load(&sources).expect("a configuration in force can be loaded");
                assert_eq!(again.to_yaml(), config.to_yaml());
            }
            Err(mistakes) => {
                assert!(!mistakes.0.is_empty());
                assert!(
                    mistakes
                        .0
                        .iter()
                        .all(|mistake| matches!(mistake.origin, Origin::File(..)) || !mistake.key.is_empty())
                );
            }
        }
    });
}
