//! `snapferry simulate`: the simulator as a server for any AWS client.

use crate::cli::context::hear_signals;
use crate::cli::exit::UsageError;
use crate::cli::work::input::CsvSource;
use crate::clock::stopped;
use crate::domain::{AccountNumber, Region};
use crate::report::TextStyle;
use anyhow::{Context, anyhow};
use lightsail_simulator::{
    AppliesTo, CopyCap, ErrorAnswer, ExportAnswer, FAULT_NAMES, Fault, FaultRule, Faults, FaultyAnswer, Fleet, Handle,
    LaneAddress, Limits, Probability, RateLimit, Simulator, SimulatorConfig, Spread, SuccessWord, SystemClock,
    Unexportable,
};
use std::fmt::Write as _;
use std::io::Write;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

const EXAMPLES: &str = "\
Examples:
  snapferry simulate --fleet 500 --rate 10
  snapferry simulate --fault lost=0.02 --fault ServiceException+effect=0.02
  snapferry simulate --fault 'InvalidInputException(Try again later.)=1'";

/// What EC2 says (API Reference, "Error codes").
const COPIES_ERROR: &str = "ResourceLimitExceeded(Too many snapshot copies in progress.)";

/// Run a Lightsail simulator for rehearsals and tests
///
/// Any AWS client can use it: set AWS_ENDPOINT_URL_LIGHTSAIL to its URL. The access key AKIASIM<12 digits> names the
/// account, any other key means 123456789012; secrets are not checked. While it runs: GET /_ledger and /_calls,
/// POST /_faults, /_limits, /_export and /_snapshots (docs/json.md).
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{}", fault_help()))]
#[expect(clippy::doc_markdown, reason = "this is what --help prints")]
pub(crate) struct SimulateArgs {
    /// Address to listen on; port 0 takes a free port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8470")]
    listen: SocketAddr,
    /// Number of generated snapshots in each lane: snap-00001, snap-00002...
    #[arg(long, value_name = "N", default_value_t = 100, conflicts_with = "fleet_csv")]
    fleet: usize,
    /// CSV file with the snapshots: name, and optionally account, region, kind (instance, disk), state (available,
    /// pending, error), disks, size_gb, disk_gb, source, blueprint, age (30d), tags (env=prod;keep)
    #[arg(long, value_name = "FILE")]
    fleet_csv: Option<PathBuf>,
    /// Lane with generated snapshots; can be repeated [default: every lane]
    #[arg(long, value_name = "ACCOUNT/REGION", value_parser = lane, conflicts_with = "fleet_csv")]
    lane: Vec<LaneAddress>,
    /// ExportSnapshot calls per second allowed in a lane [default: no limit]
    #[arg(long, value_name = "N")]
    rate: Option<f64>,
    /// ExportSnapshot calls allowed at once in a lane
    #[arg(long, value_name = "N", default_value_t = 1, requires = "rate")]
    burst: u32,
    /// Other calls per second allowed in a lane [default: no limit]
    #[arg(long, value_name = "N")]
    read_rate: Option<f64>,
    /// Other calls allowed at once in a lane
    #[arg(long, value_name = "N", default_value_t = 1, requires = "read_rate")]
    read_burst: u32,
    /// EBS copies allowed at the same time in a lane [default: no limit]
    #[arg(long, value_name = "N")]
    copies: Option<u32>,
    /// Answer to an export beyond --copies: CODE, CODE(MESSAGE) or operation-fails:CODE
    #[arg(long, value_name = "FAULT", default_value = COPIES_ERROR, requires = "copies", hide_default_value = true)]
    copies_error: String,
    /// EBS copies that other clients have in progress in each lane, started outside Lightsail
    #[arg(long, value_name = "N", default_value_t = 0)]
    other_copies: u32,
    /// Exports that other clients have in progress in each lane, with records in its lists
    #[arg(long, value_name = "N", default_value_t = 0)]
    other_exports: u32,
    /// Seconds that the clock for checking signatures is ahead of this machine's
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    clock_ahead: Option<i64>,
    /// Error for an export of a cPanel & WHM snapshot: CODE or CODE(MESSAGE)
    #[arg(long, value_name = "CODE", value_parser = error_answer)]
    blueprint_error: Option<ErrorAnswer>,
    /// Duration of an export
    #[arg(long, value_name = "DURATION[..DURATION]", default_value = "5s..15s")]
    operation_time: Spread,
    /// How long a snapshot stays pending, from the first call to its lane
    #[arg(long, value_name = "DURATION", value_parser = crate::cli::terminal::parsers::span, default_value = "1m")]
    pending_time: Duration,
    /// Maximum number of entries on a page
    #[arg(long, value_name = "N", default_value = "100")]
    page_size: NonZeroUsize,
    /// Maximum number of operations that GetOperations lists, on all pages together
    #[arg(long, value_name = "N")]
    operations_listed: Option<NonZeroUsize>,
    /// How long a new export is missing from the lists
    #[arg(long, value_name = "DURATION", value_parser = crate::cli::terminal::parsers::span, default_value = "0s")]
    late_lists: Duration,
    /// What ExportSnapshot returns: one operation, a pair, or none
    #[arg(long, value_name = "one|pair|none", value_parser = export_answer, default_value = "one")]
    export_answer: ExportAnswer,
    /// Report successful operations as Completed, not Succeeded
    #[arg(long)]
    completed: bool,
    /// Send the header x-amzn-errortype with errors
    #[arg(long)]
    error_header: bool,
    /// Fault and its probability (0 to 1), in exports unless @reads or @all; can be repeated, the first match wins. --help
    /// lists the names
    #[arg(long, value_name = "NAME=PROBABILITY[@reads|@all]", value_parser = fault)]
    fault: Vec<FaultRule>,
    /// Random seed
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// File for the ledger, written at the end (JSON)
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// File for all calls, written at the end (one JSON object per line)
    #[arg(long, value_name = "FILE")]
    calls: Option<PathBuf>,
}

/// Starts a simulator at `address`.
pub(crate) async fn start_simulator(config: SimulatorConfig, address: SocketAddr) -> anyhow::Result<Handle> {
    let cannot = || format!("the simulator cannot listen on {address}");
    let listener = TcpListener::bind(address).await.with_context(cannot)?;
    Simulator::start(config, listener, Arc::new(SystemClock::new())).with_context(cannot)
}

/// Serves until Ctrl-C or SIGTERM, then writes the requested files.
pub(crate) async fn simulate(args: SimulateArgs) -> anyhow::Result<()> {
    // Any error here is in the arguments.
    let config = args.config().map_err(|error| UsageError(format!("{error:#}")))?;
    let mut signals = hear_signals()?;
    let handle = start_simulator(config, args.listen).await?;
    // The simulator serves even if nobody reads its output.
    let _ = greet(&mut std::io::stdout().lock(), &handle.endpoint());
    stopped(&mut signals.stop).await;
    handle.stop().await;
    let (ledger, calls) = (handle.ledger(), handle.calls());
    if let Some(path) = &args.ledger {
        write_file(path, &serde_json::to_string_pretty(&ledger)?)?;
    }
    if let Some(path) = &args.calls {
        let lines: Result<Vec<_>, _> = calls.iter().map(serde_json::to_string).collect();
        write_file(path, &lines?.join("\n"))?;
    }
    let (exports, duplicates, calls, throttled) = (ledger.exports, ledger.duplicates, ledger.calls, ledger.throttled);
    tracing::info!(exports, duplicates, calls, throttled, "simulator stopped");
    Ok(())
}

impl SimulateArgs {
    fn config(&self) -> anyhow::Result<SimulatorConfig> {
        let fleet = match &self.fleet_csv {
            Some(path) => {
                let file = CsvSource::File(path.clone()).open()?;
                Fleet::read_csv(file).with_context(|| format!("the fleet {}", path.display()))?
            }
            None => Fleet::Generated { size: self.fleet, lanes: self.lane.clone() },
        };
        let limit = |rate: Option<f64>, burst| rate.map(|rate| RateLimit::new(rate, burst)).transpose();
        let Fault { answer, operation_failure: failure, .. } = self.copies_error.parse().context("--copies-error")?;
        let error = match (answer, &failure) {
            (FaultyAnswer::Error(error), _) => error,
            (_, Some(failure)) => ErrorAnswer::named(&failure.code),
            (_, None) => return Err(anyhow!("--copies-error is CODE or operation-fails:CODE")),
        };
        let copies = self.copies.map(|max| CopyCap { max, error, failure });
        let mut not_exported = Unexportable::default();
        if let Some(error) = &self.blueprint_error {
            not_exported.error = error.clone();
        }
        Ok(SimulatorConfig {
            seed: self.seed,
            fleet,
            page_size: self.page_size,
            operations_listed: self.operations_listed,
            operation_time: self.operation_time,
            pending_time: self.pending_time,
            limits: Limits {
                export: limit(self.rate, self.burst).context("--rate and --burst")?,
                read: limit(self.read_rate, self.read_burst).context("--read-rate and --read-burst")?,
            },
            copies,
            not_exported,
            export_answer: self.export_answer,
            success_word: if self.completed { SuccessWord::Completed } else { SuccessWord::Succeeded },
            error_header: self.error_header,
            faults: Faults {
                rules: self.fault.clone(),
                late_lists: self.late_lists,
                other_copies: self.other_copies,
                other_exports: self.other_exports,
                clock_ahead_seconds: self.clock_ahead,
            },
            ..SimulatorConfig::default()
        })
    }
}

fn greet(out: &mut impl Write, endpoint: &str) -> std::io::Result<()> {
    writeln!(out, "{endpoint}")?;
    writeln!(out, "  export AWS_ENDPOINT_URL_LIGHTSAIL={endpoint} AWS_REGION=us-east-1")?;
    writeln!(
        out,
        "  AWS_ACCESS_KEY_ID=AKIASIM123456789012 AWS_SECRET_ACCESS_KEY=any aws lightsail get-instance-snapshots"
    )?;
    out.flush()
}

fn write_file(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, format!("{text}\n")).with_context(|| format!("cannot write {}", path.display()))
}

fn lane(text: &str) -> anyhow::Result<LaneAddress> {
    let (account, region) = text.split_once('/').ok_or_else(|| anyhow!("a lane is ACCOUNT/REGION"))?;
    let account = AccountNumber::parse(account)?.as_str().to_owned();
    Ok(LaneAddress { account, region: Region::parse(region)?.to_string() })
}

fn export_answer(text: &str) -> anyhow::Result<ExportAnswer> {
    match text {
        "one" => Ok(ExportAnswer::One),
        "pair" => Ok(ExportAnswer::Pair),
        "none" => Ok(ExportAnswer::None),
        _ => Err(anyhow!("expected one, pair or none")),
    }
}

fn error_answer(text: &str) -> anyhow::Result<ErrorAnswer> {
    let FaultyAnswer::Error(error) = text.parse::<Fault>()?.answer else {
        return Err(anyhow!("an error is CODE or CODE(MESSAGE)"));
    };
    Ok(error)
}

fn fault(text: &str) -> anyhow::Result<FaultRule> {
    // A message may contain these characters too.
    let (name, rest) = text.rsplit_once('=').ok_or_else(|| anyhow!("a fault is NAME=PROBABILITY"))?;
    let (probability, side) = rest.split_once('@').unwrap_or((rest, "exports"));
    let applies_to = match side {
        "exports" => AppliesTo::Exports,
        "reads" => AppliesTo::Reads,
        "all" => AppliesTo::All,
        _ => return Err(anyhow!("unknown side {side:?}; expected exports, reads or all")),
    };
    let fault: Fault = name.parse()?;
    Ok(FaultRule { applies_to, ..FaultRule::sometimes(fault, probability.parse::<Probability>()?) })
}

fn fault_help() -> String {
    let style = TextStyle { width: Some(50), ..TextStyle::default() };
    FAULT_NAMES.iter().fold("Faults:\n".to_owned(), |mut help, (name, what)| {
        let mut name = *name;
        for line in style.lay_out(vec![(*what).to_owned()]).lines() {
            let _ = writeln!(help, "  {name:<24} {}", line.trim_start());
            name = "";
        }
        help
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_says_how_often_and_in_which_calls() {
        let rule = fault("ServiceException+effect=0.02@all").expect("a fault");
        assert_eq!((rule.applies_to, f64::from(rule.probability)), (AppliesTo::All, 0.02));
        let rule = fault("Odd:403(a = b@c)=1").expect("a fault");
        assert_eq!((rule.applies_to, f64::from(rule.probability)), (AppliesTo::Exports, 1.0));
        for bad in ["lost", "lost=2", "lost=0.1@some", "lots=0.1"] {
            assert!(fault(bad).is_err(), "{bad}");
        }
    }
}
