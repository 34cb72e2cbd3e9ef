//! A lane: its endpoint, its clock, and what may be read.

use super::diagnosis::Check;
use super::facts::{LaneFacts, Read};
use crate::domain::LaneTrouble;
use crate::lightsail::{CallError, EndpointReply, ErrorClass, NotReached};
use crate::queue::LaneFound;
use crate::settings::LaneSettings;
use std::time::Duration;

/// AWS refuses a request whose time is off by more than 5 minutes; Lightsail by 4.
const REFUSED: Duration = Duration::from_mins(4);
const OFF: Duration = Duration::from_secs(30);

/// The checks of a lane; `found` are the lanes of the database.
pub(super) fn checks(lane: &LaneFacts, settings: &LaneSettings, found: &[LaneFound]) -> Vec<Check> {
    let reply = match &lane.reachable {
        Ok(reply) => reply,
        Err(unreached) => {
            let (text, way) = unreachable(&lane.endpoint, unreached);
            return vec![Check::error("endpoint", text, way)];
        }
    };
    let ms = reply.took.as_millis();
    let mut checks = vec![Check::good("endpoint", format!("{} answers in {ms} ms", lane.endpoint))];
    checks.extend(clock(reply));
    checks.extend(reads(&lane.reads));
    let slowest = lane.reads.iter().filter(|read| read.result.is_ok()).max_by_key(|read| read.took);
    if let Some(slow) = slowest.filter(|slow| slow.took > settings.export.attempt_timeout / 2) {
        let (took, allowed) = (slow.took.as_millis(), settings.export.attempt_timeout.as_millis());
        let text =
            format!("{} took {took} of export.attempt_timeout's {allowed} ms: answers will be lost", slow.action);
        checks.push(Check::warning("attempt_timeout", text, "set export.attempt_timeout to 30s, the default, or more"));
    }
    checks.extend(blocked(lane, found));
    checks
}

fn unreachable(endpoint: &str, why: &NotReached) -> (String, String) {
    match why {
        NotReached::Address => (
            format!("{endpoint:?} is not an address"),
            "correct endpoint_url, AWS_ENDPOINT_URL_LIGHTSAIL or AWS_ENDPOINT_URL".to_owned(),
        ),
        NotReached::Name { host, said } => (
            format!("unknown host {host}: {said}"),
            "check this machine's DNS and the spelling of the endpoint".to_owned(),
        ),
        NotReached::Connection { to, said } => (
            format!("no connection to {to}: {said}"),
            "check that something listens there, and that firewall and routes let this machine out".to_owned(),
        ),
        NotReached::Tls { said } => (
            format!("TLS to {endpoint} fails: {said}"),
            "check what stands between: a proxy with a certificate of its own needs its CA in SSL_CERT_FILE".to_owned(),
        ),
        NotReached::Answer { said } => (
            format!("{endpoint} accepts connections, but does not answer in HTTP: {said}"),
            "check that the endpoint is Lightsail's, and whether it is https".to_owned(),
        ),
        NotReached::Proxy { proxy, said } => (
            format!("{endpoint} cannot be reached through the proxy {proxy}: {said}"),
            "correct HTTPS_PROXY, or name hosts to be reached without it in NO_PROXY".to_owned(),
        ),
    }
}

fn clock(reply: &EndpointReply) -> Option<Check> {
    let (theirs, ours) = reply.time?;
    // Their time is of the second that has begun.
    let middle = theirs.after(Duration::from_millis(500));
    let (off, way_off) =
        (ours.since(middle).max(middle.since(ours)), if ours > middle { "ahead of" } else { "behind" });
    let doubt = reply.took / 2 + Duration::from_millis(500);
    let certain = off.saturating_sub(doubt);
    let seconds = off.as_secs();
    let text = format!("this machine's clock is {seconds} s {way_off} the service's");
    let way = "let NTP set this machine's clock (timedatectl set-ntp true)";
    Some(if certain > REFUSED {
        Check::error("clock", format!("{text}: requests are refused"), way)
    } else if certain > OFF {
        Check::warning("clock", text, way)
    } else {
        Check::good("clock", "this machine's clock and the service's agree")
    })
}

fn reads(reads: &[Read]) -> Vec<Check> {
    let mut checks = Vec::new();
    let denied: Vec<&str> =
        reads.iter().filter(|read| class(read).is_some_and(is_denial)).map(|read| read.action).collect();
    if !denied.is_empty() {
        let text = format!("access denied: {}", denied.join(", "));
        checks.push(Check::error("reads", text, "allow these actions; `snapferry doctor --policy` prints the policy"));
    }
    for (read, error) in reads.iter().filter_map(|read| Some((read, read.result.as_ref().err()?))) {
        checks.extend(untried(read.action, error));
    }
    let allowed = reads.iter().filter(|read| read.result.is_ok()).count();
    if checks.is_empty() && allowed > 0 {
        checks.push(Check::good("reads", format!("all {allowed} read permissions work")));
    }
    if reads.iter().any(|read| class(read) == Some(ErrorClass::Credentials)) {
        checks.push(Check::note("reads", "not tried, because the account's credentials do not work"));
    }
    checks
}

fn is_denial(class: ErrorClass) -> bool {
    matches!(class, ErrorClass::Denied | ErrorClass::LaneDenied)
}

fn class(read: &Read) -> Option<ErrorClass> {
    read.result.as_ref().err().map(|error| error.class)
}

/// A read that failed for another reason than permissions.
fn untried(action: &str, error: &CallError) -> Option<Check> {
    let way = match error.class {
        // Reported once for all reads.
        ErrorClass::Denied | ErrorClass::LaneDenied | ErrorClass::Credentials => return None,
        ErrorClass::Throttled => "another client uses up the account's rate; a daemon slows down automatically",
        ErrorClass::SetupInProgress => "wait some minutes: AWS is still setting this account or Region up",
        ErrorClass::Unreachable => "try again; if it persists, check the network between",
        ErrorClass::Ambiguous
        | ErrorClass::Unfamiliar
        | ErrorClass::RetryLater
        | ErrorClass::CopyLimit
        | ErrorClass::Quota
        | ErrorClass::Permanent => {
            "try again; if it persists, check that the endpoint is Lightsail's, and AWS's health page"
        }
    };
    Some(Check::warning("reads", format!("{action} failed: {error}"), way))
}

/// What blocks a daemon need not show in any read.
fn blocked(lane: &LaneFacts, found: &[LaneFound]) -> Option<Check> {
    let block = found.iter().find(|found| found.lane == lane.lane)?.blocked.as_ref()?;
    let what = if block.trouble.stops_sending() { "nothing is sent here" } else { "reads keep failing here" };
    let text = format!("{what} since {} ({}): {}", block.since, block.trouble, block.message);
    let way = match block.trouble {
        LaneTrouble::Identity => {
            "give the label its own account's credentials again, or use a new label for the other account"
        }
        LaneTrouble::Denied => "allow what the message names; `snapferry doctor --policy` prints what it needs",
        LaneTrouble::Quota => "free some of the quota, or have it raised; then resume the lane: `snapferry resume`",
        LaneTrouble::Credentials
        | LaneTrouble::Clock
        | LaneTrouble::NotEnabled
        | LaneTrouble::Unreachable
        | LaneTrouble::Outage
        | LaneTrouble::Setup
        | LaneTrouble::Reads
        | LaneTrouble::CopyLimit => {
            "a running daemon recovers automatically once all else here is well; see `snapferry status`"
        }
    };
    Some(Check::warning("blocked", text, way))
}

#[cfg(test)]
#[path = "of_lane_tests.rs"]
mod tests;
