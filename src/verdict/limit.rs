//! The limit where calls arrive: over every window of a lane's calls, whatever daemon sent them.

use super::evidence::{CallKind, ObservedCall, RunEvidence};
use super::promise::Finding;
use crate::domain::Lane;
use std::collections::BTreeMap;

pub(super) fn limit_kept(evidence: &RunEvidence) -> Finding {
    let mut lanes: BTreeMap<&Lane, [Vec<&ObservedCall>; 2]> = BTreeMap::new();
    for call in &evidence.calls {
        let [exports, reads] = lanes.entry(&call.lane).or_default();
        if matches!(call.kind, CallKind::Export(_)) { exports.push(call) } else { reads.push(call) }
    }
    let mut broken = Vec::new();
    for (lane, [exports, reads]) in &lanes {
        for (what, calls, limit) in
            [("exports", exports, evidence.limits.exports), ("other calls", reads, evidence.limits.reads)]
        {
            if let Some(excess) = excess(calls, limit) {
                broken.push(format!("{lane}: {excess} of {} a second and {} at once, in {what}", limit.0, limit.1));
            }
        }
    }
    let exports = lanes.values().map(|[exports, _]| exports.len() as u64).sum();
    let reads = lanes.values().map(|[_, reads]| reads.len() as u64).sum();
    Finding::of([("exports", exports), ("other calls on the wire", reads)], broken)
}

/// The first window with more calls than `burst + rate * its length`, in words. A window from the call `i` to the call `j`
/// has `j + 1 - i` calls, so with `level(n) = n - rate * at(n)` the most crowded one that ends at `j` begins where the
/// level was least.
fn excess(calls: &[&ObservedCall], (rate, burst): (f64, u32)) -> Option<String> {
    let mut least: Option<(f64, u64, usize)> = None;
    for (place, call) in calls.iter().enumerate() {
        #[expect(clippy::cast_precision_loss, reason = "both are far below 2^52")]
        let level = place as f64 - rate * (call.at_ms as f64 / 1000.0);
        let (low, from, first) = least.filter(|(low, ..)| *low <= level).unwrap_or((level, call.at_ms, place));
        least = Some((low, from, first));
        // Both ends are rounded down to a millisecond, so a window may be that much longer than it seems.
        if level + 1.0 - low > f64::from(burst) + rate * 0.001 + 1e-6 {
            let (count, span) = (place + 1 - first, call.at_ms - from);
            return Some(format!("{count} calls in {span} ms from {from} ms on, beyond the limit"));
        }
    }
    None
}
