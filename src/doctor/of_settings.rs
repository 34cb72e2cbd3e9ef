//! What the settings say that cannot be meant: values that are in range one by one, and contradict each other.

use super::diagnosis::Check;
use super::facts::SettingsFacts;
use crate::domain::Lane;
use crate::queue::LaneFound;
use crate::settings::{LaneSettings, Settings};
use std::time::Duration;

/// What an export takes at least, as is documented: 15 to 60 minutes.
const LONG_EXPORT: Duration = Duration::from_hours(1);

/// EBS snapshot copies at a time to one Region, unless AWS has raised it.
const EBS_COPIES: u32 = 20;

/// The checks of the settings; `found` are the lanes of the database.
pub(super) fn checks(facts: &SettingsFacts, found: &[LaneFound]) -> Vec<Check> {
    let settings = match &facts.read {
        Ok(settings) => settings,
        Err(why) => {
            let way = "put it right; until then nothing else can be looked at";
            return vec![Check::error("settings", why, way)];
        }
    };
    let mut checks = contradictions(&settings.every_lane);
    let of_all: Vec<String> = checks.iter().map(|check| check.text.clone()).collect();
    for (lane, set) in settings.lanes() {
        let own = contradictions(set).into_iter().filter(|check| !of_all.contains(&check.text));
        let named = |check: Check| Check { text: format!("[lanes.\"{lane}\"]: {}", check.text), ..check };
        checks.extend(own.map(named));
        checks.extend(outside(settings, lane).map(|regions| {
            let text = format!(
                "[lanes.\"{lane}\"] is of a Region that account {} does not have: its regions are {regions}",
                lane.account
            );
            Check::warning("lanes", text, format!("add it to [accounts.{}] regions, or take it out", lane.account))
        }));
    }
    checks.extend(found.iter().filter(|lane| lane.live_jobs > 0).filter_map(|lane| stranger(settings, lane)));
    if !settings.ignored.is_empty() {
        let text = format!("{} in the environment set nothing, and are ignored", settings.ignored.join(", "));
        checks.push(Check::note("environment", text));
    }
    if let Some(bundle) = &facts.bundle
        && let Err(why) = &bundle.usable
    {
        let text = format!("report.bundle: {} {why}; no batch that ends gets its report", bundle.folder.display());
        checks.push(Check::error("bundle", text, "make a folder that the daemon's user may write, or name another"));
    }
    if checks.iter().all(|check| check.way.is_none()) {
        let accounts: Vec<String> = settings.accounts().iter().map(ToString::to_string).collect();
        let s = if accounts.len() == 1 { "" } else { "s" };
        checks.insert(
            0,
            Check::good("settings", format!("no value contradicts another; account{s} {}", accounts.join(", "))),
        );
    }
    checks
}

/// The Regions of a lane's account, where the lane is in none of them.
fn outside(settings: &Settings, lane: &Lane) -> Option<String> {
    let regions = &settings.account(&lane.account)?.regions;
    let elsewhere = !regions.is_empty() && !regions.contains(&lane.region);
    elsewhere.then(|| regions.iter().map(|region| region.as_str()).collect::<Vec<_>>().join(", "))
}

/// Jobs that wait where the settings have no account or no Region any more.
fn stranger(settings: &Settings, found: &LaneFound) -> Option<Check> {
    let (lane, account) = (&found.lane, &found.lane.account);
    let wait = if found.live_jobs == 1 { "1 job waits".to_owned() } else { format!("{} jobs wait", found.live_jobs) };
    if settings.account(account).is_none() {
        let text = format!("{wait} in {lane}, and the settings have no account {account}: nothing is sent there");
        let way = format!("add [accounts.{account}], or give them up: snapferry cancel --account {account}");
        return Some(Check::error("lanes", text, way));
    }
    let regions = outside(settings, lane)?;
    let text =
        format!("{wait} in {lane}, and the regions of account {account} are {regions}: they are exported all the same");
    let (region, lane_way) = (lane.region, format!("snapferry cancel --account {account} --region {}", lane.region));
    Some(Check::warning("lanes", text, format!("add {region} to [accounts.{account}] regions, or: {lane_way}")))
}

fn contradictions(lane: &LaneSettings) -> Vec<Check> {
    let mut checks = Vec::new();
    let mut say = |name, text: String, way: String| checks.push(Check::warning(name, text, way));
    let (export, read, poll, reconcile) = (&lane.export, &lane.read, &lane.poll, &lane.reconcile);
    let written = |span: Duration| humantime::format_duration(span).to_string();
    if read.rate * poll.min.as_secs_f64() < 1.0 {
        say(
            "read_rate",
            format!(
                "read.rate ({} a second) is too small for poll.min ({}): following falls behind",
                read.rate,
                written(poll.min)
            ),
            format!("raise read.rate to {:.2} or more, or poll.min", 1.0 / poll.min.as_secs_f64()),
        );
    }
    if poll.give_up <= poll.max {
        say(
            "give_up",
            format!(
                "poll.give_up ({}) is no longer than poll.max ({}): an export may go to a person before a second look",
                written(poll.give_up),
                written(poll.max)
            ),
            "set poll.give_up to several hours; 24h is the default".to_owned(),
        );
    } else if poll.give_up < LONG_EXPORT {
        say(
            "give_up",
            format!(
                "poll.give_up ({}) is shorter than exports take, which is 15 minutes to an hour: they go to a person \
                 while they are under way",
                written(poll.give_up)
            ),
            "set poll.give_up to several hours; 24h is the default".to_owned(),
        );
    }
    if reconcile.settle < export.attempt_timeout {
        say(
            "settle",
            format!(
                "reconcile.settle ({}) is shorter than export.attempt_timeout ({}): what is so slow to be answered may \
                 be as slow to show in the lists, and would be sent twice",
                written(reconcile.settle),
                written(export.attempt_timeout)
            ),
            "set reconcile.settle to several minutes; 10m is the default".to_owned(),
        );
    }
    if reconcile.looks == 1 {
        say(
            "looks",
            "reconcile.looks is 1: one list that is late is enough to send an export twice".to_owned(),
            "set reconcile.looks to 3, the default".to_owned(),
        );
    }
    if export.max_in_flight > EBS_COPIES {
        checks.push(Check::note(
            "max_in_flight",
            format!(
                "export.max_in_flight is {}: EBS allows {EBS_COPIES} copies at a time to a Region, unless AWS has raised \
                 your quota",
                export.max_in_flight
            ),
        ));
    }
    checks
}

#[cfg(test)]
#[path = "of_settings_tests.rs"]
mod tests;
