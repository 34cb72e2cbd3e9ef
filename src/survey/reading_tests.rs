use super::*;
use crate::clock::{Clock as _, ManualClock};
use crate::domain::{AccountLabel, OperationId, Region, SnapshotName, Timestamp};
use crate::lightsail::{Accepted, ExportRecord, Operation, Page, PageToken};
use async_trait::async_trait;
use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

type Answer = Result<Page<Snapshot>, CallError>;

/// A Lightsail whose list of instance snapshots is a script; the other lists are empty.
struct Scripted {
    answers: Mutex<VecDeque<Answer>>,
    asked: Mutex<Vec<Option<PageToken>>>,
}

#[async_trait]
impl Lightsail for Scripted {
    async fn export_snapshot(&self, _: &SnapshotName) -> Result<Accepted, CallError> {
        panic!("a survey never exports")
    }

    async fn get_operation(&self, _: &OperationId) -> Result<Option<Operation>, CallError> {
        panic!("not asked for")
    }

    async fn operations(&self, _: Option<&SnapshotName>, _: Option<PageToken>) -> Result<Page<Operation>, CallError> {
        panic!("not asked for")
    }

    async fn export_records(&self, _: Option<PageToken>) -> Result<Page<ExportRecord>, CallError> {
        Ok(Page::empty())
    }

    async fn snapshots(&self, kind: SnapshotKind, token: Option<PageToken>) -> Result<Page<Snapshot>, CallError> {
        if kind == SnapshotKind::Disk {
            return Ok(Page::empty());
        }
        self.asked.lock().expect("a list").push(token);
        self.answers.lock().expect("a script").pop_front().expect("an answer")
    }

    async fn snapshot(&self, _: &SnapshotName, _: SnapshotKind) -> Result<Option<Snapshot>, CallError> {
        panic!("not asked for")
    }
}

fn failed(class: ErrorClass) -> Answer {
    Err(CallError::new(class, "Code", "words"))
}

#[expect(clippy::unnecessary_wraps, reason = "an answer beside those that failed")]
fn page(next: Option<&str>) -> Answer {
    Ok(Page { items: Vec::new(), next: next.map(PageToken::new) })
}

/// Reads by the script with three tries of a page; the pages of snapshots, or why not, and the tokens asked for.
fn read(answers: impl IntoIterator<Item = Answer>) -> (Result<u32, Unread>, Vec<Option<PageToken>>) {
    let api = Arc::new(Scripted { answers: Mutex::new(answers.into_iter().collect()), asked: Mutex::default() });
    let clock = Arc::new(ManualClock::new(Timestamp(0)));
    let mut settings = LaneSettings::default();
    settings.export.max_attempts = 3;
    settings.export.backoff_max = Duration::from_secs(1);
    let reader = LaneReader {
        lane: Lane { account: AccountLabel::unnamed(), region: Region::parse("eu-west-1").expect("a Region") },
        api: api.clone(),
        clock: clock.clone(),
        settings,
    };
    let mut reading = Box::pin(reader.read());
    let read = loop {
        match futures_util::FutureExt::now_or_never(&mut reading) {
            Some(read) => break read,
            // It waits for the clock and for nothing else.
            None => clock.advance(Duration::from_secs(1)),
        }
        assert!(clock.elapsed() < Duration::from_mins(1), "it waits for ever");
    };
    let asked = std::mem::take(&mut *api.asked.lock().expect("a list"));
    (read.map(|reading| reading.snapshot_pages), asked)
}

#[test]
fn a_passing_trouble_is_waited_for_at_the_page_where_it_came() {
    let (read, asked) = read([
        page(Some("a")),
        failed(ErrorClass::Throttled),
        failed(ErrorClass::Ambiguous),
        page(Some("b")),
        failed(ErrorClass::Throttled),
        failed(ErrorClass::Throttled),
        page(None),
    ]);
    // The page of the other list is among them.
    assert_eq!(read, Ok(4));
    let tokens: Vec<&str> = asked.iter().map(|token| token.as_ref().map_or("", PageToken::as_str)).collect();
    assert_eq!(tokens, ["", "a", "a", "a", "b", "b", "b"]);
}

#[test]
fn a_trouble_that_stays_ends_the_reading_and_one_that_never_passes_at_once() {
    let (unread, asked) = read([
        page(Some("a")),
        failed(ErrorClass::Throttled),
        failed(ErrorClass::Throttled),
        failed(ErrorClass::Throttled),
    ]);
    assert!(unread.expect_err("half a list").to_string().contains("throttled"));
    assert_eq!(asked.len(), 4);
    for (class, said) in [
        (ErrorClass::Credentials, "the credentials do not work"),
        (ErrorClass::Denied, "allow lightsail:Get* on \"*\""),
        (ErrorClass::Unreachable, "no connection"),
        (ErrorClass::SetupInProgress, "AWS is setting this account"),
    ] {
        let (unread, asked) = read([failed(class)]);
        assert!(unread.expect_err("nothing").to_string().contains(said), "{class:?}");
        assert_eq!(asked.len(), 1, "{class:?}");
    }
}

#[test]
fn a_list_that_repeats_a_token_is_no_list() {
    let (unread, asked) = read([page(Some("a")), page(Some("b")), page(Some("a"))]);
    assert_eq!(unread, Err(Unread { error: ReadingError::RepeatedToken { pages: 3 }, reached_by: None }));
    assert_eq!(asked.len(), 3);
}
