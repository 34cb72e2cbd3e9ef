//! A plan for people: the totals, the lanes, and the rows that would fail.

use crate::domain::looks_automatic;
use crate::report::layout::style::{Paint, TextStyle};
use crate::report::layout::words::{counted, grouped, one_line, several, span};
use crate::survey::{Basis, ExportPlan, FailingRow, FailureReason, LanePlan, Outlook, RowOutlooks, TimeRange};

/// How many rows are named; `--json` has all.
const NAMED: usize = 20;

/// A plan, with what is needed to show it.
#[derive(Debug, Clone, Copy)]
pub struct PlanView<'a> {
    /// The plan.
    pub plan: &'a ExportPlan,
    /// The name of the file.
    pub input: &'a str,
    /// The price of stored images; nothing if it is not set.
    pub price: Option<Price<'a>>,
}

/// The price of stored images.
#[derive(Debug, Clone, Copy)]
pub struct Price<'a> {
    /// Of a GB for a month.
    pub per_gb_month: f64,
    /// The currency to show; it may be empty.
    pub currency: &'a str,
}

impl Price<'_> {
    /// The price of so many GB for a month.
    #[expect(clippy::cast_precision_loss, reason = "a number of GB is far below 2^52")]
    pub fn of(&self, gb: u64) -> f64 {
        gb as f64 * self.per_gb_month
    }
}

/// A plan as text; it ends with a line end.
pub fn plan_text(view: PlanView<'_>, style: TextStyle) -> String {
    let plan = view.plan;
    let rows = plan.rows();
    let title = |text| style.colour.paint(Paint::Title, text);
    let mut lines = vec![sentence(&view, style), String::new(), title("TOTALS")];
    lines.extend(totals(&view, &rows).into_iter().map(|(name, text)| format!("{name:<8} {text}")));
    if !plan.lanes.is_empty() {
        lines.extend([String::new(), title("LANES")]);
        plan.lanes.iter().for_each(|one| lane(&mut lines, plan, one, style));
    }
    if !plan.failing.is_empty() {
        lines.extend([String::new(), title("WOULD FAIL")]);
        lines.extend(plan.failing.iter().take(NAMED).map(failing));
        if let Some(more) = plan.failing.len().checked_sub(NAMED).filter(|more| *more > 0) {
            lines.push(format!("and {} more (--json has all)", grouped(more as u64)));
        }
    }
    style.lay_out(lines)
}

fn sentence(view: &PlanView<'_>, style: TextStyle) -> String {
    let rows = view.plan.rows();
    let verdict = match (view.plan.is_partial(), rows.failing()) {
        (true, _) => style.colour.paint(Paint::Bad, "incomplete: a lane could not be read"),
        (false, 0) => style.colour.paint(Paint::Good, "no row would fail"),
        (false, failing) => style.colour.paint(Paint::Bad, format!("{} would fail", several(failing, "row"))),
    };
    let (all, lanes) = (rows.total() + view.plan.rejected, view.plan.lanes.len() as u64);
    format!("{}: {} in {}; {verdict}", one_line(view.input), several(all, "row"), several(lanes, "lane"))
}

fn totals(view: &PlanView<'_>, rows: &RowOutlooks) -> Vec<(&'static str, String)> {
    let plan = view.plan;
    let mut lines = vec![("rows", outlooks(rows, plan.rejected))];
    if rows.exports() == 0 {
        let why = match plan.lanes.iter().filter(|lane| lane.unread.is_some()).count() {
            0 => "none: there is nothing to send",
            unread if unread == plan.lanes.len() => "unknown: no lane could be read",
            _ => "unknown: none in the lanes that could be read",
        };
        lines.push(("exports", why.to_owned()));
        return lines;
    }
    let exports = rows.exports();
    lines.push(("exports", format!("{}, {} in all", several(exports, "snapshot"), copies(plan.copies()))));
    lines.push(("stored", stored(plan.gb(), plan.lanes.iter().map(|lane| lane.of_unknown_size).sum())));
    lines.push(("costs", costs(view)));
    lines.push(("takes", range(plan.takes())));
    let slowest = plan.lanes.iter().filter(|lane| lane.rows.exports() > 0).max_by_key(|lane| lane.takes.most);
    lines.extend(slowest.map(|lane| ("", basis(lane))));
    let (least, most) = plan.lanes.iter().fold((0, 0), |sum, lane| (sum.0 + lane.reads.0, sum.1 + lane.reads.1));
    lines.push((
        "calls",
        format!("{} ExportSnapshot, about {} to {} reads", grouped(exports), grouped(least), grouped(most)),
    ));
    lines
}

fn copies(copies: u64) -> String {
    format!("{} EBS {}", grouped(copies), if copies == 1 { "copy" } else { "copies" })
}

fn stored(gb: u64, unknown: u64) -> String {
    let unknown = match unknown {
        0 => String::new(),
        unknown => format!(", and {} of unknown size", several(unknown, "snapshot")),
    };
    format!("{} GB at most: the full size of every disk{unknown}", grouped(gb))
}

fn costs(view: &PlanView<'_>) -> String {
    match &view.price {
        Some(price) => {
            let sum = format!("{} {}", money(price.of(view.plan.gb())), price.currency);
            format!("{} a month at most, at {} a GB (plan.price_per_gb_month)", sum.trim_end(), price.per_gb_month)
        }
        None => "unknown: set plan.price_per_gb_month to what a GB costs a month".to_owned(),
    }
}

/// A sum with two decimals and grouped thousands.
fn money(sum: f64) -> String {
    let text = format!("{sum:.2}");
    let (whole, cents) = text.split_once('.').unwrap_or((&text, "00"));
    format!("{}.{cents}", whole.parse().map_or_else(|_| whole.to_owned(), grouped))
}

fn range(takes: TimeRange) -> String {
    format!("{} to {}", span(takes.least), span(takes.most))
}

/// What the range of a lane rests on.
fn basis(lane: &LanePlan) -> String {
    let each = range(lane.each);
    match lane.basis {
        Basis::Ends(count, within) => {
            format!("by {} of {} that ended in the last {}", several(count as u64, "export"), lane.lane, span(within))
        }
        Basis::Lane(count) => format!("each {each}, as {} of {} took", several(count as u64, "past export"), lane.lane),
        Basis::OtherLanes(count) => {
            format!("each {each}, as {} of all lanes took", several(count as u64, "past export"))
        }
        Basis::Documented => format!("each {each}, as documented: the database has no past exports"),
    }
}

/// The rows by outlook.
fn outlooks(rows: &RowOutlooks, rejected: u64) -> String {
    let parts = Outlook::ALL.into_iter().map(|outlook| (rows.of(outlook), words(outlook)));
    counted(parts.chain([(rejected, "rejected")]))
}

fn words(outlook: Outlook) -> &'static str {
    match outlook {
        Outlook::Ready => "to export",
        Outlook::Pending => "to export once no longer pending",
        Outlook::Exported => "exported already (adopted)",
        Outlook::UnderWay => "under way already (adopted)",
        Outlook::Live => "live in the queue already",
        Outlook::Repeated => "repeated",
        Outlook::Broken => "in state error",
        Outlook::Missing => "missing",
        Outlook::Unread => "unknown",
    }
}

/// The lane before this one that is the same account in the same Region under another label.
fn same_account<'a>(plan: &'a ExportPlan, lane: &LanePlan) -> Option<&'a LanePlan> {
    let before = plan.lanes.iter().take_while(|other| other.lane != lane.lane);
    let number = lane.account_number.as_ref()?;
    let same = |other: &&LanePlan| other.lane.region == lane.lane.region;
    before.filter(same).find(|other| other.account_number.as_ref() == Some(number))
}

fn lane(lines: &mut Vec<String>, plan: &ExportPlan, lane: &LanePlan, style: TextStyle) {
    lines.push(format!("{}  {}", lane.lane, outlooks(&lane.rows, 0)));
    if let Some((other, number)) = same_account(plan, lane).zip(lane.account_number.as_ref()) {
        lines.push(format!(
            "  {}: this is the AWS account of {} ({number}) under another label, and would be blocked; use one label",
            style.colour.paint(Paint::Care, "note"),
            other.lane
        ));
    }
    if let (Some(seen), Some(stored)) = (&lane.account_number, &lane.stored_account_number)
        && seen != stored
    {
        lines.push(format!(
            "  {}: these credentials are for account {seen}, but the database has {stored} for this label, and the lane \
             would be blocked; correct the credentials, or use another label",
            style.colour.paint(Paint::Care, "note")
        ));
    }
    if let Some(unread) = &lane.unread {
        let why = one_line(&unread.to_string()).into_owned();
        lines.push(format!("  {}: {why}", style.colour.paint(Paint::Bad, "could not be read")));
        return;
    }
    if lane.rows.exports() == 0 {
        return;
    }
    lines.push(format!("  {}, {} GB, {}", copies(lane.copies), grouped(lane.gb), range(lane.takes)));
    let from = if lane.learned { "as learned" } else { "by the settings" };
    let ahead = match lane.jobs_ahead {
        0 => String::new(),
        jobs => format!(", behind {}", several(jobs, "live job")),
    };
    let rate = (lane.rate * 100.0).round() / 100.0;
    lines.push(format!("  {rate} exports a second {from}, {} in flight{ahead}", copies(u64::from(lane.cap))));
}

fn failing(row: &FailingRow) -> String {
    format!("line {}: {} in {}: {}", row.line, row.snapshot, row.lane, why(row))
}

/// Why a row would fail, with the way out.
pub(in crate::report) fn why(row: &FailingRow) -> String {
    let automatic = " (automatic snapshots must be copied first)";
    match &row.reason {
        FailureReason::Broken => "it is in state error; create a new snapshot".to_owned(),
        FailureReason::Missing { elsewhere, .. } if !elsewhere.is_empty() => {
            let lanes: Vec<String> = elsewhere.iter().map(ToString::to_string).collect();
            format!("missing; there is one in {}", lanes.join(", "))
        }
        FailureReason::Missing { empty_lane: true, .. } => {
            format!("missing; this account has no snapshot in this Region{automatic}")
        }
        FailureReason::Missing { near, .. } if near.is_empty() => format!("missing{automatic}"),
        FailureReason::Missing { near, .. } => {
            let hint = if looks_automatic(row.snapshot.as_str()) { automatic } else { "" };
            format!(
                "missing; did you mean {}?{hint}",
                near.iter().map(|it| one_line(it)).collect::<Vec<_>>().join(" or ")
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_has_two_digits_and_groups() {
        let texts = [0.0, 0.005, 0.5, 1234.5, 1_234_567.891].map(money);
        assert_eq!(texts, ["0.00", "0.01", "0.50", "1,234.50", "1,234,567.89"].map(str::to_owned));
    }
}
