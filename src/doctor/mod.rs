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

pub use diagnosis::{Check, CheckSubject, Diagnosis, Outcome, Section, diagnose};
pub use facts::{AccountFacts, CallerCheck, CheckedFacts, FolderFacts, LaneFacts, Read, SettingsFacts};
pub use gather::{ExaminedLane, examine, folder, identify};
pub use policy::POLICY;
