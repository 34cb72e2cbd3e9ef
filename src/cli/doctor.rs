//! `snapferry doctor`: what may keep it from working, and what to do about it.

use super::context::{Context, screen};
use super::exit::{Exit, UsageError};
use super::reading::Readers;
use crate::clock::{Clock as _, SystemClock};
use crate::doctor::{
    AccountFacts, Asked, Facts, LanePatient, POLICY, SettingsFacts, diagnose, examine, folder, identify,
};
use crate::domain::{AccountLabel, Lane, Region};
use crate::queue::{Checkup, LaneFound};
use crate::report::{doctor_json, doctor_text};
use crate::settings::SettingsError;
use anyhow::Context as _;
use futures_util::StreamExt as _;
use indicatif::{MultiProgress, ProgressBar};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  snapferry doctor                             everything
  snapferry doctor --account prod --region eu-west-1
  snapferry doctor --json | jq '.sections[].checks[] | select(.way)'
  snapferry doctor --policy > policy.json      the least IAM policy

Exit status: 0 nothing is to be done, 3 something is, 1 it could not be looked \
at, 2 wrong usage";

/// Lanes that are examined side by side; each keeps a limit of its own.
const SIDE_BY_SIDE: usize = 8;

/// Find out what may keep it from working, and what to do about it
///
/// Looks at the settings, at the database and its disk, and at each account and Region: whether the endpoint answers,
/// the clock, whose the credentials are, and each read that Snapferry makes, once. It exports nothing and changes
/// nothing, and may be run beside a daemon.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct DoctorArgs {
    /// Only this account, as the settings call it; can be repeated
    #[arg(long = "account", value_name = "ACCOUNT", value_parser = AccountLabel::parse)]
    accounts: Vec<AccountLabel>,
    /// Only this Region; can be repeated [default: `regions` of each account, or that of the AWS configuration, and
    /// those where jobs wait]
    #[arg(long = "region", value_name = "REGION", value_parser = Region::parse)]
    regions: Vec<Region>,
    /// Print the least IAM policy that Snapferry needs, and do nothing else
    #[arg(long, conflicts_with_all = ["accounts", "regions", "json"])]
    policy: bool,
    /// As JSON; its names are stable
    #[arg(long)]
    json: bool,
}

/// Looks, and prints what was found.
pub(super) async fn doctor(
    args: &DoctorArgs,
    context: impl FnOnce() -> anyhow::Result<Context>,
    file: Option<PathBuf>,
    coloured: bool,
) -> anyhow::Result<Exit> {
    let (mut out, mut notes) = (std::io::stdout(), super::screen::notes());
    let mut screen = screen(coloured, &mut out, &mut notes);
    if args.policy {
        screen.say(POLICY)?;
        return Ok(Exit::Done);
    }
    let looked = async {
        match context() {
            Ok(context) => args.look(&context).await,
            Err(error) if error.is::<SettingsError>() => {
                let settings = SettingsFacts { file, read: Err(format!("{error:#}")), bundle: None };
                Ok(Facts { settings, database: None, accounts: Vec::new() })
            }
            Err(error) => Err(error),
        }
    };
    let facts = tokio::select! {
        facts = looked => facts?,
        interrupted = tokio::signal::ctrl_c() => {
            interrupted.context("Ctrl-C cannot be caught")?;
            return Ok(Exit::Interrupted);
        }
    };
    let diagnosis = diagnose(&facts);
    let text = if args.json {
        serde_json::to_string_pretty(&doctor_json(&diagnosis, SystemClock::new().now()))? + "\n"
    } else {
        doctor_text(&diagnosis, screen.look)
    };
    screen.say(&text)?;
    Ok(if diagnosis.is_healthy() { Exit::Done } else { Exit::Incomplete })
}

impl DoctorArgs {
    async fn look(&self, context: &Context) -> anyhow::Result<Facts> {
        let accounts = self.accounts(context)?;
        let spinner = spinner(&context.progress);
        spinner.set_message("looking at the database");
        let path = context.settings.database.path().to_owned();
        let checkup = if context.has_no_folder_yet() {
            Checkup { vitals: None, content: Ok(None) }
        } else {
            Checkup::of(&path).await
        };
        let known = match &checkup.content {
            Ok(Some(found)) => found.lanes.clone(),
            Ok(None) | Err(_) => Vec::new(),
        };
        spinner.set_message("looking at the accounts");
        let readers = Readers::new(context);
        let each = futures_util::stream::iter(accounts)
            .map(|account| self.examine(context, &readers, account, &known))
            .buffered(SIDE_BY_SIDE)
            .collect::<Vec<_>>();
        let accounts = each.await;
        spinner.finish_and_clear();
        let settings = SettingsFacts {
            file: context.settings_file.clone(),
            read: Ok(context.settings.clone()),
            bundle: context.settings.bundle.as_deref().map(folder),
        };
        Ok(Facts { settings, database: Some((path, checkup)), accounts })
    }

    fn accounts(&self, context: &Context) -> Result<BTreeSet<AccountLabel>, UsageError> {
        let known = context.settings.accounts();
        let wanted: BTreeSet<AccountLabel> =
            if self.accounts.is_empty() { known.clone() } else { self.accounts.iter().cloned().collect() };
        if let Some(stranger) = wanted.iter().find(|account| !known.contains(account)) {
            let known: Vec<&str> = known.iter().map(AccountLabel::as_str).collect();
            let known = known.join(", ");
            return Err(UsageError(format!("{:?} is no account of the settings; it has {known}", stranger.as_str())));
        }
        // Those whose settings name other Regions only are not meant.
        let meant = |label: &AccountLabel| {
            let set = context.settings.account(label).map(|account| account.regions.as_slice()).unwrap_or_default();
            self.regions.is_empty() || set.is_empty() || set.iter().any(|region| self.regions.contains(region))
        };
        let meant: BTreeSet<AccountLabel> = wanted.into_iter().filter(meant).collect();
        if meant.is_empty() {
            let regions: Vec<&str> = self.regions.iter().map(|region| region.as_str()).collect();
            let regions = regions.join(", ");
            let message = format!(
                "{regions}: not among the `regions` of these accounts in the settings; add it there to have it looked at"
            );
            return Err(UsageError(message));
        }
        Ok(meant)
    }

    async fn examine(
        &self,
        context: &Context,
        readers: &Readers<'_>,
        label: AccountLabel,
        known: &[LaneFound],
    ) -> AccountFacts {
        let (regions, region_trouble) = self.regions(context, &label, known).await;
        let patients: Vec<LanePatient> = regions
            .into_iter()
            .map(|region| {
                let reader = readers.of(Lane { account: label.clone(), region });
                let access = context.access(&label);
                LanePatient { lane: reader.lane, access, api: reader.api, clock: Arc::clone(&context.clock) }
            })
            .collect();
        let identity = match patients.first() {
            Some(patient) => identify(patient).await,
            None => Asked::NotAsked,
        };
        let lanes = futures_util::stream::iter(&patients).map(examine).buffered(SIDE_BY_SIDE).collect().await;
        let access = context.settings.account(&label).cloned().unwrap_or_default();
        AccountFacts { label, access, region_trouble, identity, lanes }
    }

    /// The Regions of an account to be looked at, and what is wrong with that of the AWS configuration.
    async fn regions(
        &self,
        context: &Context,
        label: &AccountLabel,
        known: &[LaneFound],
    ) -> (BTreeSet<Region>, Option<String>) {
        let wanted: BTreeSet<Region> = self.regions.iter().copied().collect();
        let set: BTreeSet<Region> =
            context.settings.account(label).map(|it| it.regions.iter().copied().collect()).unwrap_or_default();
        match (set.is_empty(), wanted.is_empty()) {
            (true, false) => return (wanted, None),
            (false, false) => return (set.intersection(&wanted).copied().collect(), None),
            (_, true) => {}
        }
        let waiting = known.iter().filter(|found| found.lane.account == *label && found.live_jobs > 0);
        let mut regions: BTreeSet<Region> = waiting.map(|found| found.lane.region).collect();
        if !set.is_empty() {
            regions.extend(set);
            return (regions, None);
        }
        match context.usual_region(Some(label)).await.transpose() {
            Ok(usual) => {
                regions.extend(usual);
                (regions, None)
            }
            Err(trouble) => (regions, Some(trouble.to_string())),
        }
    }
}

fn spinner(progress: &MultiProgress) -> ProgressBar {
    let spinner = progress.add(ProgressBar::new_spinner());
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}
