//! The limit that binds in practice: EC2's copies in progress, each of 15 to 60 minutes. A minute takes a second here.

use super::ferry::{Ferry, succeed};
use super::ideal::last_end_of_slots;
use super::service::Service;
use crate::figure::{Outcome, Pair};
use lightsail_simulator::{CopyCap, ErrorAnswer, Fleet, FleetEntry, SimulatorConfig};
use snapferry::clock::{Clock as _, SystemClock};
use std::path::Path;

const EXPORTS: usize = 160;

/// Copies that EC2 makes at a time in an account and Region.
const COPIES: u32 = 20;

/// The defaults that are measured in time, scaled like the exports.
const SETTINGS: &str = "\
[export]
rate = 20
burst = 8
max_in_flight = 20
[poll]
min = \"83ms\"
max = \"1s\"
[reconcile]
settle = \"10s\"
";

pub(crate) fn beside_no_gap(folder: &Path, run: usize) -> Outcome {
    let entries = (1..=EXPORTS).map(|number| FleetEntry::named(&format!("snap-{number:05}"))).collect();
    let service = Service::of(SimulatorConfig {
        seed: u64::try_from(run)? + 1,
        fleet: Fleet::Listed(entries),
        operation_time: "15s..60s".parse()?,
        copies: Some(CopyCap { max: COPIES, error: ErrorAnswer::named("InvalidInputException"), failure: None }),
        ..SimulatorConfig::default()
    })?;
    let ferry = Ferry::new(folder, service.endpoint(), SETTINGS)?;
    ferry.enqueue(1..=EXPORTS)?;
    let began = SystemClock::new();
    succeed("daemon --drain", ferry.drain()?)?;
    let seconds = began.elapsed().as_secs_f64();
    let ledger = service.ledger();
    if (ledger.exports, ledger.duplicates) != (EXPORTS, 0) {
        return Err(format!("{} exports, {} duplicates", ledger.exports, ledger.duplicates).into());
    }
    let ideal = last_end_of_slots(COPIES, &service.durations(0)?);
    let note = format!("{} calls", service.calls().len());
    Ok(Pair { ours: seconds, theirs: ideal, unit: "s", note, kept: true })
}
