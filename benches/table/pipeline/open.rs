//! The whole pipeline where nothing is in its way, beside the bare calls.

use super::bare::export_all;
use super::ferry::{Ferry, REGION};
use crate::figure::{Outcome, Pair};
use snapferry::clock::{Clock as _, SharedClock, SystemClock};
use snapferry::daemon::{Connect, Daemon, DaemonEnd, Until};
use snapferry::domain::Lane;
use snapferry::lightsail::{AccountAccess, AwsLightsail, CredentialSource, Lightsail, SharedHttp};
use snapferry::queue::Queue;
use snapferry::settings::{DatabaseUrl, LaneSettings, Settings};
use std::error::Error;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::watch;

const EXPORTS: usize = 20_000;

/// Calls a second that nobody reaches.
const NO_LIMIT: f64 = 1_000_000.0;

/// Calls under way at once, on either side.
const CONCURRENCY: u32 = 256;

pub(crate) fn whole_pipeline(folder: &Path, run: usize) -> Outcome {
    let (ours, theirs) = if run.is_multiple_of(2) {
        let theirs = bare()?;
        (pipeline(folder)?, theirs)
    } else {
        (pipeline(folder)?, bare()?)
    };
    #[expect(clippy::cast_precision_loss, reason = "some thousand exports")]
    let a_second = |seconds: f64| EXPORTS as f64 / seconds;
    Ok(Pair { ours: a_second(ours), theirs: a_second(theirs), unit: "exports/s", note: String::new(), kept: true })
}

fn bare() -> Result<f64, Box<dyn Error>> {
    let service = Service::start()?;
    runtime()?.block_on(export_all(&service.endpoint, EXPORTS, usize::try_from(CONCURRENCY)?))
}

/// The daemon with no limit but on the calls under way; the seconds from `enqueue` to the drained queue.
fn pipeline(folder: &Path) -> Result<f64, Box<dyn Error>> {
    let service = Service::start()?;
    let ferry = Ferry::new(folder, service.endpoint.clone(), "")?;
    let began = SystemClock::new();
    ferry.enqueue(1..=EXPORTS)?;
    runtime()?.block_on(async {
        let queue = Queue::open(&ferry.database()).await?;
        // The lane's limit is none, and it knows that: finding a rate out is what `lane-unknown` measures.
        for lane in queue.lane_records().await? {
            queue.learn_rate(lane.id, NO_LIMIT).await?;
            queue.learn_read_rate(lane.id, NO_LIMIT).await?;
        }
        let mut settings = Settings::built_in(DatabaseUrl::at(ferry.database()));
        settings.every_lane = unlimited();
        let clock: SharedClock = Arc::new(SystemClock::new());
        let daemon = Daemon::new(queue.clone(), settings, clock, connect(&service.endpoint), "a benchmark")?;
        let (_stop, stopped) = watch::channel(false);
        let ended = daemon.run(Until::Drained, Some(Duration::from_mins(10)), stopped).await?;
        queue.close().await;
        if ended == DaemonEnd::Drained { Ok(()) } else { Err(format!("the daemon ended: {ended:?}")) }?;
        Ok(began.elapsed().as_secs_f64())
    })
}

fn unlimited() -> LaneSettings {
    let mut settings = LaneSettings::default();
    settings.export.rate = NO_LIMIT;
    // Two less are out at once.
    settings.export.burst = CONCURRENCY + 2;
    settings.export.max_in_flight = 1_000_000;
    settings.read.rate = NO_LIMIT;
    // Its operations have no duration either.
    settings.poll.min = Duration::from_millis(100);
    settings
}

fn connect(endpoint: &str) -> Connect {
    let http = SharedHttp::without_proxy();
    let endpoint = endpoint.to_owned();
    Arc::new(move |lane: &Lane, settings: &LaneSettings| {
        let access = AccountAccess {
            endpoint_url: Some(endpoint.clone()),
            credentials: CredentialSource::Fixed {
                access_key: "AKIASIM123456789012".to_owned(),
                secret_key: "any".to_owned(),
            },
            ..AccountAccess::default()
        };
        let client = AwsLightsail::new(access, lane.region, settings.export.attempt_timeout, http.clone());
        Arc::new(client) as Arc<dyn Lightsail>
    })
}

fn runtime() -> Result<Runtime, Box<dyn Error>> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

/// `snapferry simulate` in a process of its own: whoever calls it pays for none of it.
struct Service {
    process: Child,
    endpoint: String,
}

impl Service {
    fn start() -> Result<Self, Box<dyn Error>> {
        let mut process = Command::new(env!("CARGO_BIN_EXE_snapferry"))
            .args(["simulate", "--listen", "127.0.0.1:0", "--operation-time", "0s", "--page-size", "200"])
            .args(["--fleet", &EXPORTS.to_string()])
            .env("AWS_REGION", REGION)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut endpoint = String::new();
        let said = process.stdout.take().ok_or("the simulator has no output")?;
        BufReader::new(said).read_line(&mut endpoint)?;
        Ok(Self { process, endpoint: endpoint.trim().to_owned() })
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // One that has ended already needs no end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
