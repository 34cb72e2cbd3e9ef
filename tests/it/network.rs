//! The network between Snapferry and Lightsail breaks at every place it can: each end is of the right class, nothing is ever
//! sent again blindly, and every job is settled from the ledger.

use super::proxy::{Proxy, Way};
use super::raw_server::{Act, RawServer};
use super::world::{World, eventually};
use lightsail_simulator::{Fleet, FleetEntry, SimulatorConfig};
use snapferry::domain::{JobState, LaneTrouble, Region, SnapshotName};
use snapferry::lightsail::{AccountAccess, AwsLightsail, CredentialSource, ErrorClass, Lightsail, SharedHttp};
use snapferry::queue::AttemptOutcome;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{ServerConfig, crypto::ring};

/// Far longer than an answer on this machine takes.
const PATIENT: Duration = Duration::from_mins(1);
/// For what is never answered.
const HASTY: Duration = Duration::from_millis(500);

fn lightsail(endpoint: &str, attempt_timeout: Duration) -> AwsLightsail {
    let credentials = CredentialSource::Fixed { access_key: "AKFIXED".into(), secret_key: "secret".into() };
    let access = AccountAccess { endpoint_url: Some(endpoint.into()), credentials, ..AccountAccess::default() };
    let region = Region::parse("eu-west-1").expect("a Region");
    let api = AwsLightsail::new(access, region, attempt_timeout, SharedHttp::without_proxy());
    api.expect_account(None);
    api
}

fn name() -> SnapshotName {
    SnapshotName::parse("web-1").expect("a name")
}

/// An answer whose length is told, and one that ends with its connection.
fn framed(status: u16, header: &str, body: &str) -> [Vec<u8>; 2] {
    let length = format!("content-length: {}\r\n", body.len());
    [length.as_str(), ""].map(|length| {
        format!("HTTP/1.1 {status} X\r\nconnection: close\r\n{length}{header}x-amzn-requestid: req-1\r\n\r\n{body}")
            .into_bytes()
    })
}

/// The answer cut at every byte, the empty one first.
fn every_cut(answer: &[u8]) -> Vec<Act> {
    (0..answer.len()).map(|length| Act::Send(answer[..length].to_vec())).collect()
}

/// What is sent of an answer, for a failed assertion.
fn shown(answer: &[u8], length: usize) -> String {
    String::from_utf8_lossy(&answer[..length]).into_owned()
}

#[tokio::test]
async fn an_acceptance_cut_at_any_byte_is_ambiguous_and_asked_for_once() {
    let body =
        r#"{"operations":[{"id":"op-1","operationType":"ExportSnapshot","status":"Started","isTerminal":false}]}"#;
    for answer in framed(200, "", body) {
        let server = RawServer::start(every_cut(&answer)).await;
        let api = lightsail(&server.url(), PATIENT);
        for length in 0..answer.len() {
            let error = api.export_snapshot(&name()).await.expect_err("it is broken");
            assert_eq!(error.class, ErrorClass::Ambiguous, "{error} after {:?}", shown(&answer, length));
            assert_eq!(server.requests().len(), length + 1, "after {:?}", shown(&answer, length));
        }
    }
}

#[tokio::test]
async fn a_refusal_cut_at_any_byte_is_ambiguous_until_its_code_is_read() {
    let wait = "Please wait for it to complete before trying again";
    for (code, message) in [("ThrottlingException", "Rate exceeded"), ("InvalidInputException", wait)] {
        let body = serde_json::json!({ "__type": code, "message": message }).to_string();
        for header in [String::new(), format!("x-amzn-errortype: {code}\r\n")] {
            for answer in framed(400, &header, &body) {
                let server = RawServer::start(every_cut(&answer)).await;
                let api = lightsail(&server.url(), PATIENT);
                for length in 0..answer.len() {
                    let error = api.export_snapshot(&name()).await.expect_err("it is broken");
                    let told = !header.is_empty()
                        && match error.code.as_str() {
                            // The message, which is lost, would say whether it is for good.
                            "InvalidInputException" => error.class == ErrorClass::RetryLater,
                            _ => error.class == ErrorClass::Throttled,
                        };
                    assert!(told || error.class == ErrorClass::Ambiguous, "{error} after {:?}", shown(&answer, length));
                    assert_eq!(server.requests().len(), length + 1, "after {:?}", shown(&answer, length));
                }
            }
        }
    }
}

#[tokio::test]
async fn a_page_of_records_cut_at_any_byte_is_no_page() {
    let body = r#"{"exportSnapshotRecords":[{"name":"ExportSnapshotRecord-1","arn":"arn:aws:lightsail:eu-west-1:123456789012:ExportSnapshotRecord/1",
        "state":"Succeeded","sourceInfo":{"name":"web-1"},"destinationInfo":{"id":"ami-1","service":"Aws::EC2::Image"}}]}"#;
    for answer in framed(200, "", body) {
        let server = RawServer::start(every_cut(&answer)).await;
        let api = lightsail(&server.url(), PATIENT);
        for length in 0..answer.len() {
            let error = api.export_records(None).await.expect_err("it is broken");
            assert_eq!(error.class, ErrorClass::Ambiguous, "{error} after {:?}", shown(&answer, length));
            assert_eq!(server.requests().len(), length + 1, "after {:?}", shown(&answer, length));
        }
    }
}

#[tokio::test]
async fn the_operations_of_a_snapshot_cut_at_any_byte_are_no_page() {
    let body =
        r#"{"operations":[{"id":"op-1","operationType":"ExportSnapshot","resourceName":"web-1","status":"Started"}]}"#;
    for answer in framed(200, "", body) {
        let server = RawServer::start(every_cut(&answer)).await;
        let api = lightsail(&server.url(), PATIENT);
        for length in 0..answer.len() {
            // Half a page would be taken for proof that the rest is not there.
            let error = api.operations(Some(&name()), None).await.expect_err("it is broken");
            assert_eq!(error.class, ErrorClass::Ambiguous, "{error} after {:?}", shown(&answer, length));
            assert_eq!(server.requests().len(), length + 1, "after {:?}", shown(&answer, length));
        }
    }
}

/// What a server does with a connection before it has read a request.
#[derive(Debug, Clone, Copy)]
enum Door {
    /// Resets it at once.
    Resets,
    /// Takes it and never reads.
    NeverReads,
}

async fn doors(door: Door) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            match door {
                Door::Resets => stream.set_zero_linger().expect("a reset"),
                Door::NeverReads => kept.push(stream),
            }
        }
    });
    format!("http://127.0.0.1:{port}")
}

#[tokio::test]
async fn a_connection_that_was_made_and_took_nothing_is_ambiguous() {
    for (door, timeout) in [(Door::Resets, PATIENT), (Door::NeverReads, HASTY)] {
        let error = lightsail(&doors(door).await, timeout).export_snapshot(&name()).await.expect_err("an error");
        // The system took the bytes; who can say where they went?
        assert_eq!(error.class, ErrorClass::Ambiguous, "{door:?}: {error}");
    }
}

/// How a TLS handshake fails.
#[derive(Debug, Clone, Copy)]
enum Tls {
    /// With a certificate that nobody vouches for.
    OfNobody,
    /// The connection ends in the middle of it.
    Cut,
    /// It is reset in the middle of it.
    Reset,
}

async fn tls(how: Tls) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let certificate = CertificateDer::from(include_bytes!("../fixtures/tls/nobody.crt.der").to_vec());
    let key = PrivatePkcs8KeyDer::from(include_bytes!("../fixtures/tls/nobody.key.der").to_vec());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key.into())
        .expect("a certificate");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            match how {
                Tls::OfNobody => drop(tokio::spawn(acceptor.clone().accept(stream))),
                Tls::Cut | Tls::Reset => {
                    let greeting = stream.read_u8().await;
                    assert!(greeting.is_ok_and(|first| first == 22), "a handshake");
                    // The beginning of an answer, and no more.
                    let _ = stream.write_all(&[22, 3, 3, 0, 100, 2]).await;
                    if matches!(how, Tls::Reset) {
                        stream.set_zero_linger().expect("a reset");
                    }
                }
            }
        }
    });
    format!("https://127.0.0.1:{port}")
}

#[tokio::test]
async fn where_tls_fails_nothing_was_sent() {
    for how in [Tls::OfNobody, Tls::Cut, Tls::Reset] {
        let error = lightsail(&tls(how).await, PATIENT).export_snapshot(&name()).await.expect_err("an error");
        assert_eq!((error.class, error.code.as_str()), (ErrorClass::Unreachable, "Unreachable"), "{how:?}: {error}");
    }
}

async fn world_of(names: &[&str]) -> World {
    let config = SimulatorConfig {
        fleet: Fleet::Listed(names.iter().map(|name| FleetEntry::named(name)).collect()),
        operation_time: "50ms..400ms".parse().expect("a spread"),
        ..SimulatorConfig::default()
    };
    World::new(config).await
}

/// Every way that a request and its answer can be lost, once for each snapshot's export and once for every third reading.
#[tokio::test]
async fn through_a_network_that_breaks_everything_once_each_snapshot_is_sent_once() {
    let ways = [
        Way::ResetBefore,
        Way::ResetAfter,
        Way::SilentBefore,
        Way::SilentAfter,
        Way::Cut(0),
        Way::Cut(9),
        Way::Cut(70),
        Way::Cut(usize::MAX),
        Way::Slow,
        Way::Clear,
    ];
    let names: Vec<String> = (0..ways.len()).map(|n| format!("web-{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut world = world_of(&names).await;
    let by_name: HashMap<String, Way> = names.iter().map(|name| (*name).to_owned()).zip(ways).collect();
    let spent = Mutex::new((HashSet::new(), 0_usize));
    let proxy = Proxy::start(world.simulator.address(), move |request| {
        let mut spent = spent.lock().expect("not poisoned");
        if !request.contains("Lightsail_20161128.ExportSnapshot") {
            spent.1 += 1;
            return if spent.1.is_multiple_of(3) { ways[spent.1 / 3 % ways.len()] } else { Way::Clear };
        }
        let body = request.split("\r\n\r\n").nth(1).expect("a body");
        let asked: serde_json::Value = serde_json::from_str(body).expect("JSON");
        let name = asked["sourceSnapshotName"].as_str().expect("a name").to_owned();
        let way = by_name[&name];
        if spent.0.insert(name) { way } else { Way::Clear }
    })
    .await;
    world.endpoint = proxy.url();
    world.enqueue(&names).await;
    world.drain().await;
    for (name, way) in names.iter().zip(ways) {
        let job = world.job(name).await;
        assert_eq!(job.state, JobState::Succeeded, "{way:?}: {:?}", job.error_message);
        assert_eq!(world.sent(name).len(), 1, "{way:?}: calls that arrived");
        assert_eq!(world.exports(name), 1, "{way:?}");
        let detail = world.queue.job(job.id).await.expect("readable").expect("a job");
        let outcomes: Vec<_> = detail.attempts.iter().filter_map(|attempt| attempt.outcome).collect();
        let expected = if matches!(way, Way::Clear) {
            vec![AttemptOutcome::Accepted]
        } else if way.hands_on() {
            vec![AttemptOutcome::Found]
        } else {
            vec![AttemptOutcome::Absent, AttemptOutcome::Accepted]
        };
        assert_eq!(outcomes, expected, "{way:?}");
    }
}

#[tokio::test]
async fn where_no_connection_is_made_no_job_loses_an_attempt() {
    let refused = {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        format!("http://{}", listener.local_addr().expect("an address"))
    };
    for endpoint in ["http://lightsail.invalid".to_owned(), refused, tls(Tls::OfNobody).await, tls(Tls::Cut).await] {
        let mut world = world_of(&["web-1"]).await;
        let real = std::mem::replace(&mut world.endpoint, endpoint.clone());
        world.enqueue(&["web-1"]).await;
        let running = world.start();
        let trouble = async || {
            let lanes = world.queue.lane_records().await.expect("lanes");
            lanes[0].blocked.as_ref().map(|block| block.trouble)
        };
        eventually("the lane is blocked", async || trouble().await == Some(LaneTrouble::Unreachable)).await;
        running.stop().await;
        let job = world.job("web-1").await;
        assert_eq!((job.state, job.attempts), (JobState::Queued, 0), "{endpoint}");
        assert!(world.simulator.calls().is_empty(), "{endpoint}");
        world.endpoint = real;
        world.drain().await;
        assert_eq!((world.state("web-1").await, world.exports("web-1")), (JobState::Succeeded, 1), "{endpoint}");
    }
}
