//! A Lightsail of our own: the same wire, ledger, quotas and faults, for rehearsals and tests. No other room of the
//! pipeline knows of it; it knows of none of them beyond the words of the domain and the clock.
//!
//! Whose account a call belongs to is read from the access key: `AKIASIM<12 digits>` (or `ASIASIM<12 digits>`) names
//! the account, any other key stands for the default one. The Region comes from the credential scope. Secrets and
//! signatures are not checked.

mod bucket;
mod calls;
mod chance;
mod change;
mod config;
mod control;
mod engine;
mod errors;
mod export;
mod faults;
mod faults_text;
mod fleet;
mod lane;
mod ledger;
mod paging;
mod reads;
mod server;
mod shapes;
mod snapshot;
mod wire;
mod world;

pub use bucket::{BadRate, RateLimit};
pub use calls::Call;
pub use chance::{BadProbability, Probability};
pub use change::{ByHand, ChangeError, SnapshotChange};
pub use config::{
    BadSpread, CopyCap, ExportAnswer, LaneAddress, Limits, ListOrder, SimulatorConfig, Spread, SuccessWord,
    Unexportable,
};
pub use errors::ErrorAnswer;
pub use faults::{AppliesTo, Effect, Fault, FaultRule, Faults, FaultyAnswer, OperationFailure};
pub use faults_text::{FAULT_NAMES, UnknownFault};
pub use fleet::{BadFleet, Fleet, FleetEntry, SnapshotKind, SnapshotState};
pub use ledger::{LaneLedger, Ledger, SnapshotLedger};
pub use server::{Handle, Simulator};
