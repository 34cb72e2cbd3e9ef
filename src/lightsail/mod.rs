//! Lightsail in our words: one trait, its client over the AWS SDK, what its errors mean, and the limits around every
//! call. Nothing here retries on its own, and nothing here knows the queue.

mod adaptive_rate;
mod advice;
mod api;
mod aws;
mod call_error;
mod classify;
mod limited;
mod limiter;
mod pages;
mod region_slots;

pub use advice::{EXPORT_ACTION, READ_ACTIONS, named_actions};
pub use api::{Accepted, ExportRecord, Lightsail, Operation, Page, PageToken, Snapshot, SnapshotKind, SnapshotState};
pub use aws::{
    AccountAccess, AwsLightsail, CallerIdentity, CredentialSource, EndpointReply, Endpoints, NotReached, RawAnswer,
    SharedHttp, caller_identity, check_endpoint, endpoints, usual_region,
};
pub use call_error::{CallError, ErrorClass, codes};
pub use classify::{failed_operation, is_throttle};
pub use limited::Limited;
pub use limiter::{Permit, RateLimiter};
pub use pages::{Pages, ReadingError};
pub use region_slots::{CallSlots, RegionSlots};
