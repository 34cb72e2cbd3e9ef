//! A stand-in for Amazon Lightsail's snapshots and exports, on the service's own wire: lists with pages and late entries, export
//! snapshot records and operations, rate limits and EC2's copy limit, and faults to order. Any AWS client can use it.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use lightsail_simulator::{Fleet, Simulator, SimulatorConfig, SystemClock};
//!
//! let config = SimulatorConfig { fleet: Fleet::Generated { size: 500, lanes: Vec::new() }, ..SimulatorConfig::default() };
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! let simulator = Simulator::start(config, listener, std::sync::Arc::new(SystemClock::new()))?;
//! println!("AWS_ENDPOINT_URL_LIGHTSAIL={}", simulator.endpoint());
//! # Ok(())
//! # }
//! ```
//!
//! The access key names the account: `AKIASIM<12 digits>` or `ASIASIM<12 digits>`; any other key stands for the default account.
//! The credential scope names the Region. Secrets and signatures are not checked.

mod api;
mod clock;
mod http;
mod setup;
mod state;

pub use api::errors::ErrorAnswer;
pub use clock::{Clock, SharedClock, SystemClock};
pub use http::server::{Handle, Simulator};
pub use setup::chance::{BadProbability, Probability};
pub use setup::config::{
    BadSpread, CopyCap, ExportAnswer, LaneAddress, Limits, ListOrder, SimulatorConfig, Spread, SuccessWord,
    Unexportable,
};
pub use setup::faults::{AppliesTo, Effect, Fault, FaultRule, Faults, FaultyAnswer, OperationFailure};
pub use setup::faults_text::{FAULT_NAMES, UnknownFault};
pub use setup::fleet::{BadFleet, Fleet, FleetEntry, SourceKind, StartState};
pub use setup::rate_limit::{BadRate, RateLimit};
pub use state::calls::Call;
pub use state::change::{ByHand, ChangeError, SnapshotChange};
pub use state::ledger::{LaneLedger, Ledger, SnapshotLedger};
