//! `snapferry doctor`: checks what Snapferry needs, and says what to fix.

use crate::cli::context::{Context, screen};
use crate::cli::exit::{Exit, UsageError, or_interrupted};
use crate::cli::survey::lane_readers::{LaneReaders, SIDE_BY_SIDE, no_such_regions};
use crate::cli::terminal::screen::{notes, spinner};
use crate::clock::{Clock as _, SystemClock};
use crate::doctor::{
    AccountFacts, CallerCheck, CheckedFacts, ExaminedLane, POLICY, SettingsFacts, check_folder, diagnose, examine,
    identify,
};
use crate::domain::{AccountLabel, Lane, Region};
use crate::queue::{Checkup, LaneFound};
use crate::report::{doctor_json, doctor_text};
use crate::settings::SettingsError;
use futures_util::StreamExt as _;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

const EXAMPLES: &str = "\
Examples:
  snapferry doctor                             everything
  snapferry doctor --account prod --region eu-west-1
  snapferry doctor --json | jq '.sections[].checks[] | select(.way)'
  snapferry doctor --policy > policy.json      the minimal IAM policy

Exit status: 0 everything is fine, 3 something needs attention, 1 the checks failed, 2 wrong usage";

/// Check configuration, database, credentials and permissions
///
/// Checks the settings, the database and its disk, and for each account and Region the endpoint, the clock, whose the
/// credentials are, and every read call that Snapferry makes. It exports and changes nothing, and may run beside a
/// daemon.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DoctorArgs {
    /// Only this account, as named in the settings; can be repeated
    #[arg(long = "account", value_name = "ACCOUNT", value_parser = AccountLabel::parse)]
    accounts: Vec<AccountLabel>,
    /// Only this Region; can be repeated [default: `regions` of each account, or the Region of the AWS configuration, and
    /// those with waiting jobs]
    #[arg(long = "region", value_name = "REGION", value_parser = Region::parse)]
    regions: Vec<Region>,
    /// Print the minimal IAM policy for Snapferry, and do nothing else
    #[arg(long, conflicts_with_all = ["accounts", "regions", "json"])]
    policy: bool,
    /// JSON output; names are stable
    #[arg(long)]
    json: bool,
}

/// Checks, and prints the diagnosis.
pub(crate) async fn doctor(
    args: &DoctorArgs,
    context: impl FnOnce() -> anyhow::Result<Context>,
    file: Option<PathBuf>,
    coloured: bool,
) -> anyhow::Result<Exit> {
    let (mut out, mut notes) = (std::io::stdout(), notes());
    let mut screen = screen(coloured, &mut out, &mut notes);
    if args.policy {
        screen.say(POLICY)?;
        return Ok(Exit::Done);
    }
    let gathered = async {
        match context() {
            Ok(context) => args.gather(&context).await,
            Err(error) if error.is::<SettingsError>() => {
                let settings = SettingsFacts { file, read: Err(format!("{error:#}")), bundle: None };
                Ok(CheckedFacts { settings, database: None, accounts: Vec::new() })
            }
            Err(error) => Err(error),
        }
    };
    or_interrupted(async {
        let diagnosis = diagnose(&gathered.await?);
        if args.json {
            screen.say_json(&doctor_json(&diagnosis, SystemClock::new().now()))?;
        } else {
            screen.say(&doctor_text(&diagnosis, screen.style))?;
        }
        Ok(if diagnosis.is_healthy() { Exit::Done } else { Exit::Incomplete })
    })
    .await
}

impl DoctorArgs {
    async fn gather(&self, context: &Context) -> anyhow::Result<CheckedFacts> {
        let accounts = self.accounts(context)?;
        let spinner = spinner(&context.progress, "checking the database".to_owned());
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
        spinner.set_message("checking the accounts");
        let readers = LaneReaders::new(context);
        let each = futures_util::stream::iter(accounts)
            .map(|account| self.examine(context, &readers, account, &known))
            .buffered(SIDE_BY_SIDE)
            .collect::<Vec<_>>();
        let accounts = each.await;
        spinner.finish_and_clear();
        let settings = SettingsFacts {
            file: context.settings_file.clone(),
            read: Ok(context.settings.clone()),
            bundle: context.settings.bundle.as_deref().map(|folder| (folder.to_owned(), check_folder(folder))),
        };
        Ok(CheckedFacts { settings, database: Some((path, checkup)), accounts })
    }

    fn accounts(&self, context: &Context) -> Result<BTreeSet<AccountLabel>, UsageError> {
        let wanted = context.accounts_of(&self.accounts)?;
        // Accounts whose settings name only other Regions are left out.
        let has_regions =
            |label: &AccountLabel| context.regions_of(label, &self.regions).is_none_or(|regions| !regions.is_empty());
        let accounts: BTreeSet<AccountLabel> = wanted.into_iter().filter(has_regions).collect();
        if accounts.is_empty() { Err(no_such_regions(&self.regions)) } else { Ok(accounts) }
    }

    async fn examine(
        &self,
        context: &Context,
        readers: &LaneReaders<'_>,
        label: AccountLabel,
        known: &[LaneFound],
    ) -> AccountFacts {
        let (regions, region_trouble) = self.regions(context, &label, known).await;
        let lanes: Vec<ExaminedLane> = regions
            .into_iter()
            .map(|region| {
                let reader = readers.of(Lane { account: label.clone(), region });
                let access = context.access(&label);
                ExaminedLane { lane: reader.lane, access, api: reader.api, clock: Arc::clone(&context.clock) }
            })
            .collect();
        let identity = match lanes.first() {
            Some(lane) => identify(lane).await,
            None => CallerCheck::NotAsked,
        };
        let lanes = futures_util::stream::iter(&lanes).map(examine).buffered(SIDE_BY_SIDE).collect().await;
        let access = context.settings.account(&label).cloned().unwrap_or_default();
        AccountFacts { label, access, region_trouble, identity, lanes }
    }

    /// The Regions of an account to check, and what is wrong with the Region of the AWS configuration.
    async fn regions(
        &self,
        context: &Context,
        label: &AccountLabel,
        known: &[LaneFound],
    ) -> (BTreeSet<Region>, Option<String>) {
        let waiting = known.iter().filter(|found| found.lane.account == *label && found.live_jobs > 0);
        let waiting = waiting.map(|found| found.lane.region).filter(|_| self.regions.is_empty());
        if let Some(regions) = context.regions_of(label, &self.regions) {
            return (regions.into_iter().chain(waiting).collect(), None);
        }
        match context.usual_region(Some(label)).await.transpose() {
            Ok(usual) => (waiting.chain(usual).collect(), None),
            Err(trouble) => (waiting.collect(), Some(trouble.to_string())),
        }
    }
}
