//! `snapferry plan`: what would become of a file, before one export is spent.

use super::context::Context;
use super::enqueue::{progress_of, say_bad};
use super::exit::Exit;
use super::input::{BadRowPolicy, BadRows, Input, Message, Reading};
use super::reading::Readers;
use super::screen::notes;
use crate::domain::{AccountLabel, Existing, Lane, Region};
use crate::intake::IntakeOptions;
use crate::report::{PlanView, Price, plan_json, plan_text};
use crate::survey::{LaneReader, Plan, PlannedLane, PlannedRow, Span, plan as survey};
use anyhow::{Context as _, anyhow};
use indicatif::ProgressBar;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  snapferry plan fleet.csv
  snapferry plan fleet.csv --region eu-west-1 --skip-invalid
  snapferry plan fleet.csv --json | jq '.failing[] | {snapshot_name, near}'
  snapferry discover --newest 1 | snapferry plan -

Exit status: 0 no row would fail, 1 a lane could not be read, 2 bad input, 3 rows would fail";

/// Say what would become of a CSV, before one export is spent
///
/// Takes the file as enqueue does, reads the lanes that it names, and tells how many rows would be exported, adopted,
/// passed over or would fail, the EBS copies and GB, how long it takes, how many calls it needs, and what the stored
/// images cost a month. It only reads; nothing is exported, and neither the database nor any file is written.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct PlanArgs {
    /// The CSV; - is standard input
    #[arg(value_name = "FILE|-")]
    file: PathBuf,
    /// The account of rows that name none, as the settings call it
    #[arg(long, value_name = "ACCOUNT", value_parser = AccountLabel::parse)]
    account: Option<AccountLabel>,
    /// The Region of rows that name none [default: that of the AWS configuration]
    #[arg(long, value_name = "REGION", value_parser = Region::parse)]
    region: Option<Region>,
    /// Plan for exporting once more what has been exported before, whatever the settings say
    #[arg(long)]
    export_again: bool,
    /// Only copy this column to the report, although it looks like a Region or an account; can be repeated
    #[arg(long = "copy-column", value_name = "COLUMN")]
    copy_columns: Vec<String>,
    /// Pass over bad rows
    #[arg(long)]
    skip_invalid: bool,
    /// As JSON, with every row that would fail; its names are stable
    #[arg(long)]
    json: bool,
}

/// Plans the file.
pub(super) async fn plan(args: &PlanArgs, context: &Context) -> anyhow::Result<Exit> {
    tokio::select! {
        exit = args.run(context) => exit,
        interrupted = tokio::signal::ctrl_c() => {
            interrupted.context("Ctrl-C cannot be caught")?;
            Ok(Exit::Interrupted)
        }
    }
}

impl PlanArgs {
    async fn run(&self, context: &Context) -> anyhow::Result<Exit> {
        let (mut out, mut notes) = (std::io::stdout(), notes());
        let mut screen = context.screen(&mut out, &mut notes);
        let input = Input::new(&self.file);
        let label = input.label();
        let (rows, bad) = self.rows(context, input).await?;
        say_bad(&label, &bad.slips, &bad.told(), screen.notes)?;
        if bad.count > 0 && !self.skip_invalid {
            writeln!(
                screen.notes,
                "{label}: nothing was planned: put right what is bad, or give --skip-invalid to pass it over"
            )?;
            return Ok(Exit::Usage);
        }
        let peek = context.peek().await?;
        let lanes: BTreeSet<&Lane> = rows.iter().map(|row| &row.lane).collect();
        let readers = Readers::new(context);
        let others = others(context, &lanes, &readers);
        let planned = lanes.iter().map(|lane| {
            let settings = context.settings.for_lane(lane);
            PlannedLane {
                reader: readers.of((*lane).clone()),
                rate: settings.export.rate,
                max_in_flight: settings.export.max_in_flight,
                poll: Span { least: settings.poll.min, most: settings.poll.max },
            }
        });
        let spinner = context.progress.add(ProgressBar::new_spinner());
        spinner.set_message(format!("reading {} lane{}", lanes.len(), if lanes.len() == 1 { "" } else { "s" }));
        spinner.enable_steady_tick(Duration::from_millis(100));
        let made = survey(&rows, planned.collect(), others, peek.as_ref()).await;
        spinner.finish_and_clear();
        if let Some(peek) = peek {
            peek.close().await;
        }
        let mut plan = Plan { rejected: bad.count, ..made? };
        for lane in &mut plan.lanes {
            if let Some(unread) = lane.unread.take() {
                lane.unread = Some(context.say_way(&lane.lane, unread).await);
            }
        }
        let settings = &context.settings.plan;
        let currency = settings.currency.as_deref().unwrap_or_default();
        let price = settings.price_per_gb_month.map(|per_gb_month| Price { per_gb_month, currency });
        let view = PlanView { plan: &plan, input: &label, price };
        let text = if self.json {
            serde_json::to_string_pretty(&plan_json(view))? + "\n"
        } else {
            plan_text(view, screen.look)
        };
        screen.say(&text)?;
        Ok(match (plan.is_partial(), plan.rows().failing()) {
            (true, _) => Exit::Failed,
            (false, 0) => Exit::Done,
            (false, _) => Exit::Incomplete,
        })
    }

    /// The good rows, and what was said of the bad ones.
    async fn rows(&self, context: &Context, input: Input) -> anyhow::Result<(Vec<PlannedRow>, BadRows)> {
        let usual = context.usual_region(self.account.as_ref()).await;
        let progress = progress_of(&input);
        let reading = Reading {
            input,
            options: IntakeOptions {
                account: self.account.clone(),
                region: self.region,
                usual_region: usual,
                regions: context.settings.regions(),
                accounts: context.settings.accounts(),
                priority: 0,
                copied: self.copy_columns.clone(),
                limit: None,
            },
            policy: BadRowPolicy::Count,
            settings: context.settings.clone(),
            existing: self.export_again.then_some(Existing::ExportAgain),
            progress: progress.clone(),
        };
        let mut messages = reading.start(std::convert::identity)?;
        let mut rows = Vec::new();
        let bad = loop {
            match messages.recv().await {
                None => return Err(anyhow!("the input's reader ended before the input did; this is a bug")),
                Some(Message::End(bad)) => break bad?,
                Some(Message::Carried(_)) => {}
                Some(Message::Rows(more)) => rows.extend(more.into_iter().map(|row| PlannedRow {
                    line: row.line,
                    lane: row.lane,
                    snapshot: row.snapshot,
                    existing: row.existing,
                    priority: row.priority,
                })),
            }
        };
        progress.finish_and_clear();
        Ok((rows, bad))
    }
}

/// The other lanes of the file's accounts that the settings name: what is missing may be there.
fn others(context: &Context, lanes: &BTreeSet<&Lane>, readers: &Readers<'_>) -> Vec<LaneReader> {
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
