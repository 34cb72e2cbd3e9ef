//! The simulator, as AWS's own clients see it: the Rust SDK here, botocore in `tests/python/check_simulator.py`.
use crate::world::SimulatorTime;
use aws_credential_types::Credentials;
use aws_sdk_lightsail::config::retry::RetryConfig;
use aws_sdk_lightsail::config::{BehaviorVersion, Region, SharedCredentialsProvider};
use aws_sdk_lightsail::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_lightsail::types::{ExportSnapshotRecord, Operation, OperationStatus, RecordState};
use aws_sdk_lightsail::{Client, Config};
use aws_smithy_http_client::tls;
use lightsail_simulator::{
    AppliesTo, ByHand, ChangeError, CopyCap, ErrorAnswer, ExportAnswer, Fault, FaultRule, Faults, Fleet, FleetEntry,
    Handle, Ledger, Limits, ListOrder, Probability, RateLimit, Simulator, SimulatorConfig, SnapshotChange,
    SnapshotLedger, SourceKind, Spread, StartState, SuccessWord, SystemClock,
};
use snapferry::clock::ManualClock;
use snapferry::domain::Timestamp;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const ACCOUNT: &str = "123456789012";
const REGION: &str = "eu-west-1";

async fn start(config: SimulatorConfig) -> (Handle, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new(Timestamp::parse("2026-11-23T18:00:00.250Z").expect("a time")));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let shared = Arc::new(SimulatorTime(Arc::<ManualClock>::clone(&clock)));
    (Simulator::start(config, listener, shared).expect("a simulator"), clock)
}

fn client_of(handle: &Handle, account: &str, region: &'static str) -> Client {
    let provider = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);
    let http = aws_smithy_http_client::Builder::new().tls_provider(provider).build_https();
    let credentials = Credentials::new(format!("AKIASIM{account}"), "any", None, None, "test");
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http)
        .region(Region::new(region))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(handle.endpoint())
        .retry_config(RetryConfig::disabled());
    Client::from_conf(config.build())
}

fn client(handle: &Handle) -> Client {
    client_of(handle, ACCOUNT, REGION)
}

fn fleet(entries: impl IntoIterator<Item = FleetEntry>) -> SimulatorConfig {
    let operation_time = Spread::exactly(Duration::from_secs(10));
    SimulatorConfig {
        fleet: Fleet::Listed(entries.into_iter().collect()),
        operation_time,
        ..SimulatorConfig::default()
    }
}

fn web() -> SimulatorConfig {
    fleet([FleetEntry::named("web-1")])
}

fn fault(name: &str) -> Fault {
    name.parse().expect("a fault")
}

fn script(name: &str, answers: &[&str]) -> Faults {
    let rule = FaultRule::script(name, answers.iter().map(|answer| fault(answer)));
    Faults { rules: vec![rule], ..Faults::default() }
}

/// The first operation's id, or the error's code; `-` for an error without one.
async fn export(client: &Client, name: &str) -> Result<String, String> {
    match client.export_snapshot().source_snapshot_name(name).send().await {
        Ok(answer) => Ok(answer.operations().first().and_then(Operation::id).unwrap_or_default().to_owned()),
        Err(error) => Err(error.code().unwrap_or("-").to_owned()),
    }
}

async fn records(client: &Client) -> Vec<ExportSnapshotRecord> {
    let answer = client.get_export_snapshot_records().send().await.expect("records");
    answer.export_snapshot_records().to_vec()
}

async fn operation(client: &Client, id: &str) -> Operation {
    let answer = client.get_operation().operation_id(id).send().await.expect("an operation");
    answer.operation().expect("one").clone()
}

fn exported<'a>(ledger: &'a Ledger, name: &str) -> &'a SnapshotLedger {
    &ledger.lanes[&format!("{ACCOUNT}/{REGION}")].snapshots[name]
}

fn answers(handle: &Handle) -> Vec<(String, bool)> {
    handle.calls().into_iter().map(|call| (call.answer, call.effect)).collect()
}

/// Sends bytes as they are and reads until the simulator closes.
async fn raw(handle: &Handle, headers: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(handle.address()).await.expect("a connection");
    let length = body.len();
    let request =
        format!("POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("an answer");
    String::from_utf8(answer).expect("text")
}

const SIGNED: &str =
    "authorization: AWS4-HMAC-SHA256 Credential=AKIASIM123456789012/20261123/eu-west-1/lightsail/aws4_request, x=y\r\n";

async fn raw_export(handle: &Handle, name: &str) -> String {
    let headers = format!("{SIGNED}x-amz-target: Lightsail_20161128.ExportSnapshot\r\n");
    raw(handle, &headers, &format!(r#"{{"sourceSnapshotName":"{name}"}}"#)).await
}

#[tokio::test]
async fn the_pages_together_are_the_fleet() {
    for order in [ListOrder::NewestFirst, ListOrder::OldestFirst] {
        let page_size = NonZeroUsize::new(7).expect("not 0");
        let config = SimulatorConfig {
            fleet: Fleet::Generated { size: 25, lanes: Vec::new() },
            page_size,
            order,
            ..SimulatorConfig::default()
        };
        let (handle, _) = start(config).await;
        let client = client(&handle);
        let (mut names, mut sizes, mut token) = (Vec::new(), Vec::new(), None);
        loop {
            let page = client.get_instance_snapshots().set_page_token(token).send().await.expect("a page");
            sizes.push(page.instance_snapshots().len());
            names.extend(page.instance_snapshots().iter().filter_map(|found| found.name()).map(str::to_owned));
            token = page.next_page_token().map(str::to_owned);
            if token.is_none() {
                break;
            }
        }
        assert_eq!(sizes, [7, 7, 6]);
        names.sort();
        let expected: Vec<_> = (1..=25).filter(|n| n % 5 != 0).map(|n| format!("snap-{n:05}")).collect();
        assert_eq!(names, expected);
        let disks = client.get_disk_snapshots().send().await.expect("disks");
        assert_eq!(disks.disk_snapshots().len(), 5);
    }
}

#[tokio::test]
async fn a_token_of_another_list_is_bad_input() {
    let (handle, _) = start(SimulatorConfig { page_size: NonZeroUsize::MIN, ..SimulatorConfig::default() }).await;
    let client = client(&handle);
    let page = client.get_instance_snapshots().send().await.expect("a page");
    let token = page.next_page_token().expect("more");
    for bad in [token, "nonsense"] {
        let error = client.get_disk_snapshots().page_token(bad).send().await.expect_err("not its token");
        assert_eq!(error.code(), Some("InvalidInputException"));
    }
}

#[tokio::test]
async fn over_the_limit_is_throttled_without_effect() {
    let limits = Limits { export: RateLimit::new(1.0, 2).ok(), read: RateLimit::new(1.0, 1).ok() };
    let (handle, clock) = start(SimulatorConfig { limits, ..fleet(["a1", "a2", "a3"].map(FleetEntry::named)) }).await;
    let client = client(&handle);
    assert!(export(&client, "a1").await.is_ok());
    assert!(export(&client, "a2").await.is_ok());
    assert_eq!(export(&client, "a3").await, Err("ThrottlingException".to_owned()));
    assert_eq!(records(&client).await.len(), 2, "reads have a budget of their own");
    let error = client.get_operations().send().await.expect_err("it is spent");
    assert_eq!((error.code(), error.message()), (Some("ThrottlingException"), Some("Rate exceeded")));
    clock.advance(Duration::from_secs(1));
    assert!(export(&client, "a3").await.is_ok());
    handle.set_limits(Limits::default());
    assert!(records(&client).await.len() == 3 && records(&client).await.len() == 3);
    let ledger = handle.ledger();
    assert_eq!((ledger.exports, ledger.duplicates, ledger.throttled, ledger.calls), (3, 0, 2, 8));
}

#[tokio::test]
async fn a_lost_answer_may_have_had_its_effect() {
    let config = SimulatorConfig { faults: script("web-1", &["lost-before", "lost", "ok"]), ..web() };
    let (handle, _) = start(config).await;
    let client = client(&handle);
    for begun in [0, 1] {
        let error = client.export_snapshot().source_snapshot_name("web-1").send().await.expect_err("no answer");
        assert!(matches!(error, SdkError::DispatchFailure(_)), "{error:?}");
        assert_eq!(records(&client).await.len(), begun);
    }
    assert!(export(&client, "web-1").await.is_ok());
    let ledger = handle.ledger();
    assert_eq!((ledger.exports, ledger.duplicates, exported(&ledger, "web-1").exports), (2, 1, 2));
    let exports: Vec<_> = handle.calls().into_iter().filter(|call| call.operation == "ExportSnapshot").collect();
    assert_eq!(exports.iter().map(|call| call.effect).collect::<Vec<_>>(), [false, true, true]);
}

#[tokio::test]
async fn broken_answers_hide_an_export_that_began() {
    let broken = ["truncated", "garbled", "html", "html-503", "ServiceException+effect"];
    let config = SimulatorConfig { faults: script("web-1", &broken), ..web() };
    let (handle, _) = start(config).await;
    let client = client(&handle);
    for kind in broken {
        assert!(export(&client, "web-1").await.is_err(), "{kind}");
    }
    let expected = ["truncated", "garbled", "html-200", "html-503", "ServiceException"];
    assert_eq!(answers(&handle), expected.map(|answer| (answer.to_owned(), true)));
}

#[tokio::test]
async fn a_truncated_answer_ends_before_its_length() {
    let (handle, _) = start(SimulatorConfig { faults: script("web-1", &["truncated"]), ..web() }).await;
    let answer = raw_export(&handle, "web-1").await;
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and what is left of the body");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
    let length: usize = length.parse().expect("a number");
    assert!(head.starts_with("HTTP/1.1 200") && !body.is_empty() && body.len() < length, "{answer}");
}

#[tokio::test]
async fn errors_without_effect_have_none() {
    let refused = ["ServiceException", "AccessDeniedException", "outage", "SlowDown:429", "InvalidSignatureException"];
    let (handle, _) = start(SimulatorConfig { faults: script("web-1", &refused), ..web() }).await;
    let client = client(&handle);
    let expected = ["ServiceException", "AccessDeniedException", "-", "SlowDown", "InvalidSignatureException"];
    for code in expected {
        assert_eq!(export(&client, "web-1").await, Err(code.to_owned()));
    }
    assert_eq!(handle.ledger().exports, 0);
}

#[tokio::test]
async fn an_operation_goes_its_way_by_the_clock() {
    let data = FleetEntry { kind: SourceKind::Disk, ..FleetEntry::named("data-1") };
    let two_disks = FleetEntry { disks: 2, ..FleetEntry::named("web-1") };
    let config = SimulatorConfig { record_lag: Duration::from_secs(5), ..fleet([two_disks, data]) };
    let (handle, clock) = start(config).await;
    let client = client(&handle);
    let id = export(&client, "web-1").await.expect("accepted");
    let status = async || operation(&client, &id).await.status().expect("a status").as_str().to_owned();
    assert_eq!(status().await, "NotStarted");
    clock.advance(Duration::from_secs(9));
    assert_eq!(status().await, "Started");
    export(&client, "data-1").await.expect("accepted");
    clock.advance(Duration::from_secs(1));
    let done = operation(&client, &id).await;
    assert_eq!((done.status().map(OperationStatus::as_str), done.is_terminal()), (Some("Succeeded"), Some(true)));
    let seen = async || {
        let of = |record: &ExportSnapshotRecord| {
            let destination = record.destination_info();
            let id =
                destination.and_then(|info| info.id()).map(|id| id.split('-').next().unwrap_or_default().to_owned());
            (record.state().cloned(), id, destination.and_then(|info| info.service()).map(str::to_owned))
        };
        records(&client).await.iter().map(of).collect::<Vec<_>>()
    };
    let started = (Some(RecordState::Started), None, None);
    assert_eq!(seen().await, [started.clone(), started], "the record follows its operation later");
    clock.advance(Duration::from_secs(14));
    let succeeded =
        |id: &str, service: &str| (Some(RecordState::Succeeded), Some(id.to_owned()), Some(service.to_owned()));
    let expected = [succeeded("snap", "Aws::EC2::Snapshot"), succeeded("ami", "Aws::EC2::Image")];
    assert_eq!(seen().await, expected);
    let record = records(&client).await.remove(1);
    let source = record.source_info().expect("a source");
    let snapshot = client.get_instance_snapshot().instance_snapshot_name("web-1").send().await.expect("one");
    let snapshot = snapshot.instance_snapshot().expect("one");
    assert_eq!((source.name(), source.arn()), (Some("web-1"), snapshot.arn()));
    assert_eq!(source.instance_snapshot_info().map(|info| info.from_disk_info().len()), Some(3));
    assert_eq!(snapshot.from_attached_disks().len(), 2);
    assert_eq!(exported(&handle.ledger(), "web-1").destination_ids, [record.destination_info().unwrap().id().unwrap()]);
}

#[tokio::test]
async fn a_failed_operation_names_its_reason_and_counts_no_duplicate() {
    let faults = script("web-1", &["operation-fails:EBSLimit", "ok"]);
    let (handle, clock) = start(SimulatorConfig { faults, success_word: SuccessWord::Completed, ..web() }).await;
    let client = client(&handle);
    let failing = export(&client, "web-1").await.expect("accepted");
    assert_eq!(operation(&client, &failing).await.error_code(), None, "not before its end");
    let passing = export(&client, "web-1").await.expect("accepted");
    clock.advance(Duration::from_secs(10));
    let failed = operation(&client, &failing).await;
    assert_eq!((failed.status().map(OperationStatus::as_str), failed.error_code()), (Some("Failed"), Some("EBSLimit")));
    assert_eq!(operation(&client, &passing).await.status().map(OperationStatus::as_str), Some("Completed"));
    let states: Vec<_> =
        records(&client).await.iter().map(|r| (r.state().cloned(), r.destination_info().is_some())).collect();
    assert_eq!(states, [(Some(RecordState::Succeeded), true), (Some(RecordState::Failed), false)]);
    let ledger = handle.ledger();
    let entry = exported(&ledger, "web-1");
    assert_eq!((entry.exports, entry.failures, entry.duplicates, entry.destination_ids.len()), (2, 1, 0, 1));
}

#[tokio::test]
async fn accounts_and_regions_are_separate() {
    let only_east = FleetEntry { region: Some("us-east-1".to_owned()), ..FleetEntry::named("east") };
    let (handle, _) = start(fleet([FleetEntry::named("web-1"), only_east])).await;
    let west = client(&handle);
    let east = client_of(&handle, ACCOUNT, "us-east-1");
    let other = client_of(&handle, "999999999999", REGION);
    let unnamed = client_of(&handle, "-but-of-no-account", REGION);
    let id = export(&west, "web-1").await.expect("accepted");
    assert_eq!(export(&west, "east").await, Err("DoesNotExist".to_owned()));
    assert!(export(&east, "east").await.is_ok());
    let counts = [records(&west).await.len(), records(&east).await.len(), records(&other).await.len()];
    assert_eq!(counts, [1, 1, 0]);
    assert_eq!(records(&unnamed).await.len(), 1, "any other key is the default account's");
    assert!(other.get_operation().operation_id(&id).send().await.is_err());
    let snapshots = other.get_instance_snapshots().send().await.expect("a page");
    let arn = snapshots.instance_snapshots()[0].arn().expect("an arn");
    assert!(arn.starts_with("arn:aws:lightsail:eu-west-1:999999999999:InstanceSnapshot/"), "{arn}");
}

#[tokio::test]
async fn an_export_is_late_in_the_lists_but_known_by_its_id() {
    let (handle, clock) = start(web()).await;
    handle.set_faults(Faults { late_lists: Duration::from_secs(3), ..Faults::default() });
    let client = client(&handle);
    let id = export(&client, "web-1").await.expect("accepted");
    let listed = async || {
        let all = client.get_operations().send().await.expect("operations").operations().len();
        let its = client.get_operations_for_resource().resource_name("web-1").send().await.expect("operations");
        [records(&client).await.len(), all, its.operations().len()]
    };
    clock.advance(Duration::from_millis(2999));
    assert_eq!(listed().await, [0, 0, 0]);
    assert_eq!(operation(&client, &id).await.id(), Some(id.as_str()));
    clock.advance(Duration::from_millis(1));
    assert_eq!(listed().await, [1, 1, 1]);
    let unheard = client.get_operations_for_resource().resource_name("web-2").send().await.expect_err("no such name");
    assert_eq!(unheard.code(), Some("DoesNotExist"));
}

#[tokio::test]
async fn a_slow_answer_waits_for_the_clock_after_its_effect() {
    let (handle, clock) = start(SimulatorConfig { faults: script("web-1", &["slow:30s"]), ..web() }).await;
    let slow = client(&handle);
    let call = tokio::spawn(async move { export(&slow, "web-1").await });
    while handle.calls().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!((records(&client(&handle)).await.len(), call.is_finished()), (1, false));
    // The answer's wait begins somewhere after the call was noted, so one step might come too early for it.
    while !call.is_finished() {
        clock.advance(Duration::from_secs(30));
        tokio::task::yield_now().await;
    }
    assert!(call.await.expect("no panic").is_ok());
}

#[tokio::test]
async fn expired_credentials_meet_one_account_alone() {
    let (handle, _) = start(web()).await;
    let expired = FaultRule {
        account: Some("999999999999".to_owned()),
        applies_to: AppliesTo::All,
        ..FaultRule::sometimes(fault("ExpiredTokenException"), Probability::ALWAYS)
    };
    handle.set_faults(Faults { rules: vec![expired], ..Faults::default() });
    let other = client_of(&handle, "999999999999", REGION);
    assert_eq!(export(&other, "web-1").await, Err("ExpiredTokenException".to_owned()));
    let error = other.get_operations().send().await.expect_err("expired");
    assert_eq!(error.code(), Some("ExpiredTokenException"));
    assert!(export(&client(&handle), "web-1").await.is_ok());
    handle.set_faults(Faults::default());
    assert!(export(&other, "web-1").await.is_ok());
}

#[tokio::test]
async fn a_fault_in_reads_leaves_exports_alone_and_begins_when_told() {
    let rule = FaultRule {
        operation: Some("GetExportSnapshotRecords".to_owned()),
        after: Duration::from_mins(1),
        ..FaultRule::sometimes(fault("garbled"), Probability::ALWAYS)
    };
    let faults = Faults { rules: vec![rule], ..Faults::default() };
    let (handle, clock) = start(SimulatorConfig { faults, ..web() }).await;
    let client = client(&handle);
    assert_eq!(records(&client).await.len(), 0);
    clock.advance(Duration::from_mins(1));
    assert!(client.get_export_snapshot_records().send().await.is_err());
    assert!(client.get_operations().send().await.is_ok() && export(&client, "web-1").await.is_ok());
}

#[tokio::test]
async fn a_snapshot_must_be_there_and_ready() {
    let pending = FleetEntry { state: StartState::Pending, ..FleetEntry::named("young") };
    let broken = FleetEntry { state: StartState::Error, ..FleetEntry::named("broken") };
    let config = SimulatorConfig { pending_time: Duration::from_mins(1), ..fleet([pending, broken]) };
    let (handle, clock) = start(config).await;
    let client = client(&handle);
    let error = client.export_snapshot().source_snapshot_name("young").send().await.expect_err("pending");
    assert_eq!(error.code(), Some("InvalidInputException"));
    assert!(error.message().is_some_and(|text| text.contains("Please wait for it to complete before trying again")));
    assert_eq!(export(&client, "broken").await, Err("InvalidInputException".to_owned()));
    assert_eq!(export(&client, "missing").await, Err("DoesNotExist".to_owned()));
    assert_eq!(handle.ledger().exports, 0);
    clock.advance(Duration::from_mins(1));
    assert!(export(&client, "young").await.is_ok());
}

#[tokio::test]
async fn the_cap_counts_attached_disks_and_frees_with_time() {
    let copies = Some(CopyCap { max: 3, error: ErrorAnswer::named("OperationFailureException"), failure: None });
    let big = FleetEntry { disks: 1, ..FleetEntry::named("big") };
    let (handle, clock) = start(SimulatorConfig { copies, ..fleet([big, FleetEntry::named("small")]) }).await;
    let client = client(&handle);
    assert!(export(&client, "big").await.is_ok());
    assert_eq!(export(&client, "big").await, Err("OperationFailureException".to_owned()));
    assert!(export(&client, "small").await.is_ok());
    clock.advance(Duration::from_secs(10));
    assert!(export(&client, "big").await.is_ok());
}

#[tokio::test]
async fn a_name_used_again_is_another_snapshot() {
    let (handle, _) = start(web()).await;
    let client = client(&handle);
    export(&client, "web-1").await.expect("accepted");
    let again = FleetEntry { region: Some(REGION.to_owned()), ..FleetEntry::named("web-1") };
    assert_eq!(handle.change_snapshot(SnapshotChange::Add(again.clone())), Err(ChangeError::Taken("web-1".to_owned())));
    handle.change_snapshot(SnapshotChange::Replace(again)).expect("replaced");
    let hand = ByHand { account: None, region: REGION.to_owned(), name: "web-1".to_owned() };
    handle.export_by_hand(&hand).expect("begun");
    let arns: Vec<_> =
        records(&client).await.iter().map(|r| r.source_info().unwrap().arn().unwrap().to_owned()).collect();
    assert!(arns.len() == 2 && arns[0] != arns[1], "{arns:?}");
    let entry = exported(&handle.ledger(), "web-1").clone();
    assert_eq!((entry.exports, entry.by_hand, entry.duplicates), (2, 1, 0));
    handle.export_by_hand(&hand).expect("begun");
    assert_eq!(handle.ledger().duplicates, 1);
    let delete = SnapshotChange::Delete { account: None, region: REGION.to_owned(), name: "web-1".to_owned() };
    handle.change_snapshot(delete).expect("deleted");
    assert_eq!(export(&client, "web-1").await, Err("DoesNotExist".to_owned()));
    assert_eq!(records(&client).await.len(), 3, "records outlive their snapshot");
}

#[tokio::test]
async fn the_answer_of_an_export_has_three_shapes() {
    for (export_answer, operations) in [(ExportAnswer::One, 1), (ExportAnswer::Pair, 2), (ExportAnswer::None, 0)] {
        let (handle, _) = start(SimulatorConfig { export_answer, ..web() }).await;
        let client = client(&handle);
        let answer = client.export_snapshot().source_snapshot_name("web-1").send().await.expect("accepted");
        assert_eq!((answer.operations().len(), records(&client).await.len()), (operations, 1));
    }
}

#[tokio::test]
async fn an_error_can_be_named_in_header_type_and_code_apart() {
    let (handle, _) = start(SimulatorConfig { error_header: true, ..web() }).await;
    assert_eq!(export(&client(&handle), "missing").await, Err("NotFoundException".to_owned()));
    let odd = r#"{"rules":[{"answers":[{"effect":"withheld","answer":{"error":
        {"status":418,"__type":"Odd","code":"Odder","message":"m","header":false}}}]}]}"#;
    handle.set_faults(serde_json::from_str(odd).expect("faults"));
    let answer = raw_export(&handle, "web-1").await;
    assert!(answer.starts_with("HTTP/1.1 418") && !answer.contains("x-amzn-errortype"), "{answer}");
    assert!(answer.contains(r#""__type":"Odd""#) && answer.contains(r#""code":"Odder""#), "{answer}");
}

#[tokio::test]
async fn what_is_no_lightsail_call_gets_aws_own_errors() {
    let (handle, _) = start(web()).await;
    let unsigned = raw(&handle, "x-amz-target: Lightsail_20161128.GetOperations\r\n", "{}").await;
    assert!(unsigned.contains("MissingAuthenticationTokenException"), "{unsigned}");
    let unknown = raw(&handle, &format!("{SIGNED}x-amz-target: Lightsail_20161128.Sing\r\n"), "{}").await;
    assert!(unknown.contains("UnknownOperationException"), "{unknown}");
    let broken = raw(&handle, &format!("{SIGNED}x-amz-target: Lightsail_20161128.ExportSnapshot\r\n"), "{").await;
    assert!(broken.starts_with("HTTP/1.1 400") && broken.contains("SerializationException"), "{broken}");
    assert_eq!(handle.calls().len(), 3);
}

#[tokio::test]
async fn the_same_seed_gives_the_same_day() {
    let day = async |seed| {
        let half = Probability::new(0.5).expect("a half");
        let rules = vec![FaultRule::sometimes(fault("lost"), half), FaultRule::sometimes(fault("lost-before"), half)];
        let faults = Faults { rules, ..Faults::default() };
        let names: Vec<_> = (10..40).map(|n| format!("web-{n}")).collect();
        let config = SimulatorConfig { seed, faults, ..fleet(names.iter().map(|name| FleetEntry::named(name))) };
        let (handle, _) = start(config).await;
        let client = client(&handle);
        for name in names {
            let _ = export(&client, &name).await;
        }
        (handle.ledger(), handle.calls())
    };
    let first = day(7).await;
    assert_eq!(first, day(7).await);
    assert_ne!(first.0, day(8).await.0);
    let lost = first.1.iter().filter(|call| call.answer == "closed").count();
    assert!((1..30).contains(&lost) && first.0.exports > 0 && first.0.exports < 30, "{lost}");
}

#[tokio::test]
async fn a_stopped_simulator_refuses_connections_and_keeps_its_ledger() {
    let (handle, _) = start(web()).await;
    export(&client(&handle), "web-1").await.expect("accepted");
    handle.stop().await;
    assert!(TcpStream::connect(handle.address()).await.is_err());
    assert_eq!(handle.ledger().exports, 1);
}

#[tokio::test]
async fn botocore_understands_every_operation() {
    let python = |script: &[&str]| {
        let mut command = tokio::process::Command::new("python3");
        command.args(script).stdin(std::process::Stdio::null());
        command
    };
    if !python(&["-c", "import boto3"]).output().await.is_ok_and(|probe| probe.status.success()) {
        eprintln!("skipped: no python3 with boto3 here");
        return;
    }
    let config = SimulatorConfig {
        fleet: Fleet::Generated { size: 25, lanes: Vec::new() },
        page_size: NonZeroUsize::new(4).expect("not 0"),
        operation_time: Spread::exactly(Duration::ZERO),
        ..SimulatorConfig::default()
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let handle = Simulator::start(config, listener, Arc::new(SystemClock::new())).expect("a simulator");
    let check = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/check_simulator.py");
    let output = python(&[check, &handle.endpoint()]).output().await.expect("python3 runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(handle.ledger().exports > 0);
}
