use super::super::diagnosis::Outcome;
use super::super::facts::{LaneFacts, Read};
use super::*;
use crate::domain::{AccountLabel, Lane, Region};
use crate::lightsail::{CallerIdentity, EndpointReply};
use crate::settings::Account;
use std::time::Duration;

const ONE: &str = "100000000001";
const OTHER: &str = "100000000002";

fn number(text: &str) -> AccountNumber {
    AccountNumber::parse(text).expect("a number")
}

fn lane(label: &str, region: &str) -> Lane {
    let account = AccountLabel::parse(label).expect("a label");
    Lane { account, region: Region::parse(region).expect("a Region") }
}

fn account(label: &str, shows: Option<&str>, result: Result<(), CallError>) -> AccountFacts {
    let lane = LaneFacts {
        lane: lane(label, "eu-west-1"),
        endpoint: "https://x".to_owned(),
        reachable: Ok(EndpointReply { took: Duration::from_millis(3), time: None }),
        reads: vec![Read { action: "GetOperations", took: Duration::from_millis(3), result }],
        account: shows.map(number),
    };
    AccountFacts {
        label: lane.lane.account.clone(),
        access: Account::default(),
        region_trouble: None,
        identity: CallerCheck::NotAsked,
        lanes: vec![lane],
    }
}

fn told(number: &str) -> CallerCheck {
    let arn = format!("arn:aws:iam::{number}:user/ferry");
    CallerCheck::Told(CallerIdentity { account: AccountNumber::parse(number).ok(), arn })
}

fn of(account: &AccountFacts, all: &[AccountFacts], found: &[LaneFound]) -> Vec<(&'static str, Outcome)> {
    checks(account, all, found).iter().map(|check| (check.name, check.outcome)).collect()
}

#[test]
fn sts_or_snapshots_tell_whose_they_are() {
    let mut one = account("a", Some(ONE), Ok(()));
    let words = |account: &AccountFacts| checks(account, &[], &[]).remove(0).text;
    assert_eq!(words(&one), "account 100000000001, by its snapshots");
    one.identity = told(ONE);
    assert_eq!(words(&one), "credentials of arn:aws:iam::100000000001:user/ferry");
    one.identity = CallerCheck::Failed(CallError::new(ErrorClass::Ambiguous, "Http503", "busy"));
    assert_eq!(
        words(&one),
        "STS does not identify the credentials (Http503: busy); account 100000000001, by its snapshots"
    );
    assert_eq!(
        words(&account("a", None, Ok(()))),
        "the credentials work; no snapshot shows which account they belong to"
    );
}

#[test]
fn refused_ones_are_one_error_whoever_refuses() {
    let refusal = CallError::new(ErrorClass::Credentials, "ExpiredTokenException", "expired");
    let by_lane = account("a", None, Err(refusal.clone()));
    assert_eq!(of(&by_lane, &[], &[]), [("credentials", Outcome::Error)]);
    let by_sts = AccountFacts { identity: CallerCheck::Failed(refusal), ..account("a", None, Ok(())) };
    assert_eq!(of(&by_sts, &[], &[]), [("credentials", Outcome::Error)]);
}

#[test]
fn the_way_out_fits_how_the_account_is_reached() {
    let way = |access: Account, code: &str| {
        let refusal = CallError::new(ErrorClass::Credentials, code, "no");
        let account = AccountFacts { access, ..account("a", None, Err(refusal)) };
        checks(&account, &[], &[]).remove(0).way.expect("a way")
    };
    let profile = || Account { profile: Some("p".to_owned()), ..Account::default() };
    assert!(way(Account::default(), codes::NO_CREDENTIALS).contains("aws configure"));
    assert!(way(Account::default(), "ExpiredToken").starts_with("renew them"));
    assert!(way(profile(), codes::NO_CREDENTIALS).contains("aws sso login --profile p"));
    assert!(way(profile(), "ExpiredToken").starts_with("renew those of profile p"));
    let role = Account { role_arn: Some("arn:aws:iam::100000000001:role/f".to_owned()), ..profile() };
    assert!(way(role, codes::NO_CREDENTIALS).contains("sts:AssumeRole"));
}

#[test]
fn another_number_than_before_and_two_labels_with_one_are_errors() {
    let all = [account("a", Some(ONE), Ok(())), account("b", Some(ONE), Ok(())), account("c", Some(OTHER), Ok(()))];
    assert_eq!(of(&all[0], &all, &[]), [("credentials", Outcome::Good), ("export", Outcome::Note)]);
    assert_eq!(of(&all[1], &all, &[]), [("credentials", Outcome::Good), ("identity", Outcome::Error)]);
    assert_eq!(of(&all[2], &all, &[]), [("credentials", Outcome::Good)], "the note is told once");
    let before = |label| {
        let lane = lane(label, "us-east-1");
        [LaneFound { lane, account: Some(number(OTHER)), live_jobs: 0, blocked: None }]
    };
    let one = account("c", Some(ONE), Ok(()));
    assert_eq!(of(&one, &[], &before("c")), [("credentials", Outcome::Good), ("identity", Outcome::Error)]);
    assert_eq!(of(&one, &[], &before("d")), [("credentials", Outcome::Good)]);
}

#[test]
fn without_a_region_nothing_is_checked_and_that_is_said() {
    let none = AccountFacts { lanes: Vec::new(), ..account("a", None, Ok(())) };
    assert_eq!(of(&none, &[], &[]), [("region", Outcome::Warning)]);
}
