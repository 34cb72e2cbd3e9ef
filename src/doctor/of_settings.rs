//! Settings that are valid one by one and contradict each other.

use super::diagnosis::Check;
use super::facts::SettingsFacts;
use crate::domain::Lane;
use crate::queue::LaneFound;
use crate::settings::{LaneSettings, Settings};
use humantime::format_duration;
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
            let way = "correct it; until then nothing else can be checked";
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
            let account = &lane.account;
            let text = format!("[lanes.\"{lane}\"]: the Region is not among those of account {account}: {regions}");
            Check::warning("lanes", text, format!("add it to [accounts.{account}] regions, or remove it"))
        }));
    }
    checks.extend(found.iter().filter(|lane| lane.live_jobs > 0).filter_map(|lane| stranger(settings, lane)));
    if !settings.ignored.is_empty() {
        let text = format!("ignored environment variables, which set nothing: {}", settings.ignored.join(", "));
        checks.push(Check::note("environment", text));
    }
    if let Some((folder, Err(why))) = &facts.bundle {
        let text = format!("report.bundle: {} {why}; batches that end get no report", folder.display());
        checks.push(Check::error("bundle", text, "create a folder that the daemon's user may write, or name another"));
    }
    if checks.iter().all(|check| check.way.is_none()) {
        let accounts: Vec<String> = settings.accounts().iter().map(ToString::to_string).collect();
        let s = if accounts.len() == 1 { "" } else { "s" };
        checks.insert(0, Check::good("settings", format!("consistent; account{s} {}", accounts.join(", "))));
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
        let text = format!("{wait} in {lane}, but the settings have no account {account}: nothing is sent there");
        let way = format!("add [accounts.{account}], or cancel them: snapferry cancel --account {account}");
        return Some(Check::error("lanes", text, way));
    }
    let regions = outside(settings, lane)?;
    let text =
        format!("{wait} in {lane}, but the regions of account {account} are {regions}: they are exported anyway");
    let (region, lane_way) = (lane.region, format!("snapferry cancel --account {account} --region {}", lane.region));
    Some(Check::warning("lanes", text, format!("add {region} to [accounts.{account}] regions, or: {lane_way}")))
}

fn contradictions(lane: &LaneSettings) -> Vec<Check> {
    let mut checks = Vec::new();
    let mut say = |name, text: String, way: String| checks.push(Check::warning(name, text, way));
    let (export, read, poll, reconcile) = (&lane.export, &lane.read, &lane.poll, &lane.reconcile);
    let (settle, timeout) = (format_duration(reconcile.settle), format_duration(export.attempt_timeout));
    let give_up = format_duration(poll.give_up);
    if read.rate * poll.min.as_secs_f64() < 1.0 {
        let (rate, min) = (read.rate, format_duration(poll.min));
        say(
            "read_rate",
            format!("read.rate ({rate} a second) is too low for poll.min ({min}): polling falls behind"),
            format!("raise read.rate to {:.2} or more, or poll.min", 1.0 / poll.min.as_secs_f64()),
        );
    }
    let too_soon = if poll.give_up <= poll.max {
        Some(format!("no longer than poll.max ({})", format_duration(poll.max)))
    } else {
        (poll.give_up < LONG_EXPORT).then(|| "shorter than exports take, which is 15 minutes to an hour".to_owned())
    };
    if let Some(too_soon) = too_soon {
        say(
            "give_up",
            format!("poll.give_up ({give_up}) is {too_soon}: exports go to review while they are in progress"),
            "set poll.give_up to several hours; 24h is the default".to_owned(),
        );
    }
    if reconcile.settle < export.attempt_timeout {
        say(
            "settle",
            format!(
                "reconcile.settle ({settle}) is shorter than export.attempt_timeout ({timeout}): an export that is as slow to \
                 appear in the lists would be sent twice"
            ),
            "set reconcile.settle to several minutes; 10m is the default".to_owned(),
        );
    }
    if reconcile.looks == 1 {
        say(
            "looks",
            "reconcile.looks is 1: a single late list can cause a second export".to_owned(),
            "set reconcile.looks to 3, the default".to_owned(),
        );
    }
    let most = export.max_in_flight;
    if most > EBS_COPIES {
        let allowed = format!("EBS allows {EBS_COPIES} copies at a time to a Region, unless AWS has raised your quota");
        checks.push(Check::note("max_in_flight", format!("export.max_in_flight is {most}: {allowed}")));
    }
    checks
}

#[cfg(test)]
#[path = "of_settings_tests.rs"]
mod tests;
