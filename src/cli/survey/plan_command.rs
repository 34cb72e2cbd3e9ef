//! `snapferry plan`: what a file would do and cost, without exporting anything.

use crate::cli::context::Context;
use crate::cli::exit::{Exit, or_interrupted};
use crate::cli::survey::lane_readers::LaneReaders;
use crate::cli::terminal::screen::{notes, spinner};
use crate::cli::work::enqueue::RowArgs;
use crate::cli::work::input::{BadRowPolicy, BadRows, CsvSource, Message};
use crate::domain::{AccountLabel, Lane};
use crate::report::{PlanView, Price, plan_json, plan_text, several};
use crate::survey::{ExportPlan, LaneReader, PlannedRow, plan as survey};
use anyhow::anyhow;
use std::collections::BTreeSet;

const EXAMPLES: &str = "\
Examples:
  snapferry plan fleet.csv
  snapferry plan fleet.csv --region eu-west-1 --skip-invalid
  snapferry plan fleet.csv --json | jq '.failing[] | {snapshot_name, near}'
  snapferry discover --newest 1 | snapferry plan -

Exit status: 0 no row would fail, 1 a lane could not be read, 2 bad input, 3 rows would fail";

/// Preview what a CSV file would do and cost, without exporting anything
///
/// Reads the file as enqueue does, and the lanes that it names. Shows how many rows would be exported, adopted, skipped
/// or would fail, the EBS copies and GB, the duration, the number of calls, and the monthly cost of the stored images.
/// It only reads: nothing is exported, and neither the database nor any file is changed.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    rows: RowArgs,
    /// Skip bad rows
    #[arg(long)]
    skip_invalid: bool,
    /// JSON output with every row that would fail; names are stable
    #[arg(long)]
    json: bool,
}

/// Plans the file.
pub(crate) async fn plan(args: &PlanArgs, context: &Context) -> anyhow::Result<Exit> {
    or_interrupted(Box::pin(args.run(context))).await
}

impl PlanArgs {
    async fn run(&self, context: &Context) -> anyhow::Result<Exit> {
        let (mut out, mut notes) = (std::io::stdout(), notes());
        let mut screen = context.screen(&mut out, &mut notes);
        let label = CsvSource::new(&self.rows.file).label();
        let (rows, bad) = self.read(context).await?;
        bad.write(&label, screen.notes)?;
        if bad.count > 0 && !self.skip_invalid {
            writeln!(
                screen.notes,
                "{label}: nothing was planned. Correct the file, or add --skip-invalid to skip the bad rows"
            )?;
            return Ok(Exit::Usage);
        }
        let peek = context.peek().await?;
        let lanes: BTreeSet<&Lane> = rows.iter().map(|row| &row.lane).collect();
        let readers = LaneReaders::new(context);
        let others = others(context, &lanes, &readers);
        let planned = lanes.iter().map(|lane| readers.of((*lane).clone()));
        let spinner = spinner(&context.progress, format!("reading {}", several(lanes.len() as u64, "lane")));
        let made = survey(&rows, planned.collect(), others, peek.as_ref()).await;
        spinner.finish_and_clear();
        let mut plan = ExportPlan { rejected: bad.count, ..made? };
        for lane in &mut plan.lanes {
            if let Some(unread) = lane.unread.take() {
                lane.unread = Some(context.say_way(&lane.lane, unread).await);
            }
        }
        let settings = &context.settings.plan;
        let currency = settings.currency.as_deref().unwrap_or_default();
        let price = settings.price_per_gb_month.map(|per_gb_month| Price { per_gb_month, currency });
        let view = PlanView { plan: &plan, input: &label, price };
        if self.json {
            screen.say_json(&plan_json(view))?;
        } else {
            screen.say(&plan_text(view, screen.style))?;
        }
        Ok(match (plan.is_partial(), plan.rows().failing()) {
            (true, _) => Exit::Failed,
            (false, 0) => Exit::Done,
            (false, _) => Exit::Incomplete,
        })
    }

    /// The good rows, and the bad ones.
    async fn read(&self, context: &Context) -> anyhow::Result<(Vec<PlannedRow>, BadRows)> {
        let options = self.rows.options(&context.settings, context.usual_region(self.rows.account.as_ref()).await);
        let reading = self.rows.reading(options, BadRowPolicy::Count, &context.settings);
        let mut messages = reading.start(std::convert::identity)?;
        let mut rows = Vec::new();
        while let Some(message) = messages.recv().await {
            match message {
                Message::Carried(_) => {}
                Message::Rows(more) => rows.extend(more.into_iter().map(|row| PlannedRow {
                    line: row.line,
                    lane: row.lane,
                    snapshot: row.snapshot,
                    existing: row.existing,
                    priority: row.priority,
                })),
                Message::End(bad) => return Ok((rows, bad?)),
            }
        }
        Err(anyhow!("the reader ended before its input; this is a bug"))
    }
}

/// The other lanes of these accounts in the settings: a missing snapshot may be there.
fn others(context: &Context, lanes: &BTreeSet<&Lane>, readers: &LaneReaders<'_>) -> Vec<LaneReader> {
    let accounts: BTreeSet<&AccountLabel> = lanes.iter().map(|lane| &lane.account).collect();
    let mut others = Vec::new();
    for account in accounts {
        let regions = context.settings.account(account).map(|it| it.regions.as_slice()).unwrap_or_default();
        for region in regions.iter().copied().collect::<BTreeSet<_>>() {
            let lane = Lane { account: account.clone(), region };
            if !lanes.contains(&lane) {
                others.push(readers.of(lane));
            }
        }
    }
    others
}
