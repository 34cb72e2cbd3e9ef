//! What may keep Snapferry from working, and what to do about it. What is gathered decides nothing; what is concluded
//! from it is pure. It reads, and neither exports nor writes.

mod facts;

mod gather;

mod diagnosis;

mod of_settings;

mod of_database;

mod of_account;

mod of_lane;

mod policy;

pub use diagnosis::{Check, Diagnosis, Outcome, Section, diagnose};
pub use facts::{AccountFacts, CallerCheck, CheckedFacts, LaneFacts, Read, SettingsFacts};
pub use gather::{ExaminedLane, check_folder, examine, identify};
pub use policy::POLICY;
