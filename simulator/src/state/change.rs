//! What can be changed from outside while the simulator runs, as somebody in the console would.

use crate::setup::fleet::FleetEntry;
use serde::{Deserialize, Serialize};

/// An export begun by hand.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ByHand {
    /// The account's 12 digits; the default account where nothing is said.
    #[serde(default)]
    pub account: Option<String>,
    /// The Region's code.
    pub region: String,
    /// The snapshot's name.
    pub name: String,
}

/// A change to a lane's snapshots. An entry without an account means the default one; its Region must be given.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "lowercase")]
pub enum SnapshotChange {
    /// A new snapshot.
    Add(FleetEntry),
    /// The one of this name is deleted, and another made under its name: with another ARN.
    Replace(FleetEntry),
    /// The one of this name is deleted; its records stay.
    Delete {
        /// The account's 12 digits; the default account where nothing is said.
        #[serde(default)]
        account: Option<String>,
        /// The Region's code.
        region: String,
        /// The snapshot's name.
        name: String,
    },
}

/// Why a change was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// No Region was named.
    #[error("the region is missing")]
    NoRegion,
    /// There is none of this name.
    #[error("there is no snapshot {0:?}")]
    Missing(String),
    /// There is one of this name already.
    #[error("there is a snapshot {0:?} already")]
    Taken(String),
    /// Lightsail would refuse the export, with this message.
    #[error("the export is refused: {0}")]
    Refused(String),
}
