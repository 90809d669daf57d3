//! What was stored once can be read for ever.

use nines_actions::credit::{Mode, read_entry, read_settings, write_entry, write_settings};
use nines_actions::{RunState, format};

use crate::support::{Site, in_service};

const RUN_1: &str = include_str!("../formats/run-1.json");

#[test]
fn version_1_is_read_and_written_as_it_was() {
    let run = format::read("sample", RUN_1.trim()).unwrap();
    assert_eq!((run.plan.action.as_str(), run.state), ("ec2.in_service", RunState::Compensating));
    assert_eq!(format::write(&run), RUN_1.trim());
}

const BLOCK_1: &str = include_str!("../formats/credit-block-1.json");
const SETTINGS_1: &str = include_str!("../formats/credit-settings-1.json");

#[test]
fn version_1_of_blocks_and_settings_is_read_and_written_as_it_was() {
    let entry = read_entry(BLOCK_1.trim()).unwrap();
    assert_eq!(entry.list, "blocked");
    assert_eq!(write_entry(&entry), BLOCK_1.trim());
    let settings = read_settings(SETTINGS_1.trim()).unwrap();
    assert_eq!(settings.mode, Mode::Act);
    assert_eq!(write_settings(&settings), SETTINGS_1.trim());
}

#[test]
fn what_cannot_be_read_names_its_run() {
    let error = format::read("r1", r#"{"version":"9","run":{}}"#).unwrap_err().to_string();
    assert!(error.starts_with("run `r1` cannot be read: "), "{error}");
}

/// Prints a run on its way back, to make a sample of a new version from.
#[test]
fn a_run_survives_its_format_at_every_step() {
    let site = Site::calm();
    let run = site.begin("ec2.in_service", in_service(4));
    for _ in 0..4 {
        crate::support::done(site.actions.tick(&run.id)).unwrap();
        site.advance(6);
    }
    crate::support::done(site.actions.cancel(&crate::support::operator("lin"), &run.id)).unwrap();
    crate::support::done(site.actions.tick(&run.id)).unwrap();
    let run = site.run(&run.id);
    assert_eq!(format::read(&run.id.0, &format::write(&run)).unwrap(), run);
    if std::env::var_os("NINES_BLESS").is_some() {
        println!("{}", format::write(&run));
    }
}
