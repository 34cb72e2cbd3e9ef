use super::*;
use crate::domain::{AccountLabel, Lane, Region};
use crate::lightsail::Snapshot;
use proptest::prelude::*;

const DAY: i64 = 86_400_000;
const NOW: Timestamp = Timestamp(1000 * DAY);

/// A snapshot of `source` that is so many days old.
fn found(name: &str, source: &str, days: i64) -> FoundSnapshot {
    let lane = Lane { account: AccountLabel::unnamed(), region: Region::parse("eu-west-1").expect("a Region") };
    let snapshot = Snapshot {
        name: name.to_owned(),
        arn: None,
        kind: SnapshotKind::Instance,
        state: SnapshotState::Available,
        attached_disks: 0,
        attached_gb: 0,
        size_gb: None,
        created_at: (days >= 0).then_some(Timestamp(NOW.0 - days * DAY)),
        source: (!source.is_empty()).then(|| source.to_owned()),
        from_auto: false,
        tags: Vec::new(),
        account: None,
    };
    FoundSnapshot { lane, snapshot, export: SeenExport::No, job: None }
}

fn names(choice: &Choice, found: &[FoundSnapshot]) -> Vec<String> {
    choice.choose(found.to_vec(), NOW).found.into_iter().map(|one| one.snapshot.name).collect()
}

#[test]
fn an_age_is_met_from_both_sides_and_an_unknown_one_never() {
    let days = |days: u64| Some(Duration::from_secs(days * 86_400));
    let all = [found("old", "a", 40), found("edge", "a", 30), found("young", "a", 3), found("ageless", "a", -1)];
    assert_eq!(names(&Choice { older_than: days(30), ..Choice::default() }, &all), ["old", "edge"]);
    assert_eq!(names(&Choice { newer_than: days(30), ..Choice::default() }, &all), ["young"]);
    let between = Choice { older_than: days(2), newer_than: days(31), ..Choice::default() };
    assert_eq!(names(&between, &all), ["edge", "young"]);
    assert_eq!(names(&Choice::default(), &all).len(), 4);
}

#[test]
fn every_tag_has_to_be_there_and_one_name_has_to_fit() {
    let mut all = [found("web-1", "web", 1), found("web-2", "web", 1), found("db-1", "db", 1)];
    let tag = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    all[0].snapshot.tags = vec![tag("env", "prod"), tag("keep", "")];
    all[1].snapshot.tags = vec![tag("env", "prod")];
    all[2].snapshot.tags = vec![tag("env", "test"), tag("keep", "")];
    let tagged = |tags: &[&str]| Choice {
        tags: tags.iter().map(|text| TagWanted::parse(text).expect("a tag")).collect(),
        ..Choice::default()
    };
    assert_eq!(names(&tagged(&["env=prod"]), &all), ["web-1", "web-2"]);
    assert_eq!(names(&tagged(&["env=prod", "keep"]), &all), ["web-1"]);
    assert_eq!(names(&tagged(&["keep="]), &all), ["web-1", "db-1"]);
    assert_eq!(names(&tagged(&["Env"]), &all), [""; 0]);
    assert_eq!(TagWanted::parse("=x"), None);
    let pattern = |text: &str| Pattern::new(text).expect("a pattern");
    let named = Choice { names: vec![pattern("*-2"), pattern("db-[0-9]")], ..Choice::default() };
    assert_eq!(names(&named, &all), ["web-2", "db-1"]);
    assert_eq!(names(&Choice { sources: vec![pattern("w?b")], ..Choice::default() }, &all), ["web-1", "web-2"]);
}

#[test]
fn a_broken_one_is_counted_and_hides_no_good_one() {
    let mut all = [found("new-and-broken", "web", 1), found("good", "web", 5)];
    all[0].snapshot.state = SnapshotState::Error;
    let chosen = Choice { newest: Some(1), ..Choice::default() }.choose(all.to_vec(), NOW);
    assert_eq!((chosen.found[0].snapshot.name.as_str(), chosen.found.len(), chosen.broken), ("good", 1, 1));
}

#[test]
fn the_newest_that_is_exported_already_is_not_made_up_for_by_an_older_one() {
    let mut all = [found("new", "web", 1), found("old", "web", 5), found("other", "db", 9), found("lone", "", 9)];
    all[0].export = SeenExport::Done { destination: "ami-1".to_owned() };
    let newest = Choice { newest: Some(1), ..Choice::default() };
    assert_eq!(names(&newest, &all), ["new", "other", "lone"]);
    assert_eq!(names(&Choice { not_exported: true, ..newest }, &all), ["other", "lone"]);
    all[0].export = SeenExport::Queued;
    assert_eq!(names(&Choice { not_exported: true, ..Choice::default() }, &all), ["old", "other", "lone"]);
}

proptest! {
    #[test]
    fn newest_keeps_so_many_of_each_source_and_none_that_is_older_than_one_left_out(
        all in prop::collection::vec((0..4_u8, -1..30_i64), 0..40),
        newest in 0..5_usize,
    ) {
        let all: Vec<FoundSnapshot> = all.iter().enumerate()
            .map(|(at, (source, days))| found(&format!("s-{at}"), &format!("source-{source}"), *days))
            .collect();
        let kept = newest_of_each(all.clone(), newest);
        for source in ["source-0", "source-1", "source-2", "source-3"] {
            let of = |list: &[FoundSnapshot]| -> Vec<FoundSnapshot> {
                list.iter().filter(|one| one.snapshot.source.as_deref() == Some(source)).cloned().collect()
            };
            let (there, here) = (of(&all), of(&kept));
            prop_assert_eq!(here.len(), there.len().min(newest));
            let oldest = here.iter().map(|one| one.snapshot.created_at).min();
            let left_out = there.iter().filter(|one| !here.contains(one)).map(|one| one.snapshot.created_at).max();
            prop_assert!(left_out.is_none() || oldest.is_none() || left_out <= oldest);
        }
    }
}
