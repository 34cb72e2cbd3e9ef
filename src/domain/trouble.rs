//! What can be wrong with a lane as a whole. It uses no attempt of any job.

use crate::domain::named;

named! {
    /// Why a lane sends nothing, or only probes; its name stands in SQL and in `status`.
    pub enum LaneTrouble {
        /// Its credentials are missing, expired or wrong.
        Credentials = "credentials",
        /// This machine's clock is off, so that AWS refuses its signatures.
        Clock = "clock",
        /// The Region is not enabled for the account.
        NotEnabled = "not_enabled",
        /// No connection can be made.
        Unreachable = "unreachable",
        /// The account behind the label has changed, or two labels stand for one account.
        Identity = "identity",
        /// Ambiguous responses in a row.
        Outage = "outage",
        /// Exports in a row were denied.
        Denied = "denied",
        /// Account or Region are being set up.
        Setup = "setup",
        /// Reads fail again and again. Exports continue.
        Reads = "reads",
        /// EC2 has too many snapshot copies in progress, whoever started them.
        CopyLimit = "copy_limit",
        /// A quota of the account is used up: a person has to see to it.
        Quota = "quota",
    }
}

impl LaneTrouble {
    /// Whether a reading shows that it has ended; otherwise only an export does.
    pub fn ends_with_a_reading(self) -> bool {
        matches!(self, Self::Credentials | Self::Clock | Self::NotEnabled | Self::Unreachable | Self::Identity)
    }

    /// Whether it keeps jobs from being sent.
    pub fn stops_sending(self) -> bool {
        self != Self::Reads
    }
}
