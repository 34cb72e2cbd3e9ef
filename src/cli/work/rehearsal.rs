//! A rehearsal: the same program with the simulator, in this process, on a temporary database.

use crate::cli::work::simulate::start_simulator;
use crate::daemon::Connect;
use crate::domain::{AccountLabel, Lane};
use crate::lightsail::{AccountAccess, AwsLightsail, CredentialSource, Lightsail, SharedHttp};
use crate::queue::{JobView, Queue, Selector};
use crate::settings::{DatabaseUrl, LaneSettings, Settings};
use anyhow::Context as _;
use lightsail_simulator::{Fleet, FleetEntry, Handle, Limits, RateLimit, SimulatorConfig, SourceKind, Spread};
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How much faster time runs: an export of 15 to 60 minutes takes 0.75 to 3 seconds.
pub(crate) const SPEED: u32 = 1200;

/// The duration of an export; in reality 15 to 60 minutes, according to public reports.
const EXPORT_TAKES: &str = "750ms..3s";

/// Exports per second that the simulator allows, and its burst: the ceiling of the default settings.
const LIMIT: u32 = 20;

/// The settings of the user with shorter waits and a database in `folder`.
pub(crate) fn settings(real: &Settings, folder: &Path) -> Settings {
    let mut settings = real.clone();
    settings.database = DatabaseUrl::at(folder.join("rehearsal.db"));
    // The ids are made up and must not reach a report that is passed on.
    settings.bundle = None;
    settings.prune_after = None;
    settings.every_lane = hurried(&settings.every_lane);
    settings
}

/// Starts a simulator that has the snapshot of each job; `accounts` are those of the settings.
pub(crate) async fn start(queue: &Queue, accounts: &[AccountLabel]) -> anyhow::Result<Handle> {
    let jobs = queue.jobs_page(&Selector::default(), None, u32::MAX).await?;
    let config = SimulatorConfig {
        fleet: Fleet::Listed(jobs.iter().enumerate().map(|(place, job)| snapshot(place, job, accounts)).collect()),
        operation_time: EXPORT_TAKES.parse::<Spread>().context("the rehearsal's durations")?,
        limits: Limits {
            export: Some(RateLimit::new(f64::from(LIMIT), LIMIT).context("the rehearsal's limit")?),
            ..Limits::default()
        },
        ..SimulatorConfig::default()
    };
    start_simulator(config, (Ipv4Addr::LOCALHOST, 0).into()).await
}

/// Connections to the simulator, with an account for each label.
pub(crate) fn connect(simulator: &Handle, accounts: Vec<AccountLabel>) -> Connect {
    let (http, endpoint) = (SharedHttp::without_proxy(), simulator.endpoint());
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

/// Waits of minutes, shortened like the exports.
fn hurried(real: &LaneSettings) -> LaneSettings {
    let mut settings = real.clone();
    settings.poll.min = Duration::from_millis(125);
    settings.poll.max = Duration::from_secs(1);
    settings.reconcile.settle = Duration::from_secs(2);
    settings.export.attempt_timeout = Duration::from_secs(2);
    settings.export.backoff_initial = Duration::from_millis(100);
    settings.export.backoff_max = Duration::from_secs(1);
    settings.lane.probe = Duration::from_secs(1);
    settings.breaker.wait = Duration::from_secs(2);
    settings.breaker.wait_max = Duration::from_secs(4);
    settings
}

fn number(label: &AccountLabel, accounts: &[AccountLabel]) -> String {
    let place = accounts.iter().position(|known| known == label).unwrap_or_default();
    format!("{:012}", 100_000_000_001_u64.saturating_add(u64::try_from(place).unwrap_or_default()))
}

/// The snapshot of a job: every fifth is of a disk, every seventh of an instance with an attached disk.
fn snapshot(place: usize, job: &JobView, accounts: &[AccountLabel]) -> FleetEntry {
    let kind = if place % 5 == 4 { SourceKind::Disk } else { SourceKind::Instance };
    FleetEntry {
        account: Some(number(&job.lane.account, accounts)),
        region: Some(job.lane.region.as_str().to_owned()),
        kind,
        disks: u32::from(kind == SourceKind::Instance && place % 7 == 3),
        ..FleetEntry::named(job.snapshot_name.as_str())
    }
}
