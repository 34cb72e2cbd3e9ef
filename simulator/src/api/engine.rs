//! From a call to its answer: limit, fault, effect, answer, in this order.

use crate::api::errors::ErrorAnswer;
use crate::api::reads::{CallInput, ListReader, required};
use crate::setup::config::{ExportAnswer, LaneAddress};
use crate::setup::faults::{CallContext, Effect, FaultyAnswer};
use crate::state::calls::Call;
use crate::state::export::Now;
use crate::state::lane_state::Beginning;
use crate::state::world::World;
use bytes::Bytes;
use std::time::Duration;

const EXPORT: &str = "ExportSnapshot";
const READS: [&str; 8] = [
    "GetOperation",
    "GetOperations",
    "GetOperationsForResource",
    "GetExportSnapshotRecords",
    "GetInstanceSnapshots",
    "GetInstanceSnapshot",
    "GetDiskSnapshots",
    "GetDiskSnapshot",
];

/// A call as it arrived, with its lane, or why it has none.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) operation: String,
    pub(crate) address: Result<LaneAddress, ErrorAnswer>,
    pub(crate) body: Bytes,
}

/// What goes back, and when.
#[derive(Debug)]
pub(crate) struct CallReply {
    pub(crate) reply: Reply,
    pub(crate) delay: Duration,
    pub(crate) request_id: String,
}

/// What goes back.
#[derive(Debug)]
pub(crate) enum Reply {
    Json(String),
    Error(ErrorAnswer),
    Html(u16),
    /// Half of this, as far as Content-Length knows all of it.
    Truncated(String),
    Closed,
}

/// What a call came to, for the log too.
struct Served {
    reply: Reply,
    answer: String,
    delay: Duration,
    effect: bool,
}

impl Served {
    fn plain(result: Result<String, ErrorAnswer>, effect: bool) -> Self {
        let (answer, reply) = match result {
            Ok(json) => ("ok".to_owned(), Reply::Json(json)),
            Err(error) => (error.kind.clone(), Reply::Error(error)),
        };
        Self { reply, answer, delay: Duration::ZERO, effect }
    }
}

impl World {
    /// Does what a call asks for, notes it, and says what goes back.
    pub(crate) fn serve(&mut self, incoming: Incoming, now: Now) -> CallReply {
        let input = parse(&incoming.body);
        let name = input.as_ref().ok().and_then(subject).map(str::to_owned);
        let served = match (&incoming.address, input) {
            (Err(error), _) => Served::plain(Err(error.clone()), false),
            _ if incoming.operation != EXPORT && !READS.contains(&incoming.operation.as_str()) => {
                Served::plain(Err(ErrorAnswer::unknown_operation()), false)
            }
            (Ok(_), Err(error)) => Served::plain(Err(error), false),
            (Ok(address), Ok(input)) => self.answer(address, &incoming.operation, (&input, name.as_deref()), now),
        };
        let request_id = format!("00000000-0000-4000-8000-{:012x}", self.calls.len());
        let (account, region) = incoming.address.map(|lane| (lane.account, lane.region)).unwrap_or_default();
        self.calls.push(Call {
            at_ms: u64::try_from(now.elapsed.as_millis()).unwrap_or(u64::MAX),
            account,
            region,
            operation: incoming.operation,
            name,
            answer: served.answer,
            effect: served.effect,
            request_id: request_id.clone(),
        });
        CallReply { reply: served.reply, delay: served.delay, request_id }
    }

    fn answer(
        &mut self,
        address: &LaneAddress,
        operation: &str,
        (input, name): (&CallInput, Option<&str>),
        now: Now,
    ) -> Served {
        let (lane, config) = self.lane(address, now);
        lane.keep_others(config, now);
        let allowed = if operation == EXPORT {
            lane.export_limit.take(config.limits.export, now.elapsed)
        } else {
            lane.read_limit.take(config.limits.read, now.elapsed)
        };
        if !allowed {
            return Served::plain(Err(ErrorAnswer::named("ThrottlingException")), false);
        }
        let nth = lane.count(operation, name);
        let met = CallContext { address, operation, name, at: now.elapsed, nth };
        let fault = config.faults.decide(config.seed, &met);
        let mut served = match fault.effect {
            Effect::Withheld => Served::plain(Ok("{}".to_owned()), false),
            Effect::Happens | Effect::Twice if operation == EXPORT => {
                let beginning = Beginning { failure: fault.operation_failure, takes: fault.takes, by_hand: false };
                let begun = required(input, "sourceSnapshotName")
                    .and_then(|name| lane.export(config, name, beginning, now))
                    .inspect(|_| {
                        if let (Effect::Twice, Some(name)) = (fault.effect, name) {
                            // A refusal would be shown in the console only.
                            let _ = lane.export(config, name, Beginning::by_hand(), now);
                        }
                    })
                    .map(|place| lane.exports.get(place).map(|e| e.operations.as_slice()).unwrap_or_default());
                let reader = ListReader { lane, config, now: now.elapsed };
                let effect = begun.is_ok();
                let begun = begun.map(|operations| match config.export_answer {
                    ExportAnswer::None => "{}".to_owned(),
                    ExportAnswer::One | ExportAnswer::Pair => reader.begun(operations),
                });
                Served::plain(begun, effect)
            }
            Effect::Happens | Effect::Twice => {
                Served::plain(ListReader { lane, config, now: now.elapsed }.answer(operation, input), false)
            }
        };
        served.delay = fault.delay;
        served.spoil(fault.answer);
        served
    }
}

impl Served {
    /// Puts what a fault answers in the place of the answer as it should be.
    fn spoil(&mut self, fault: FaultyAnswer) {
        let intact = match &self.reply {
            Reply::Json(json) => json.clone(),
            Reply::Error(error) => error.body(),
            Reply::Html(_) | Reply::Truncated(_) | Reply::Closed => String::new(),
        };
        let half = intact.get(..intact.len() / 2).unwrap_or("{").to_owned();
        let (answer, reply) = match fault {
            FaultyAnswer::Intact => return,
            FaultyAnswer::Error(error) => (error.kind.clone(), Reply::Error(error)),
            FaultyAnswer::Closed => ("closed".to_owned(), Reply::Closed),
            FaultyAnswer::Truncated => ("truncated".to_owned(), Reply::Truncated(intact)),
            FaultyAnswer::Garbled => ("garbled".to_owned(), Reply::Json(half)),
            FaultyAnswer::Html(status) => (format!("html-{status}"), Reply::Html(status)),
        };
        (self.answer, self.reply) = (answer, reply);
    }
}

fn parse(body: &[u8]) -> Result<CallInput, ErrorAnswer> {
    serde_json::from_slice(body).map_err(|error| ErrorAnswer::serialization(format!("not a JSON object: {error}")))
}

/// What the call names, whatever its member is called.
fn subject(input: &CallInput) -> Option<&str> {
    ["sourceSnapshotName", "resourceName", "operationId", "instanceSnapshotName", "diskSnapshotName"]
        .iter()
        .find_map(|key| input.get(*key)?.as_str())
}
