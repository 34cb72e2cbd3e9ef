//! A rehearsal: the same program with the simulator, in this process, on a temporary database.

use crate::cli::context::Context;
use crate::cli::exit::UsageError;
use crate::cli::work::enqueue::EnqueueArgs;
use crate::cli::work::input::CsvSource;
use crate::daemon::Connect;
use crate::domain::{AccountLabel, Lane, Region};
use crate::intake::{Intake, IntakeOptions, IntakeRecord, UsualRegion};
use crate::lightsail::{AccountAccess, AwsLightsail, CredentialSource, Lightsail, SharedHttp};
use crate::settings::{DatabaseUrl, LaneSettings, Settings};
use anyhow::Context as _;
use lightsail_simulator::{
    Fleet, FleetEntry, Handle, Limits, RateLimit, Simulator, SimulatorConfig, SourceKind, Spread, SystemClock,
};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// How much faster time runs: an export of 15 to 60 minutes takes 0.75 to 3 seconds.
pub(in crate::cli) const SPEED: u32 = 1200;

/// The duration of an export; in reality 15 to 60 minutes, according to public reports.
const EXPORT_TAKES: &str = "750ms..3s";

/// Exports per second that the simulator allows, and its burst: the ceiling of the default settings.
const LIMIT: u32 = 20;

/// A running rehearsal.
pub(in crate::cli) struct Rehearsal {
    simulator: Handle,
    settings: Settings,
    accounts: Vec<AccountLabel>,
    _folder: TempDir,
}

impl Rehearsal {
    /// Starts a simulator with the snapshots of the file. Returns the file to enqueue, which may be a copy of stdin.
    pub(in crate::cli) async fn start(
        rows: &EnqueueArgs,
        context: &Context,
        region: UsualRegion,
    ) -> anyhow::Result<(Self, PathBuf)> {
        let options = rows.options(&context.settings, region);
        let accounts: Vec<AccountLabel> = options.accounts.iter().cloned().collect();
        let folder = tempfile::Builder::new()
            .prefix("snapferry-rehearsal-")
            .tempdir()
            .context("cannot create a folder for the rehearsal")?;
        let mut file = rows.rows.file.clone();
        if file.as_os_str() == "-" {
            // It is read twice: for the simulator, and for the queue.
            file = folder.path().join("stdin.csv");
            let mut copy = File::create(&file).context("cannot copy stdin")?;
            std::io::copy(&mut std::io::stdin().lock(), &mut copy).context("cannot read stdin")?;
        }
        let input = CsvSource::new(&file).open()?;
        let fleet = fleet(input, options, &accounts).with_context(|| file.display().to_string())?;
        let mut settings = context.settings.clone();
        settings.database = DatabaseUrl::at(folder.path().join("rehearsal.db"));
        // The ids are made up and must not reach a report that is passed on.
        settings.bundle = None;
        settings.prune_after = None;
        settings.every_lane = hurried(&settings.every_lane);
        let config = SimulatorConfig {
            fleet: Fleet::Listed(fleet),
            operation_time: EXPORT_TAKES.parse::<Spread>().context("the rehearsal's durations")?,
            limits: Limits {
                export: Some(RateLimit::new(f64::from(LIMIT), LIMIT).context("the rehearsal's limit")?),
                ..Limits::default()
            },
            ..SimulatorConfig::default()
        };
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.context("cannot listen on 127.0.0.1")?;
        let simulator = Simulator::start(config, listener, Arc::new(SystemClock::new())).context("cannot start")?;
        Ok((Self { simulator, settings, accounts, _folder: folder }, file))
    }

    /// The settings of the user with shorter waits and a temporary database.
    pub(in crate::cli) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Connections to the simulator, with an account for each label.
    pub(in crate::cli) fn connect(&self) -> Connect {
        let http = SharedHttp::without_proxy();
        let endpoint = self.simulator.endpoint();
        let accounts = self.accounts.clone();
        Arc::new(move |lane: &Lane, settings: &LaneSettings| {
            let access = AccountAccess {
                endpoint_url: Some(endpoint.clone()),
                credentials: CredentialSource::Fixed {
                    access_key: format!("AKIASIM{}", number(&lane.account, &accounts)),
                    secret_key: "rehearsal".to_owned(),
                },
                ..AccountAccess::default()
            };
            let client = AwsLightsail::new(access, lane.region, settings.export.attempt_timeout, http.clone());
            Arc::new(client) as Arc<dyn Lightsail>
        })
    }

    /// Stops the simulator. Returns how many exports it made, and how many of them were duplicates.
    pub(in crate::cli) async fn end(self) -> (usize, usize) {
        self.simulator.stop().await;
        let ledger = self.simulator.ledger();
        (ledger.exports, ledger.duplicates)
    }
}

/// Waits of minutes, shortened like the exports.
fn hurried(real: &LaneSettings) -> LaneSettings {
    let mut settings = real.clone();
    settings.poll.min = Duration::from_millis(125);
    settings.poll.max = Duration::from_secs(1);
    settings.reconcile.settle = Duration::from_secs(2);
    settings.export.attempt_timeout = Duration::from_secs(2);
    settings.export.retry.initial = Duration::from_millis(100);
    settings.export.retry.max = Duration::from_secs(1);
    settings.probe = Duration::from_secs(1);
    settings.breaker.wait = Duration::from_secs(2);
    settings.breaker.wait_max = Duration::from_secs(4);
    settings
}

fn number(label: &AccountLabel, accounts: &[AccountLabel]) -> String {
    let place = accounts.iter().position(|known| known == label).unwrap_or_default();
    format!("{:012}", 100_000_000_001_u64.saturating_add(u64::try_from(place).unwrap_or_default()))
}

/// A snapshot for each good row: every fifth is a disk, every seventh an instance with an attached disk.
fn fleet(input: impl Read, options: IntakeOptions, accounts: &[AccountLabel]) -> anyhow::Result<Vec<FleetEntry>> {
    let mut seen = BTreeSet::<(AccountLabel, Region, String)>::new();
    let mut fleet = Vec::new();
    let mut first = None;
    for entry in Intake::new(input, options)? {
        let row = match entry? {
            IntakeRecord::Accepted(row) => row,
            IntakeRecord::Rejected(rejected) => {
                first.get_or_insert_with(|| rejected.to_string());
                continue;
            }
        };
        let name = row.snapshot.as_str().to_owned();
        if !seen.insert((row.account.clone(), row.region, name.clone())) {
            continue;
        }
        let place = fleet.len();
        let kind = if place % 5 == 4 { SourceKind::Disk } else { SourceKind::Instance };
        fleet.push(FleetEntry {
            account: Some(number(&row.account, accounts)),
            region: Some(row.region.as_str().to_owned()),
            kind,
            disks: u32::from(kind == SourceKind::Instance && place % 7 == 3),
            ..FleetEntry::named(&name)
        });
    }
    if fleet.is_empty() {
        let first = first.map(|first| format!("; {first}")).unwrap_or_default();
        return Err(UsageError(format!("nothing to rehearse: the file has no good row{first}")).into());
    }
    Ok(fleet)
}
