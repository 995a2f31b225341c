//! The unit of one node of many is as guarded as that of the only one.

use crate::files::{shutdown_s, text};

const GUARDS: &str = "\nStateDirectoryMode=";

#[test]
fn both_units_are_guarded_alike() {
    let (only, of_many) = (text("portico.service"), text("systemd/portico-node@.service"));
    let guards = |unit: &str| unit.split_once(GUARDS).unwrap().1.to_owned();

    assert_eq!(guards(&of_many), guards(&only));
    assert!(guards(&only).lines().filter(|line| line.contains('=')).count() > 20, "the guards stand there");
    for unit in [only, of_many] {
        let stop = unit.lines().find_map(|line| line.strip_prefix("TimeoutStopSec=")).unwrap();
        assert!(stop.parse::<u64>().unwrap() > shutdown_s(), "a node may take {} s to stop", shutdown_s());
        for line in ["DynamicUser=yes", "RestartPreventExitStatus=64 78"] {
            assert!(unit.lines().any(|found| found == line), "`{line}` is missing");
        }
    }
}

#[test]
fn an_instance_is_a_node_of_the_role_that_it_is_called_by() {
    let unit = text("systemd/portico-node@.service");
    let start = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();

    assert!(start.starts_with("/usr/local/bin/portico node --role %i "), "{start}");
    assert!(start.ends_with(" --data-dir /var/lib/portico-%i"), "{start}");
    assert!(unit.contains("\nStateDirectory=portico-%i\n"));
}
