//! What the wire's structures have in common. Lightsail leaves absent members out and never sends null.

use crate::setup::config::LaneAddress;
use serde_json::{Value, json};

/// A moment in milliseconds since 1970, sent as seconds with a fraction.
#[expect(clippy::cast_precision_loss, reason = "milliseconds of this age fit an f64 for 200,000 years")]
pub(crate) fn epoch(ms: i64) -> f64 {
    ms as f64 / 1000.0
}

pub(crate) fn location(lane: &LaneAddress) -> Value {
    json!({ "availabilityZone": "all", "regionName": lane.region })
}

/// An object without those of its members that are null.
pub(crate) fn without_nulls(mut object: Value) -> Value {
    if let Some(members) = object.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    object
}
