//! Lightsail's answers through the real client: what it makes of them, whatever they are.

use serde::de::IgnoredAny;
use snapferry::domain::{OperationId, Region, SnapshotName};
use snapferry::lightsail::{
    AccountAccess, AwsLightsail, CallError, CredentialSource, ErrorClass, Lightsail, RawAnswer, SharedHttp,
    SnapshotKind,
};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::runtime::Runtime;

/// The statuses that the second byte chooses from.
const STATUSES: [u16; 12] = [200, 200, 200, 200, 204, 301, 400, 403, 404, 429, 500, 503];

/// What the third byte may put into the header `x-amzn-errortype`; 0 leaves it out.
const TYPES: [&str; 6] = [
    "ServiceException",
    "ThrottlingException",
    "InvalidInputException",
    "NotFoundException:http://internal.amazon.com/",
    "AccessDeniedException",
    "x",
];

struct Client {
    runtime: Runtime,
    api: AwsLightsail,
    /// The same for exports, which are of whatever account: it reads nothing that would show one.
    exports: AwsLightsail,
    answer: Arc<Mutex<RawAnswer>>,
}

thread_local! {
    static CLIENT: Client = client();
}

fn client() -> Client {
    let answer = Arc::new(Mutex::new(RawAnswer::default()));
    let told = Arc::clone(&answer);
    let access = AccountAccess {
        endpoint_url: Some("http://127.0.0.1:9".to_owned()),
        credentials: CredentialSource::Fixed { access_key: "AKIASIM".to_owned(), secret_key: "secret".to_owned() },
        ..AccountAccess::default()
    };
    let http = SharedHttp::answering(move || told.lock().expect("not poisoned").clone());
    let region = Region::parse("eu-west-1").expect("a Region");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let api = || AwsLightsail::new(access.clone(), region, Duration::from_secs(30), http.clone());
    let exports = api();
    exports.expect_account(None);
    Client { runtime, api: api(), exports, answer }
}

/// Gives the bytes behind the first three to one of the seven calls as its answer.
pub(crate) fn check(data: &[u8]) {
    let [call, status, kind, body @ ..] = data else { return };
    let status = STATUSES[usize::from(*status) % STATUSES.len()];
    let error_type = usize::from(*kind).checked_sub(1).map(|kind| TYPES[kind % TYPES.len()].to_owned());
    CLIENT.with(|client| {
        *client.answer.lock().expect("not poisoned") = RawAnswer { status, error_type, body: body.to_vec() };
        let whole = (200..300).contains(&status) && is_object(body);
        let api = if call % 7 == 0 { &client.exports } else { &client.api };
        let heard = client.runtime.block_on(ask(api, call % 7));
        match heard {
            Heard::Success(reads) => {
                assert!(whole, "taken for a success");
                assert!(reads <= body.len(), "{reads} entries in {} bytes", body.len());
            }
            Heard::Nothing => assert!(whole || !(200..300).contains(&status), "taken for absent"),
            Heard::Failure(error) => {
                assert!(error.message.chars().count() <= CallError::LONGEST, "{}", error.message);
                assert!(!error.message.chars().any(char::is_control), "{:?}", error.message);
                // Only what names itself so may be called without effect; a success that cannot be read never is.
                if (200..300).contains(&status) {
                    assert_eq!(error.class, ErrorClass::Ambiguous, "{status}: {error:?}");
                }
                assert_ne!(error.class, ErrorClass::Unreachable, "there was an answer: {error:?}");
            }
        }
    });
}

/// By the grammar alone: a number may be beyond what anybody can hold.
fn is_object(body: &[u8]) -> bool {
    let text = std::str::from_utf8(body).ok();
    text.is_some_and(|text| {
        text.trim_ascii_start().starts_with('{') && serde_json::from_str::<IgnoredAny>(text).is_ok()
    })
}

enum Heard {
    /// An answer with so many entries.
    Success(usize),
    /// There is no such thing.
    Nothing,
    Failure(CallError),
}

async fn ask(api: &AwsLightsail, call: u8) -> Heard {
    fn page<T>(page: Result<snapferry::lightsail::Page<T>, CallError>) -> Heard {
        page.map_or_else(Heard::Failure, |page| Heard::Success(page.items.len()))
    }
    let name = SnapshotName::parse("web-1").expect("a name");
    match call {
        0 => match api.export_snapshot(&name).await {
            Ok(accepted) => Heard::Success(accepted.operations.len()),
            Err(error) => Heard::Failure(error),
        },
        1 => match api.get_operation(&OperationId::new("op-1")).await {
            Ok(Some(_)) => Heard::Success(1),
            Ok(None) => Heard::Nothing,
            Err(error) => Heard::Failure(error),
        },
        2 => page(api.operations(None, None).await),
        3 => match api.operations(Some(&name), None).await {
            Ok(page) if page.items.is_empty() => Heard::Nothing,
            other => page(other),
        },
        4 => page(api.export_records(None).await),
        5 => page(api.snapshots(SnapshotKind::Instance, None).await),
        _ => page(api.snapshots(SnapshotKind::Disk, None).await),
    }
}
