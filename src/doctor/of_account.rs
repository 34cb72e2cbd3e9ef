//! An account: whether its credentials work, and whose they are.

use super::diagnosis::Check;
use super::facts::{AccountFacts, CallerCheck};
use crate::domain::{AccountNumber, LaneTrouble};
use crate::lightsail::{CallError, ErrorClass, READ_ACTIONS, codes};
use crate::queue::LaneFound;

/// The checks of `account`; `all` are those that are checked, `found` the lanes of the database.
pub(super) fn checks(account: &AccountFacts, all: &[AccountFacts], found: &[LaneFound]) -> Vec<Check> {
    let label = &account.label;
    let mut checks = Vec::new();
    if let Some(trouble) = &account.region_trouble {
        let way = format!("name one that Lightsail has: --region, AWS_REGION, or [accounts.{label}] regions");
        checks.push(Check::warning("region", format!("the Region of the AWS configuration: {trouble}"), way));
    } else if account.lanes.is_empty() {
        let way = format!("give --region, set AWS_REGION, or name some: [accounts.{label}] regions = [\"eu-west-1\"]");
        checks.push(Check::warning("region", "no Region is known, so nothing could be checked", way));
    }
    if let Some(error) = refused(account) {
        let said = error.to_string();
        checks.push(if error.trouble() == Some(LaneTrouble::Credentials) {
            let text = format!("the credentials do not work: {said}");
            Check::error("credentials", text, way_to_credentials(account, error))
        } else {
            // For the clock, or for a Region that is not enabled.
            Check::error("credentials", said, error.advice(READ_ACTIONS))
        });
        return checks;
    }
    match (&account.identity, number(account)) {
        (CallerCheck::Told(identity), _) => {
            checks.push(Check::good("credentials", format!("credentials of {}", identity.arn)));
        }
        (CallerCheck::Failed(error), known) => {
            let by = known.map_or_else(String::new, |number| format!("; account {number}, by its snapshots"));
            checks.push(Check::note("credentials", format!("STS does not identify the credentials ({error}){by}")));
        }
        (CallerCheck::NotAsked, Some(number)) => {
            checks.push(Check::good("credentials", format!("account {number}, by its snapshots")));
        }
        (CallerCheck::NotAsked, None) if reads(account) => {
            let text = "the credentials work; no snapshot shows which account they belong to";
            checks.push(Check::good("credentials", text));
        }
        (CallerCheck::NotAsked, None) => {}
    }
    checks.extend(others(account, all, found));
    // Once is enough.
    if all.iter().find(|account| reads(account)).is_some_and(|first| first.label == *label) {
        let text =
            "ExportSnapshot cannot be tested without exporting; `snapferry doctor --policy` prints what it needs";
        checks.push(Check::note("export", text));
    }
    checks
}

/// Whether any read was answered.
fn reads(account: &AccountFacts) -> bool {
    account.lanes.iter().flat_map(|lane| &lane.reads).any(|read| read.result.is_ok())
}

/// The first error that blames the credentials.
fn refused(account: &AccountFacts) -> Option<&CallError> {
    let by_sts = match &account.identity {
        CallerCheck::Failed(error) => Some(error),
        CallerCheck::Told(_) | CallerCheck::NotAsked => None,
    };
    let by_lanes = account.lanes.iter().flat_map(|lane| &lane.reads).filter_map(|read| read.result.as_ref().err());
    by_sts.into_iter().chain(by_lanes).find(|error| error.class == ErrorClass::Credentials)
}

/// The account's number, by STS or by its snapshots.
fn number(account: &AccountFacts) -> Option<&AccountNumber> {
    let told = match &account.identity {
        CallerCheck::Told(identity) => identity.account.as_ref(),
        CallerCheck::Failed(_) | CallerCheck::NotAsked => None,
    };
    told.or_else(|| account.lanes.iter().find_map(|lane| lane.account.as_ref()))
}

fn way_to_credentials(account: &AccountFacts, error: &CallError) -> String {
    let label = &account.label;
    let missing = error.code.as_str() == codes::NO_CREDENTIALS;
    match (&account.access.role_arn, &account.access.profile) {
        (Some(role), _) => format!(
            "allow the base credentials to assume {role} (sts:AssumeRole), and name them and the external_id of \
             [accounts.{label}] in its trust policy"
        ),
        (None, Some(profile)) if missing => {
            format!("create a profile {profile} with credentials, or log in: aws sso login --profile {profile}")
        }
        (None, Some(profile)) => format!("renew those of profile {profile}; a running daemon picks them up"),
        (None, None) if missing => {
            format!("log in (aws sso login, aws configure), set AWS_PROFILE, or name one: [accounts.{label}] profile")
        }
        (None, None) => "renew them; a running daemon picks up those of a profile or a role".to_owned(),
    }
}

/// Whether the number has changed, or belongs to another label too.
fn others(account: &AccountFacts, all: &[AccountFacts], found: &[LaneFound]) -> Vec<Check> {
    let (label, Some(number)) = (&account.label, number(account)) else { return Vec::new() };
    let mut checks = Vec::new();
    let before =
        found.iter().find(|lane| lane.lane.account == *label && lane.account.as_ref().is_some_and(|it| it != number));
    if let Some((lane, before)) = before.and_then(|found| Some((&found.lane, found.account.as_ref()?))) {
        let text = format!(
            "the database has account {before} for {lane}, but the credentials belong to {number}: nothing is sent there"
        );
        let way =
            format!("correct the profile or role of [accounts.{label}], or use another label for the other account");
        checks.push(Check::error("identity", text, way));
    }
    let first = all.iter().find(|other| self::number(other) == Some(number) && meet(account, other));
    if let Some(other) = first.filter(|other| other.label != *label) {
        let text = format!(
            "accounts {} and {label} are both {number}: lanes of the same Region block each other",
            other.label
        );
        checks.push(Check::error("identity", text, "correct one of their profiles or roles, or remove one"));
    }
    checks
}

/// Whether two accounts have lanes in the same Region.
fn meet(one: &AccountFacts, other: &AccountFacts) -> bool {
    one.lanes.iter().any(|lane| other.lanes.iter().any(|theirs| theirs.lane.region == lane.lane.region))
}

#[cfg(test)]
#[path = "of_account_tests.rs"]
mod tests;
