use super::super::diagnosis::Outcome;
use super::*;
use crate::domain::{AccountLabel, Region};
use crate::settings::Sources;

fn settings(toml: &str) -> Settings {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("ferry.toml");
    std::fs::write(&file, toml).expect("a file");
    let database = Some("sqlite://x.db".to_owned());
    Settings::load(&Sources { config_file: Some(file), database, ..Sources::default() }).expect("settings")
}

fn facts(toml: &str) -> SettingsFacts {
    SettingsFacts { file: None, read: Ok(settings(toml)), bundle: None }
}

/// What is to be done something about, by name.
fn found(toml: &str, lanes: &[LaneFound]) -> Vec<(&'static str, Outcome)> {
    let checks = checks(&facts(toml), lanes);
    checks.iter().filter(|check| check.way.is_some()).map(|check| (check.name, check.outcome)).collect()
}

fn waiting(account: &str, region: &str, live_jobs: u64) -> LaneFound {
    let account = AccountLabel::parse(account).expect("a label");
    let lane = Lane { account, region: Region::parse(region).expect("a Region") };
    LaneFound { lane, account: None, live_jobs, blocked: None }
}

#[test]
fn the_defaults_contradict_nothing() {
    let checks = checks(&facts(include_str!("../../config/snapferry.toml")), &[waiting("default", "eu-west-1", 3)]);
    assert_eq!(checks, [Check::good("settings", "consistent; account default")]);
}

#[test]
fn values_that_contradict_each_other_are_named() {
    let warned = |name| vec![(name, Outcome::Warning)];
    for (toml, expected) in [
        ("read.rate = 0.1", warned("read_rate")),
        ("read.rate = 0.2", vec![]),
        ("poll.give_up = '30m'", warned("give_up")),
        ("poll.give_up = '61m'", vec![]),
        ("poll.max = '24h'", warned("give_up")),
        ("reconcile.settle = '29s'", warned("settle")),
        ("reconcile.settle = '30s'", vec![]),
        ("reconcile.looks = 1", warned("looks")),
        ("export.max_in_flight = 40", vec![]),
        ("[lanes.'default/eu-west-1']\npoll.give_up = '30m'", warned("give_up")),
        ("[poll]\ngive_up = '30m'\n[lanes.'default/eu-west-1']\nexport.rate = 1", warned("give_up")),
        ("[accounts.a]\nregions = ['eu-west-1']\n[lanes.'a/us-east-1']\nexport.rate = 1", warned("lanes")),
        ("[accounts.a]\nregions = ['eu-west-1']\n[lanes.'a/eu-west-1']\nexport.rate = 1", vec![]),
    ] {
        assert_eq!(found(toml, &[]), expected, "{toml}");
    }
    let noted = checks(&facts("export.max_in_flight = 40"), &[]);
    assert!(noted.iter().any(|check| check.outcome == Outcome::Note && check.name == "max_in_flight"), "{noted:?}");
    let named = checks(&facts("[lanes.'default/eu-west-1']\npoll.give_up = '30m'"), &[]);
    assert!(named[0].text.starts_with("[lanes.\"default/eu-west-1\"]: poll.give_up (30m)"), "{named:?}");
}

#[test]
fn jobs_that_wait_where_the_settings_have_nothing_are_told() {
    let toml = "[accounts.prod]\nregions = ['eu-west-1']";
    assert_eq!(found(toml, &[waiting("prod", "eu-west-1", 2), waiting("old", "eu-west-1", 0)]), []);
    assert_eq!(found(toml, &[waiting("old", "eu-west-1", 2)]), [("lanes", Outcome::Error)]);
    assert_eq!(found(toml, &[waiting("prod", "us-east-1", 1)]), [("lanes", Outcome::Warning)]);
}

#[test]
fn settings_that_cannot_be_read_and_a_bundle_that_cannot_be_written_are_errors() {
    let unread = SettingsFacts { file: None, read: Err("no TOML".to_owned()), bundle: None };
    assert_eq!(checks(&unread, &[]).iter().map(|check| check.outcome).collect::<Vec<_>>(), [Outcome::Error]);
    let bundle = ("out".into(), Err("cannot be written: no".to_owned()));
    let checks = checks(&SettingsFacts { bundle: Some(bundle), ..facts("") }, &[]);
    assert_eq!(checks.len(), 1);
    assert_eq!(checks[0].text, "report.bundle: out cannot be written: no; batches that end get no report");
}
