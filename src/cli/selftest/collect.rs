//! The evidence: what the simulator and the database hold, in the types of the verdict.

use super::round::Round;
use crate::domain::{AccountLabel, BatchId, JobId, JobState, Lane, Region, SnapshotName};
use crate::queue::{JobDetail, JobView, Selector};
use crate::verdict::{
    CallKind, LaneSnapshot, Life, Made, Mark, ObservedCall, ReportedBatch, ReportedRow, RunEvidence, Sent,
};
use anyhow::Context as _;
use std::collections::{BTreeMap, BTreeSet};

/// More jobs or rows than a round has.
const ALL: u32 = 1_000_000;

impl Round {
    /// What is on disk after a daemon has ended.
    pub(super) async fn census(&self, from: usize, crashed: bool) -> anyhow::Result<Life> {
        let calls = self.simulator.calls();
        let of_life: BTreeSet<LaneSnapshot> = calls.iter().skip(from).filter_map(exported).collect();
        let mut arrived: BTreeMap<LaneSnapshot, u64> = BTreeMap::new();
        for subject in calls.iter().filter_map(exported).filter(|subject| of_life.contains(subject)) {
            *arrived.entry(subject).or_default() += 1;
        }
        let jobs = self.jobs().await?;
        let mut life = Life { crashed, calls: from..calls.len(), ..Life::default() };
        let mut intents: BTreeMap<LaneSnapshot, u64> = BTreeMap::new();
        for job in &jobs {
            let subject = LaneSnapshot { lane: job.lane.clone(), name: job.snapshot_name.clone() };
            if job.state == JobState::Submitting {
                life.submitting.push((job.id, job.attempts));
            }
            if of_life.contains(&subject) {
                let job = self.detail(job.id).await?;
                let last = job.transitions.last().map(|one| (one.step, one.event.clone()));
                let (attempts, transitions) = (job.attempts.len(), job.transitions.len());
                life.marks.push(Mark { job: job.job.id, attempts, transitions, last });
                *intents.entry(subject.clone()).or_default() += attempts as u64;
            }
            if job.state.is_live() {
                life.live.push(subject);
            }
        }
        life.sent = arrived
            .into_iter()
            .map(|(subject, calls)| Sent { calls, intents: intents.get(&subject).copied().unwrap_or(0), subject })
            .collect();
        Ok(life)
    }

    /// Everything, at the end of a round.
    pub(super) async fn gather(&self) -> anyhow::Result<RunEvidence> {
        let mut evidence = RunEvidence { lives: self.lives.clone(), ..RunEvidence::default() };
        evidence.calls = self.simulator.calls().iter().map(call).collect::<anyhow::Result<_>>()?;
        for lane in self.simulator.ledger().lanes.values() {
            let address = lane_of(&lane.region)?;
            for (name, one) in &lane.snapshots {
                let name = SnapshotName::parse(name).context("a name in the simulator's ledger")?;
                let made = Made {
                    exports: one.exports as u64,
                    failures: one.failures as u64,
                    destinations: one.destination_ids.iter().cloned().collect(),
                };
                evidence.made.insert(LaneSnapshot { lane: address.clone(), name }, made);
            }
        }
        for job in self.jobs().await? {
            evidence.jobs.push(self.detail(job.id).await?);
        }
        for loaded in &self.loaded {
            let mut batch =
                ReportedBatch { name: loaded.name.to_string(), file: loaded.file.clone(), ..ReportedBatch::default() };
            if let Some(view) = self.queue.batch(&loaded.name).await? {
                let rows = view.rows;
                batch.read = Some(rows.read);
                batch.sorted = rows.new + rows.live + rows.repeated + rows.rejected;
                batch.report = self.report(view.id).await?;
            }
            evidence.batches.push(batch);
        }
        Ok(evidence)
    }

    async fn report(&self, batch: BatchId) -> anyhow::Result<Vec<ReportedRow>> {
        let selector = Selector { batch: Some(batch), ..Selector::default() };
        let rows = self.queue.report_page(&selector, None, ALL).await?;
        let reported = rows.into_iter().map(|row| ReportedRow {
            subject: LaneSnapshot { lane: row.job.lane, name: row.job.snapshot_name },
            destination: row.job.destination_id,
        });
        Ok(reported.collect())
    }

    async fn jobs(&self) -> anyhow::Result<Vec<JobView>> {
        Ok(self.queue.jobs_page(&Selector::default(), None, ALL).await?)
    }

    async fn detail(&self, id: JobId) -> anyhow::Result<JobDetail> {
        self.queue.job(id).await?.with_context(|| format!("job {id} is missing"))
    }
}

fn lane_of(region: &str) -> anyhow::Result<Lane> {
    let region = Region::parse(region).context("a Region in the simulator's log")?;
    Ok(Lane { account: AccountLabel::unnamed(), region })
}

/// The snapshot of an `ExportSnapshot` call.
fn exported(call: &lightsail_simulator::Call) -> Option<LaneSnapshot> {
    let name = call.name.as_ref().filter(|_| call.operation == "ExportSnapshot")?;
    Some(LaneSnapshot { lane: lane_of(&call.region).ok()?, name: SnapshotName::parse(name).ok()? })
}

fn call(call: &lightsail_simulator::Call) -> anyhow::Result<ObservedCall> {
    let kind = match (exported(call), call.operation.as_str()) {
        (Some(subject), _) => CallKind::Export(subject.name),
        (None, list) if CallKind::LISTS.contains(&list) => CallKind::List(list.to_owned()),
        (None, _) => CallKind::Other,
    };
    Ok(ObservedCall {
        lane: lane_of(&call.region)?,
        kind,
        at_ms: call.at_ms,
        answer: call.answer.clone(),
        effect: call.effect,
        request_id: call.request_id.clone(),
    })
}
