use super::super::diagnosis::Outcome;
use super::*;
use crate::domain::{AccountLabel, Lane, LaneTrouble, Region, Timestamp};
use crate::queue::Block;

fn lane(reachable: Result<EndpointReply, NotReached>, reads: Vec<Read>) -> LaneFacts {
    let lane = Lane { account: AccountLabel::unnamed(), region: Region::parse("eu-west-1").expect("a Region") };
    LaneFacts { lane, endpoint: "https://x".to_owned(), reachable, reads, account: None }
}

fn reply(time: Option<(Timestamp, Timestamp)>) -> EndpointReply {
    EndpointReply { took: Duration::from_millis(200), time }
}

fn read(class: Option<ErrorClass>) -> Read {
    let result = class.map_or(Ok(()), |class| Err(CallError::new(class, "Code", "said")));
    Read { action: "GetOperations", took: Duration::from_millis(20), result }
}

fn wrong(lane: &LaneFacts) -> Vec<(&'static str, Outcome)> {
    let checks = checks(lane, &LaneSettings::default(), &[]);
    checks.iter().filter(|check| check.way.is_some()).map(|check| (check.name, check.outcome)).collect()
}

/// Another account's credentials may read everything, and show nothing.
#[test]
fn what_a_daemon_found_wrong_is_told_though_every_reading_does_well() {
    let facts = lane(Ok(reply(None)), vec![read(None)]);
    for (code, part) in [("identity", "its own account's"), ("denied", "--policy"), ("outage", "automatically")] {
        let blocked = Block {
            since: Timestamp(1_800_000_000_000),
            trouble: LaneTrouble::parse(code).expect("a trouble"),
            message: "it is another's".to_owned(),
        };
        let mut known = [LaneFound { lane: facts.lane.clone(), account: None, live_jobs: 0, blocked: Some(blocked) }];
        let told = checks(&facts, &LaneSettings::default(), &known);
        let check = told.iter().find(|check| check.name == "blocked").expect("it is told");
        assert!(
            check.outcome == Outcome::Warning && check.text.ends_with(&format!("({code}): it is another's")),
            "{check:?}"
        );
        assert!(check.way.as_ref().is_some_and(|way| way.contains(part)), "{check:?}");
        known[0].lane.account = AccountLabel::parse("other").expect("a label");
        assert!(checks(&facts, &LaneSettings::default(), &known).iter().all(|check| check.way.is_none()));
    }
}

#[test]
fn how_far_it_came_is_an_error_and_the_only_one() {
    let said = || "said".to_owned();
    for unreached in [
        NotReached::Address,
        NotReached::Name { host: "x".to_owned(), said: said() },
        NotReached::Connection { to: "x:443".to_owned(), said: said() },
        NotReached::Tls { said: said() },
        NotReached::Answer { said: said() },
        NotReached::Proxy { proxy: "p".to_owned(), said: said() },
    ] {
        assert_eq!(wrong(&lane(Err(unreached), Vec::new())), [("endpoint", Outcome::Error)]);
    }
}

#[test]
fn a_clock_is_off_only_where_that_is_certain() {
    let off = |ms: i64| {
        let theirs = Timestamp(1_800_000_000_000);
        clock(&reply(Some((theirs, Timestamp(theirs.0 + ms))))).expect("a check").outcome
    };
    // Their second has begun at any time within it, and half of the way there and back is in doubt.
    assert_eq!([off(0), off(999), off(31_000), off(-29_000)], [Outcome::Good; 4]);
    assert_eq!([off(31_500), off(-31_000), off(240_900)], [Outcome::Warning; 3]);
    assert_eq!([off(242_000), off(-242_000)], [Outcome::Error; 2]);
    assert_eq!(clock(&reply(None)), None);
}

#[test]
fn reads_that_are_denied_are_told_from_those_that_brought_nothing() {
    let of = |classes: &[Option<ErrorClass>]| {
        wrong(&lane(Ok(reply(None)), classes.iter().map(|class| read(*class)).collect()))
    };
    assert_eq!(of(&[None, None]), []);
    assert_eq!(of(&[None, Some(ErrorClass::Denied), Some(ErrorClass::Denied)]), [("reads", Outcome::Error)]);
    for class in [ErrorClass::Throttled, ErrorClass::Ambiguous, ErrorClass::SetupInProgress, ErrorClass::Unreachable] {
        assert_eq!(of(&[None, Some(class)]), [("reads", Outcome::Warning)], "{class:?}");
    }
    // The account says it.
    assert_eq!(of(&[Some(ErrorClass::Credentials)]), []);
}

#[test]
fn answers_that_come_close_to_the_timeout_are_told() {
    let slow = Read { took: Duration::from_millis(15_001), ..read(None) };
    assert_eq!(wrong(&lane(Ok(reply(None)), vec![slow])), [("attempt_timeout", Outcome::Warning)]);
}
