use super::super::diagnosis::Outcome;
use super::*;

fn well() -> Vitals {
    Vitals { bytes: 3 * MIB / 2, free_bytes: Some(20 << 30), daemon: Some("pid 7".to_owned()), ..Vitals::default() }
}

fn content() -> Content {
    Content { schema: 2, newest_schema: 2, ..Content::default() }
}

fn of(vitals: Vitals, content: Content) -> Vec<(&'static str, Outcome, String)> {
    let checks = checks(&Checkup { vitals: Some(vitals), content: Ok(Some(content)) });
    checks.into_iter().map(|check| (check.name, check.outcome, check.text)).collect()
}

/// The checks that did not come out well.
fn wrong(vitals: Vitals, content: Content) -> Vec<(&'static str, Outcome)> {
    let checks = of(vitals, content);
    checks.into_iter().filter(|check| check.1 > Outcome::Note).map(|(name, outcome, _)| (name, outcome)).collect()
}

#[test]
fn a_sound_one_is_told_in_three_lines() {
    let lines: Vec<String> = of(well(), content()).into_iter().map(|(_, _, text)| text).collect();
    assert_eq!(lines, ["1.50 MiB, schema 2, intact", "in use by a daemon (pid 7)", "20.00 GiB free on its disk"]);
}

#[test]
fn each_trouble_has_its_name() {
    let (warning, error) = (Outcome::Warning, Outcome::Error);
    for (vitals, content, expected) in [
        (Vitals { free_bytes: Some(99 * MIB), ..well() }, content(), ("room", error)),
        (Vitals { free_bytes: Some(1023 * MIB), ..well() }, content(), ("room", warning)),
        (Vitals { wal_bytes: Some(257 * MIB), ..well() }, content(), ("wal", warning)),
        (Vitals { network: Some("NFS".to_owned()), ..well() }, content(), ("disk", error)),
        (Vitals { locked: vec!["x.db".into()], ..well() }, content(), ("permissions", error)),
        (Vitals { open_to_all: vec!["x.db".into()], ..well() }, content(), ("permissions", warning)),
        (Vitals { owners: vec![0, 1000], ..well() }, content(), ("permissions", warning)),
        (well(), Content { faults: vec!["page 3".into()], ..content() }, ("integrity", error)),
        (well(), Content { half_migrated: Some(2), ..content() }, ("schema", error)),
        (well(), Content { dangling: vec![("jobs".into(), 2)], ..content() }, ("references", error)),
        (well(), Content { misfits: vec!["index jobs_live is missing".into()], ..content() }, ("indexes", error)),
    ] {
        assert_eq!(wrong(vitals, content), [expected]);
    }
    assert_eq!(wrong(Vitals { daemon: None, wal_bytes: Some(MIB), ..well() }, content()), []);
}

#[test]
fn an_older_schema_and_none_at_all_are_no_troubles() {
    let older = of(well(), Content { schema: 1, ..content() });
    assert!(older.iter().any(|(name, outcome, _)| (*name, *outcome) == ("schema", Outcome::Note)), "{older:?}");
    let none = checks(&Checkup { vitals: None, content: Ok(None) });
    assert_eq!(none.iter().map(|check| check.outcome).collect::<Vec<_>>(), [Outcome::Note]);
}
