//! What lanes share: the turns of their reads, and the credentials of their account.

use super::{AccountAccess, AwsLightsail, CredentialSource, SharedHttp};
use crate::domain::{Region, SnapshotName};
use crate::lightsail::region_slots::READS;
use crate::lightsail::{CallError, Lightsail as _};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

const ROLE: &str = "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><Credentials>\
                    <AccessKeyId>AKROLE</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>\
                    <Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>";
const EXPIRED: &str = r#"{"__type": "ExpiredTokenException", "message": "The token has expired."}"#;

/// A call that waits for its answer, with its address and what it is for.
type Call = (String, oneshot::Sender<(u16, &'static str)>);

/// Answers when the test says so; STS does at once, and is counted.
#[derive(Debug, Clone)]
struct Held {
    calls: mpsc::UnboundedSender<Call>,
    roles: Arc<AtomicUsize>,
}

impl HttpConnector for Held {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if request.uri().contains("//sts.") {
            self.roles.fetch_add(1, Ordering::Relaxed);
            return HttpConnectorFuture::ready(Ok(response(200, ROLE)));
        }
        let what = format!("{} {}", request.uri(), request.headers().get("x-amz-target").unwrap_or_default());
        let (answer, answered) = oneshot::channel();
        self.calls.send((what, answer)).expect("a test");
        HttpConnectorFuture::new(async move {
            let (status, body) = answered.await.unwrap_or((200, "{}"));
            Ok(response(status, body))
        })
    }
}

fn response(status: u16, body: &'static str) -> HttpResponse {
    HttpResponse::new(StatusCode::try_from(status).expect("a status"), SdkBody::from(body))
}

fn held() -> (SharedHttp, mpsc::UnboundedReceiver<Call>, Arc<AtomicUsize>) {
    let (calls, made) = mpsc::unbounded_channel();
    let held = Held { calls, roles: Arc::default() };
    let roles = Arc::clone(&held.roles);
    (SharedHttp::through(http_client_fn(move |_, _| SharedHttpConnector::new(held.clone()))), made, roles)
}

fn lane(http: &SharedHttp, role: Option<&str>, region: &str) -> AwsLightsail {
    let credentials = CredentialSource::Fixed { access_key: "AK".to_owned(), secret_key: "any".to_owned() };
    let access = AccountAccess { role_arn: role.map(ToOwned::to_owned), credentials, ..AccountAccess::default() };
    AwsLightsail::new(access, Region::parse(region).expect("a Region"), Duration::from_secs(30), http.clone())
}

#[tokio::test]
async fn reads_of_a_region_take_turns_and_hold_back_no_export_no_other_region_and_nobody_for_long() {
    const MORE: usize = 8;
    let (http, mut calls, _) = held();
    let mut tasks = JoinSet::<Result<(), CallError>>::new();
    for _ in 0..READS + MORE {
        let lane = lane(&http, None, "eu-west-1");
        tasks.spawn(async move { lane.operations(None, None).await.map(drop) });
    }
    let mut out = Vec::new();
    for _ in 0..READS {
        out.push(calls.recv().await.expect("a call"));
    }
    let (export, other) = (lane(&http, None, "eu-west-1"), lane(&http, None, "us-east-1"));
    export.expect_account(None);
    tasks.spawn(async move { export.export_snapshot(&SnapshotName::parse("web-1").expect("a name")).await.map(drop) });
    let call = calls.recv().await.expect("a call");
    assert!(call.0.ends_with("ExportSnapshot"), "{}", call.0);
    out.push(call);
    tasks.spawn(async move { other.operations(None, None).await.map(drop) });
    let call = calls.recv().await.expect("a call");
    assert!(call.0.contains("us-east-1"), "{}", call.0);
    out.push(call);
    out.swap_remove(0).1.send((200, "{}")).expect("it waits");
    out.push(calls.recv().await.expect("the next one's turn"));
    assert!(calls.try_recv().is_err(), "one for one");
    // Those that get no answer do not keep the others waiting for as long as an attempt may take.
    for _ in 1..MORE {
        out.push(calls.recv().await.expect("a call"));
    }
    drop(out);
    while let Some(done) = tasks.join_next().await {
        done.expect("no panic").expect("an answer");
    }
}

#[tokio::test]
async fn lanes_of_an_account_share_its_credentials_and_get_new_ones_together() {
    let (http, mut calls, roles) = held();
    let lanes: Vec<_> = ["eu-west-1", "eu-west-2", "us-east-1"]
        .map(|region| Arc::new(lane(&http, Some("arn:aws:iam::1:role/a"), region)))
        .into();
    let mut read = async |lane: usize, answer: (u16, &'static str)| {
        let api = Arc::clone(&lanes[lane]);
        let reading = tokio::spawn(async move { api.operations(None, None).await.map(drop) });
        calls.recv().await.expect("a call").1.send(answer).expect("it waits");
        reading.await.expect("no panic")
    };
    for lane in 0..3 {
        read(lane, (200, "{}")).await.expect("an answer");
    }
    assert_eq!(roles.load(Ordering::Relaxed), 1);
    read(0, (400, EXPIRED)).await.expect_err("expired");
    for lane in 0..3 {
        read(lane, (200, "{}")).await.expect("an answer");
    }
    assert_eq!(roles.load(Ordering::Relaxed), 2);
    // Another account's are its own.
    let other = lane(&http, Some("arn:aws:iam::2:role/a"), "eu-west-1");
    let reading = tokio::spawn(async move { other.operations(None, None).await.map(drop) });
    drop(calls.recv().await.expect("a call"));
    reading.await.expect("no panic").expect("an answer");
    assert_eq!(roles.load(Ordering::Relaxed), 3);
}
