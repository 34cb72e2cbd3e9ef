//! A plan as JSON. docs/json.md has the members.

use crate::report::survey::plan_text::{PlanView, why};
use crate::survey::{Basis, FailingRow, FailureReason, LanePlan, Outlook, RowOutlooks, TimeRange};
use serde_json::{Map, Value, json};

/// A plan as an object, with every row that would fail.
pub fn plan_json(view: PlanView<'_>) -> Value {
    let plan = view.plan;
    let rows = plan.rows();
    let reads = plan.lanes.iter().fold((0, 0), |sum, lane| (sum.0 + lane.reads.0, sum.1 + lane.reads.1));
    let mut of_rows = counts(&rows);
    of_rows.insert("rejected".to_owned(), plan.rejected.into());
    of_rows.insert("read".to_owned(), (rows.total() + plan.rejected).into());
    json!({
        "input": view.input,
        "complete": !plan.is_partial(),
        "rows": of_rows,
        "would_fail": rows.failing(),
        "exports": rows.exports(),
        "copies": plan.copies(),
        "gb": plan.gb(),
        "of_unknown_size": plan.lanes.iter().map(|lane| lane.of_unknown_size).sum::<u64>(),
        "takes_s": seconds(plan.takes()),
        "calls": calls(rows.exports(), reads),
        "cost": view.price.map(|price| json!({
            "month": (price.of(plan.gb()) * 100.0).round() / 100.0,
            "price_per_gb_month": price.per_gb_month,
            "currency": Some(price.currency).filter(|word| !word.is_empty()),
        })),
        "lanes": plan.lanes.iter().map(lane).collect::<Vec<_>>(),
        "failing": plan.failing.iter().map(failing).collect::<Vec<_>>(),
    })
}

fn counts(rows: &RowOutlooks) -> Map<String, Value> {
    Outlook::ALL.into_iter().map(|outlook| (outlook.as_str().to_owned(), rows.of(outlook).into())).collect()
}

fn seconds(span: TimeRange) -> Value {
    json!({ "least": span.least.as_secs(), "most": span.most.as_secs() })
}

fn calls(exports: u64, (least, most): (u64, u64)) -> Value {
    json!({ "export_snapshot": exports, "reads": { "least": least, "most": most } })
}

fn lane(lane: &LanePlan) -> Value {
    let (basis, past) = match lane.basis {
        Basis::Ends(count, _) => ("ends", count),
        Basis::Lane(count) => ("lane", count),
        Basis::OtherLanes(count) => ("all_lanes", count),
        Basis::Documented => ("documented", 0),
    };
    json!({
        "account": lane.lane.account,
        "region": lane.lane.region,
        "account_number": lane.account_number,
        "stored_account_number": lane.stored_account_number,
        "rows": counts(&lane.rows),
        "exports": lane.rows.exports(),
        "copies": lane.copies,
        "gb": lane.gb,
        "of_unknown_size": lane.of_unknown_size,
        "takes_s": seconds(lane.takes),
        "each_s": seconds(lane.each),
        "rests_on": basis,
        "past_exports": past,
        "rate": lane.rate,
        "learned": lane.learned,
        "max_in_flight": lane.cap,
        "jobs_ahead": lane.jobs_ahead,
        "calls": calls(lane.rows.exports(), lane.reads),
        "error": lane.unread.as_ref().map(ToString::to_string),
    })
}

fn failing(row: &FailingRow) -> Value {
    let (near, elsewhere) = match &row.reason {
        FailureReason::Broken => (&[][..], &[][..]),
        FailureReason::Missing { near, elsewhere, .. } => (near.as_slice(), elsewhere.as_slice()),
    };
    json!({
        "line": row.line,
        "snapshot_name": row.snapshot,
        "account": row.lane.account,
        "region": row.lane.region,
        "outlook": match row.reason {
            FailureReason::Broken => Outlook::Broken.as_str(),
            FailureReason::Missing { .. } => Outlook::Missing.as_str(),
        },
        "message": why(row),
        "near": near,
        "elsewhere": elsewhere,
    })
}
