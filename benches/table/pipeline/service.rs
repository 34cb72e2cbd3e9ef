//! The simulator as the service that a daemon of another process calls.

use lightsail_simulator::{Call, Fleet, Handle, Ledger, Limits, RateLimit, Simulator, SimulatorConfig, SystemClock};
use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// Calls of `ExportSnapshot` that the service takes at once.
pub(crate) const BURST: u32 = 10;

/// A simulator with threads of its own.
pub(crate) struct Service {
    handle: Handle,
    // Ends after the handle.
    _runtime: Runtime,
}

impl Service {
    /// A service with `fleet` snapshots that takes `rate` exports a second, and reads without a limit.
    pub(crate) fn start(fleet: usize, rate: f64, seed: u64) -> Result<Self, Box<dyn Error>> {
        Self::of(SimulatorConfig {
            seed,
            fleet: Fleet::Generated { size: fleet, lanes: Vec::new() },
            limits: limits(rate)?,
            ..SimulatorConfig::default()
        })
    }

    /// A service as configured.
    pub(crate) fn of(config: SimulatorConfig) -> Result<Self, Box<dyn Error>> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let handle = runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            Simulator::start(config, listener, Arc::new(SystemClock::new()))
        })?;
        Ok(Self { handle, _runtime: runtime })
    }

    /// Its URL.
    pub(crate) fn endpoint(&self) -> String {
        self.handle.endpoint()
    }

    /// Takes another number of exports a second from now on.
    pub(crate) fn take(&self, rate: f64) -> Result<(), Box<dyn Error>> {
        self.handle.set_limits(limits(rate)?);
        Ok(())
    }

    /// Every call so far.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.handle.calls()
    }

    /// How long each export took, in seconds, in the order in which they were started, without the first `skipped` calls.
    pub(crate) fn durations(&self, skipped: usize) -> Result<Vec<f64>, Box<dyn Error>> {
        let ledger = self.ledger();
        let ends: HashMap<&str, u64> = ledger
            .lanes
            .values()
            .flat_map(|lane| &lane.snapshots)
            .filter_map(|(name, snapshot)| Some((name.as_str(), *snapshot.ends_ms.first()?)))
            .collect();
        let duration = |call: &Call| {
            let end = call.name.as_deref().and_then(|name| ends.get(name)).ok_or("an export without an end")?;
            Ok(Duration::from_millis(end.saturating_sub(call.at_ms)).as_secs_f64())
        };
        self.calls().iter().skip(skipped).filter(|call| call.effect).map(duration).collect()
    }

    /// What it has exported.
    pub(crate) fn ledger(&self) -> Ledger {
        self.handle.ledger()
    }
}

fn limits(rate: f64) -> Result<Limits, Box<dyn Error>> {
    Ok(Limits { export: Some(RateLimit::new(rate, BURST)?), read: None })
}
