//! The usual AWS chain, as a process with an environment of its own sees it: these tests run this very test binary
//! again, because an environment cannot be changed from within.

use crate::raw_server::{Act, RawServer};
use snapferry::domain::{Region, SnapshotName};
use snapferry::lightsail::{AccountAccess, AwsLightsail, ErrorClass, Lightsail, SharedHttp, usual_region};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Runs one of the tests marked as child's below, with a folder of AWS files and nothing of this process's chain.
async fn run_child(test: &str, folder: &Path, environment: &[(&str, &str)]) {
    let mut child = tokio::process::Command::new(std::env::current_exe().expect("this binary"));
    child.args(["--exact", test, "--ignored", "--nocapture"]).kill_on_drop(true).env_clear();
    child.env("AWS_CONFIG_FILE", folder.join("config")).env("AWS_SHARED_CREDENTIALS_FILE", folder.join("credentials"));
    child
        .env("SNAPFERRY_TEST_FOLDER", folder)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .envs(environment.iter().copied());
    let output = child.output().await.expect("the child");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

fn write_keys(folder: &Path, key: &str) {
    let text = format!("[ferry]\naws_access_key_id = {key}\naws_secret_access_key = secret\n");
    std::fs::write(folder.join("credentials"), text).expect("a file");
}

#[expect(clippy::disallowed_methods, reason = "the parent says where the files are")]
fn folder() -> PathBuf {
    PathBuf::from(std::env::var_os("SNAPFERRY_TEST_FOLDER").expect("started by its parent"))
}

async fn export(api: &AwsLightsail) -> Result<(), ErrorClass> {
    let name = SnapshotName::parse("web-1").expect("a name");
    api.export_snapshot(&name).await.map(drop).map_err(|error| error.class)
}

fn lightsail(access: AccountAccess) -> AwsLightsail {
    let region = Region::parse("eu-west-1").expect("a Region");
    let api = AwsLightsail::new(access, region, Duration::from_mins(1), SharedHttp::without_proxy());
    api.expect_account(None);
    api
}

#[tokio::test]
async fn renewed_credentials_are_taken_up_and_a_named_profile_goes_before_the_environment() {
    let expired = Act::answer(400, &[], r#"{"__type":"ExpiredTokenException","message":"m"}"#);
    let unavailable = Act::answer(503, &[], "{}");
    let server = RawServer::start([expired, unavailable, Act::answer(200, &[], "{}")]).await;
    let folder = tempfile::tempdir().expect("a folder");
    write_keys(folder.path(), "AKOLD");
    std::fs::write(folder.path().join("config"), "[profile ferry]\nregion = eu-north-1\n").expect("a file");
    let environment = [
        ("AWS_ENDPOINT_URL_LIGHTSAIL", server.url()),
        ("AWS_ACCESS_KEY_ID", "AKENV".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "secret".to_owned()),
        ("AWS_MAX_ATTEMPTS", "5".to_owned()),
        ("AWS_RETRY_MODE", "adaptive".to_owned()),
    ];
    let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    run_child("wire_chain::child_renews_its_keys", folder.path(), &environment).await;

    let keys = ["AKOLD", "AKNEW", "AKNEW", "AKENV"];
    let requests = server.requests();
    assert_eq!(requests.len(), keys.len(), "AWS_MAX_ATTEMPTS repeats nothing");
    for (request, key) in requests.iter().zip(keys) {
        assert!(request.contains(&format!("Credential={key}/")), "{key}: {request}");
    }
}

#[tokio::test]
#[ignore = "a child of the test above"]
async fn child_renews_its_keys() {
    let api = lightsail(AccountAccess { profile: Some("ferry".into()), ..AccountAccess::default() });
    assert_eq!(export(&api).await, Err(ErrorClass::Credentials));
    write_keys(&folder(), "AKNEW");
    assert_eq!(export(&api).await, Err(ErrorClass::Ambiguous));
    assert_eq!(export(&api).await, Ok(()));
    assert_eq!(export(&lightsail(AccountAccess::default())).await, Ok(()));
    let ferry = usual_region(Some("ferry")).await.expect("a Region with Lightsail");
    assert_eq!(ferry.map(Region::as_str), Some("eu-north-1"));
    assert_eq!(usual_region(None).await, Ok(None));
}

#[tokio::test]
async fn a_role_is_assumed_with_its_external_id_and_not_at_the_endpoint_of_lightsail() {
    const ASSUMED: &str = r#"<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>
        <Credentials><AccessKeyId>AKROLE</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>
        <Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"#;
    let sts = RawServer::start([Act::answer(200, &[("content-type", "text/xml")], ASSUMED)]).await;
    let lightsail = RawServer::start([Act::answer(200, &[], "{}")]).await;
    let folder = tempfile::tempdir().expect("a folder");
    write_keys(folder.path(), "AKBASE");
    std::fs::write(folder.path().join("endpoint"), lightsail.url()).expect("a file");
    let url = sts.url();
    run_child("wire_chain::child_assumes_a_role", folder.path(), &[("AWS_ENDPOINT_URL_STS", &url)]).await;

    let (asked, sent) = (sts.requests(), lightsail.requests());
    assert_eq!((asked.len(), sent.len()), (1, 1));
    assert!(asked[0].contains("ExternalId=outside") && asked[0].contains("Credential=AKBASE/"), "{}", asked[0]);
    assert!(sent[0].contains("Credential=AKROLE/"), "{}", sent[0]);
}

#[tokio::test]
#[ignore = "a child of the test above"]
async fn child_assumes_a_role() {
    let endpoint = std::fs::read_to_string(folder().join("endpoint")).expect("a file");
    let api = lightsail(AccountAccess {
        profile: Some("ferry".into()),
        role_arn: Some("arn:aws:iam::123456789012:role/exporter".into()),
        external_id: Some("outside".into()),
        endpoint_url: Some(endpoint),
        ..AccountAccess::default()
    });
    assert_eq!(export(&api).await, Ok(()));
}
