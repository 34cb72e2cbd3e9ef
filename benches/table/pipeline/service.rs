//! The simulator as the service that a daemon of another process calls.

use lightsail_simulator::{Call, Fleet, Handle, Ledger, Limits, RateLimit, Simulator, SimulatorConfig, SystemClock};
use std::error::Error;
use std::sync::Arc;
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
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let config = SimulatorConfig {
            seed,
            fleet: Fleet::Generated { size: fleet, lanes: Vec::new() },
            limits: limits(rate)?,
            ..SimulatorConfig::default()
        };
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

    /// What it has exported.
    pub(crate) fn ledger(&self) -> Ledger {
        self.handle.ledger()
    }
}

fn limits(rate: f64) -> Result<Limits, Box<dyn Error>> {
    Ok(Limits { export: Some(RateLimit::new(rate, BURST)?), read: None })
}
