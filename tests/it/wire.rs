//! The real SDK client over real sockets: what every line of the error table comes to, and how many requests reached
//! the wire for it.

use crate::raw_server::{Act, RawServer};
use snapferry::clock::SystemClock;
use snapferry::domain::{EntryStatus, OperationId, Region, SnapshotName};
use snapferry::lightsail::{
    AccountAccess, AwsLightsail, CallError, CredentialSource, ErrorClass, Lightsail, Limited, PageToken, Pages,
    RateLimiter, SharedHttp, SnapshotKind, SnapshotState,
};
use std::sync::Arc;
use std::time::Duration;

/// Far longer than an answer on this machine takes, for whatever is answered.
const PATIENT: Duration = Duration::from_mins(1);
/// For what is never answered: how long is without meaning, so it is short.
const HASTY: Duration = Duration::from_secs(2);

const TRY_AGAIN: &str = "Something is under way. Please try again in a few minutes.";
const WAIT: &str = "An export is under way. Please wait for it to complete before trying again";

fn lightsail(endpoint: &str, attempt_timeout: Duration) -> AwsLightsail {
    let credentials = CredentialSource::Fixed { access_key: "AKFIXED".into(), secret_key: "secret".into() };
    let access = AccountAccess { endpoint_url: Some(endpoint.into()), credentials, ..AccountAccess::default() };
    let api = AwsLightsail::new(access, region(), attempt_timeout, SharedHttp::without_proxy());
    api.expect_account(None);
    api
}

fn region() -> Region {
    Region::parse("eu-west-1").expect("a Region")
}

fn name() -> SnapshotName {
    SnapshotName::parse("web-1").expect("a name")
}

async fn export_error(api: &AwsLightsail) -> CallError {
    api.export_snapshot(&name()).await.expect_err("an error")
}

/// Exports once against a server that does `act`, and checks that it was asked once.
async fn export_against(act: Act, attempt_timeout: Duration) -> CallError {
    let server = RawServer::start([act.clone()]).await;
    let error = export_error(&lightsail(&server.url(), attempt_timeout)).await;
    assert_eq!(server.requests().len(), 1, "{act:?}");
    error
}

fn fault(status: u16, kind: &str, message: &str) -> Act {
    let body = serde_json::json!({ "__type": kind, "message": message }).to_string();
    Act::answer(status, &[("x-amzn-requestid", "req-1")], &body)
}

#[tokio::test]
async fn each_refusal_of_the_table_is_one_request_and_its_class() {
    use ErrorClass::{
        Ambiguous, CopyLimit, Credentials, Denied, LaneDenied, Permanent, RetryLater, SetupInProgress, Throttled,
        Unfamiliar,
    };
    for (status, code, message, class) in [
        (500, "ServiceException", "m", Ambiguous),
        (400, "ThrottlingException", "Rate exceeded", Throttled),
        (400, "Throttling", "m", Throttled),
        (400, "RequestLimitExceeded", "m", Throttled),
        (400, "TooManyRequestsException", "m", Throttled),
        (503, "SlowDown", "m", Throttled),
        (429, "Whatever", "m", Throttled),
        (400, "OperationFailureException", "m", Ambiguous),
        (400, "InvalidInputException", "m", Permanent),
        (400, "InvalidInputException", TRY_AGAIN, RetryLater),
        (400, "InvalidInputException", WAIT, RetryLater),
        (400, "NotFoundException", "m", Permanent),
        (400, "AccessDeniedException", "m", Denied),
        (400, "UnauthenticatedException", "m", Credentials),
        (400, "ExpiredTokenException", "m", Credentials),
        (400, "UnrecognizedClientException", "m", Credentials),
        (403, "InvalidClientTokenId", "m", Credentials),
        (403, "InvalidSignatureException", "m", Credentials),
        (400, "AccountSetupInProgressException", "m", SetupInProgress),
        (400, "RegionSetupInProgressException", "m", SetupInProgress),
        (400, "NeverSeenException", "m", Unfamiliar),
        (400, "EC2ThrottledException", "m", Throttled),
        (400, "RequestTimeout", "m", Ambiguous),
        (400, "InvalidInputException", "Too many snapshot copies in progress. The limit is 5", CopyLimit),
        (400, "AccessDeniedException", "not authorized to perform: kms:CreateGrant", LaneDenied),
        (502, "NeverSeenException", "m", Ambiguous),
    ] {
        let error = export_against(fault(status, code, message), PATIENT).await;
        assert_eq!((error.class, error.code.as_str()), (class, code), "{status} {message}");
        assert_eq!((error.http_status, error.request_id.as_deref()), (Some(status), Some("req-1")), "{code}");
        assert_eq!(error.message, message);
    }
}

#[tokio::test]
async fn the_code_is_found_in_header_code_and_type() {
    let header = [("x-amzn-errortype", "ThrottlingException:http://internal.amazon.com/")];
    let differing = r#"{"code":"DoesNotExist","__type":"NotFoundException","message":"gone"}"#;
    let not_now = format!(r#"{{"code":"UnsupportedOperation","__type":"InvalidInputException","message":"{WAIT}"}}"#);
    let spaced = r#"{"__type":"com.amazonaws.lightsail#ServiceException"}"#;
    for (act, class, code) in [
        (Act::answer(400, &header, "{}"), ErrorClass::Throttled, "ThrottlingException"),
        (Act::answer(400, &header, ""), ErrorClass::Throttled, "ThrottlingException"),
        (Act::answer(400, &[], differing), ErrorClass::Permanent, "NotFoundException"),
        (Act::answer(400, &[], &not_now), ErrorClass::RetryLater, "InvalidInputException"),
        (Act::answer(500, &[], spaced), ErrorClass::Ambiguous, "ServiceException"),
    ] {
        let error = export_against(act, PATIENT).await;
        assert_eq!((error.class, error.code.as_str()), (class, code));
    }
}

#[tokio::test]
async fn answers_that_nobody_can_read_are_ambiguous() {
    let whole = r#"{"operations":[{"id":"op-1"}]}"#;
    let truncated = format!("HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{whole}");
    let chunked = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{whole}\r\n", whole.len());
    for (act, code) in [
        (Act::answer(503, &[("content-type", "text/html")], "<html>busy</html>"), "Http503"),
        (Act::answer(500, &[], ""), "Http500"),
        (Act::answer(301, &[("location", "http://127.0.0.1:9/")], ""), "Http301"),
        (Act::answer(400, &[], "<html>a proxy's word</html>"), "Http400"),
        (Act::answer(200, &[], "<html>sign in</html>"), "BrokenAnswer"),
        (Act::answer(200, &[], r#"{"operations":[{"id":"#), "BrokenAnswer"),
        (Act::answer(200, &[], r#"{"operations":7}"#), "BrokenAnswer"),
        (Act::answer(200, &[], ""), "BrokenAnswer"),
        (Act::answer(200, &[], "null"), "BrokenAnswer"),
        (Act::Send(truncated.into_bytes()), "BrokenAnswer"),
        (Act::Send(chunked.into_bytes()), "BrokenAnswer"),
        (Act::Send(b"HTTP/1.1 200 OK\r\ncontent-le".to_vec()), "ConnectionLost"),
        (Act::Send(b"SSH-2.0-OpenSSH\r\n".to_vec()), "ConnectionLost"),
        (Act::Close, "ConnectionLost"),
        (Act::Reset, "ConnectionLost"),
    ] {
        let shown = format!("{act:?}");
        let error = export_against(act, PATIENT).await;
        assert_eq!((error.class, error.code.as_str()), (ErrorClass::Ambiguous, code), "{shown} {error}");
    }
}

#[tokio::test]
async fn a_call_lost_on_a_connection_used_before_is_not_sent_again() {
    for end in [Act::Close, Act::Reset] {
        let kept = Act::SendAndKeep(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}".to_vec());
        let server = RawServer::start([kept, end]).await;
        let api = lightsail(&server.url(), PATIENT);
        api.export_snapshot(&name()).await.expect("accepted");
        let error = export_error(&api).await;
        assert_eq!((error.class, error.code.as_str()), (ErrorClass::Ambiguous, "ConnectionLost"), "{error}");
        assert!(!error.message.contains("dispatch failure"), "the client's layers are nobody's matter: {error}");
        assert_eq!(server.requests().len(), 2);
    }
}

#[tokio::test]
async fn an_answer_that_does_not_come_in_time_is_ambiguous() {
    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{".to_vec();
    for act in [Act::SendAndStall(vec![]), Act::SendAndStall(half)] {
        let error = export_against(act, HASTY).await;
        assert_eq!((error.class, error.code.as_str()), (ErrorClass::Ambiguous, "TimedOut"), "{error}");
    }
}

#[tokio::test]
async fn what_never_connected_was_never_sent() {
    let refused = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        listener.local_addr().expect("an address").port()
    };
    // Reads whatever comes, and to a TLS greeting answers nothing: the handshake runs into the time to connect.
    let plain = RawServer::start([Act::Close]).await;
    for (endpoint, attempt) in [
        (format!("http://127.0.0.1:{refused}"), PATIENT),
        ("http://lightsail.invalid".to_owned(), PATIENT),
        (format!("https://127.0.0.1:{}", plain.port), HASTY),
        (format!("https://127.0.0.1:{}", not_tls().await), PATIENT),
    ] {
        let error = export_error(&lightsail(&endpoint, attempt)).await;
        assert_eq!((error.class, error.code.as_str()), (ErrorClass::Unreachable, "Unreachable"), "{endpoint} {error}");
        assert!(error.is_without_effect());
    }
    assert_eq!(plain.requests().len(), 0);
}

/// The port of a server that answers a TLS greeting in plain text.
async fn not_tls() -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    port
}

#[tokio::test]
async fn without_credentials_nothing_is_sent() {
    let server = RawServer::start([Act::answer(200, &[], "{}")]).await;
    for credentials in [
        AccountAccess { profile: Some("no-such-profile-anywhere".into()), ..AccountAccess::default() },
        AccountAccess {
            profile: Some("no-such-profile-anywhere".into()),
            role_arn: Some("arn:aws:iam::123456789012:role/exporter".into()),
            ..AccountAccess::default()
        },
    ] {
        let access = AccountAccess { endpoint_url: Some(server.url()), ..credentials };
        let api = AwsLightsail::new(access, region(), PATIENT, SharedHttp::without_proxy());
        let error = export_error(&api).await;
        assert_eq!((error.class, error.code.as_str()), (ErrorClass::Credentials, "NoCredentials"), "{error}");
    }
    assert_eq!(server.requests().len(), 0);
}

#[tokio::test]
async fn an_endpoint_that_is_none_sends_nothing() {
    let error = export_error(&lightsail("no url at all", PATIENT)).await;
    assert_eq!((error.class, error.code.as_str()), (ErrorClass::Unreachable, "NotSent"), "{error}");
}

#[tokio::test]
async fn an_acceptance_keeps_every_operation_with_an_id() {
    let body = r#"{"operations":[{"id":"op-1","operationType":"ExportSnapshot","status":"Started","isTerminal":false,
        "resourceName":"web-1","createdAt":1479816991.349},{"id":"op-2"},{"status":"Started"}]}"#;
    let accepted = Act::answer(200, &[("x-amzn-requestid", "req-7")], body);
    let server = RawServer::start([accepted, Act::answer(200, &[], "{}")]).await;
    let api = lightsail(&server.url(), PATIENT);
    let accepted = api.export_snapshot(&name()).await.expect("accepted");
    let ids: Vec<&str> = accepted.operations.iter().map(|operation| operation.id.as_str()).collect();
    assert_eq!((ids, accepted.request_id.as_deref()), (vec!["op-1", "op-2"], Some("req-7")));
    assert_eq!(accepted.operations[0].kind, "ExportSnapshot");
    assert_eq!(accepted.operations[0].created_at.map(|at| at.0), Some(1_479_816_991_349));
    let statuses: Vec<EntryStatus> = accepted.operations.iter().map(|operation| operation.status).collect();
    assert_eq!(statuses, [EntryStatus::UnderWay, EntryStatus::UnderWay], "a status that is missing is no end");

    let empty = api.export_snapshot(&name()).await.expect("accepted");
    assert!(empty.operations.is_empty(), "no operation is an acceptance all the same");
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    assert!(requests[0].to_lowercase().contains("x-amz-target: lightsail_20161128.exportsnapshot\r\n"));
    assert!(requests[0].ends_with(r#"{"sourceSnapshotName":"web-1"}"#));
}

#[tokio::test]
async fn what_is_not_found_is_an_answer_of_a_read() {
    let gone = r#"{"code":"DoesNotExist","__type":"NotFoundException","message":"no"}"#;
    let server = RawServer::start([Act::answer(400, &[], gone)]).await;
    let api = lightsail(&server.url(), PATIENT);
    assert_eq!(api.get_operation(&OperationId::new("op-1")).await, Ok(None));
    let page = api.operations(Some(&name()), None).await.expect("a page");
    assert!(page.items.is_empty() && page.next.is_none());
    assert!(api.export_records(None).await.is_err());
}

#[tokio::test]
async fn a_throttled_read_slows_the_reads_and_exports_take_no_turn_of_theirs() {
    let server = RawServer::start([fault(400, "ThrottlingException", "Rate exceeded")]).await;
    let reads = RateLimiter::new(1000.0, 5, Some(1000.0), Arc::new(SystemClock::new()));
    let api = Limited::new(Arc::new(lightsail(&server.url(), PATIENT)), reads.clone());
    api.export_snapshot(&name()).await.expect_err("throttled");
    assert_eq!(reads.throttles(), 0);
    api.operations(None, None).await.expect_err("throttled");
    assert_eq!(reads.throttles(), 1);
    let slower = reads.rate();
    assert!((700.0..900.0).contains(&slower), "{slower}");
}

#[tokio::test]
async fn lists_are_read_with_every_member_and_with_none() {
    const RECORDS: &str = r#"{"nextPageToken":"t2","exportSnapshotRecords":[{"name":"ExportSnapshotRecord-1",
        "arn":"arn:aws:lightsail:eu-west-1:123456789012:ExportSnapshotRecord/1","createdAt":1700000000.5,
        "state":"Succeeded","sourceInfo":{"name":"web-1","arn":"arn:aws:lightsail:eu-west-1:123456789012:InstanceSnapshot/1"},
        "destinationInfo":{"id":"ami-1","service":"Aws::EC2::Image"}}]}"#;
    const BARE: &str = r#"{"nextPageToken":"","exportSnapshotRecords":[{},{"state":"Odd","destinationInfo":{}}]}"#;
    const INSTANCES: &str = r#"{"instanceSnapshots":[{},{"name":"web-1","state":"available","sizeInGb":40,
        "isFromAutoSnapshot":true,"fromInstanceName":"web","tags":[{"key":"a","value":"b"},{"key":"c"}],
        "arn":"arn:aws:lightsail:eu-west-1:123456789012:InstanceSnapshot/1",
        "fromAttachedDisks":[{"isSystemDisk":true},{"name":"d1"},{"isSystemDisk":false}]}]}"#;
    const DISKS: &str = r#"{"diskSnapshots":[{"name":"d1","state":"completed"},{"name":"d2","state":"unknown"}]}"#;
    let server = RawServer::start([RECORDS, BARE, INSTANCES, DISKS].map(|body| Act::answer(200, &[], body))).await;
    let api = lightsail(&server.url(), PATIENT);

    let mut records = Vec::new();
    let mut pages = Pages::export_records(&api);
    while let Some(page) = pages.next().await.expect("a page") {
        records.extend(page);
    }
    assert_eq!((pages.pages(), records.len()), (2, 3));
    assert!(server.requests()[1].ends_with(r#"{"pageToken":"t2"}"#));
    assert_eq!(records[0].state, EntryStatus::Succeeded);
    assert_eq!(records[0].account.as_ref().map(snapferry::domain::AccountNumber::as_str), Some("123456789012"));
    assert_eq!(records[0].destination.as_ref().map(|made| made.id.as_str()), Some("ami-1"));
    assert_eq!(records[2].state, EntryStatus::UnderWay, "an unknown status is no end");
    assert_eq!(records[2].destination, None);

    let snapshots = api.snapshots(SnapshotKind::Instance, None).await.expect("a page").items;
    assert_eq!(snapshots.len(), 1, "one without a name cannot be exported");
    assert_eq!((snapshots[0].kind, snapshots[0].attached_disks), (SnapshotKind::Instance, 2));
    assert_eq!((snapshots[0].size_gb, snapshots[0].from_auto), (Some(40), true));
    assert_eq!(snapshots[0].tags, [("a".to_owned(), "b".to_owned()), ("c".to_owned(), String::new())]);
    let disks = api.snapshots(SnapshotKind::Disk, Some(PageToken::new("x"))).await.expect("a page").items;
    assert_eq!(disks[0].state, SnapshotState::Available);
    assert_eq!(disks[1].state, SnapshotState::Other("unknown".into()));
}

/// The same record shown twice is one, whatever it leaves out, and two are two.
#[tokio::test]
async fn a_record_without_an_arn_or_a_name_keeps_a_key_of_its_own() {
    let record = |name: &str, second: u32| {
        serde_json::json!({"name": name, "createdAt": 1_800_000_000 + second,
        "state": "Started", "sourceInfo": {"name": "web-1"}})
    };
    let mut nameless = record("", 2);
    nameless.as_object_mut().expect("an object").remove("name");
    let body =
        serde_json::json!({"exportSnapshotRecords": [record("record-1", 1), nameless, record("", 3)]}).to_string();
    let server = RawServer::start([(); 2].map(|()| Act::answer(200, &[], &body))).await;
    let api = lightsail(&server.url(), PATIENT);
    let mut keys = Vec::new();
    for _ in 0..2 {
        let page = api.export_records(None).await.expect("a page");
        assert_eq!(page.items.iter().filter_map(|one| one.source_name.as_deref()).collect::<Vec<_>>(), ["web-1"; 3]);
        keys.push(page.items.into_iter().map(|one| one.arn.as_str().to_owned()).collect::<Vec<_>>());
    }
    assert_eq!(keys[0], keys[1]);
    assert_eq!(keys[0], ["record-1", "unnamed:web-1:1800000002000", "unnamed:web-1:1800000003000"]);
}
