//! Several accounts: roles with an external id, Regions of an account, and credentials that are renewed while the daemon
//! runs.

use super::home::{Home, SETTINGS};
use super::raw_server::{Act, RawServer};
use super::world::eventually;
use lightsail_simulator::{FaultRule, Faults, Fleet, FleetEntry};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

const ROLE: &str = "arn:aws:iam::100000000002:role/ferry";

/// Hands out the key in the file `session`, for two seconds; without the file it fails.
const SESSION: &str = r#"#!/bin/sh
key=$(cat session) || exit 1
until=$(date -u -d '+2 seconds' +%FT%TZ)
echo "{\"Version\": 1, \"AccessKeyId\": \"$key\", \"SecretAccessKey\": \"s\", \"Expiration\": \"$until\"}"
"#;

/// STS's answer with credentials of a role.
fn assumed(key: &str) -> Act {
    let credentials = format!(
        "<AccessKeyId>{key}</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>\
         <Expiration>2099-01-01T00:00:00Z</Expiration>"
    );
    Act::answer(
        200,
        &[("content-type", "text/xml")],
        &format!(
            "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><Credentials>\
             {credentials}</Credentials></AssumeRoleResult></AssumeRoleResponse>"
        ),
    )
}

fn identity(arn: &str) -> Act {
    Act::answer(
        200,
        &[("content-type", "text/xml")],
        &format!(
            "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
             <Arn>{arn}</Arn><UserId>U</UserId><Account>100000000002</Account></GetCallerIdentityResult>\
             </GetCallerIdentityResponse>"
        ),
    )
}

fn refused(code: &str) -> Act {
    Act::answer(
        403,
        &[("content-type", "text/xml")],
        &format!(
            "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type><Code>{code}\
             </Code><Message>No.</Message></Error><RequestId>r</RequestId></ErrorResponse>"
        ),
    )
}

async fn with_a_role() -> Home {
    let home = Home::new(|_| {}).await;
    let role = format!("[accounts.role]\nprofile = 'a'\nrole_arn = '{ROLE}'\nexternal_id = 'ferry-4711'\n");
    let settings = SETTINGS.split("[accounts.").next().expect("settings").to_owned();
    home.put("ferry.toml", &(settings + &role + "regions = ['eu-west-1']\n"));
    home
}

#[tokio::test]
async fn a_role_is_taken_on_with_its_external_id() {
    let home = with_a_role().await;
    let sts = RawServer::start([assumed("ASIASIM100000000002")]).await;
    let ran = home.run_by(&[("AWS_ENDPOINT_URL_STS", &sts.url())], &["discover"]).await.exits(0);
    assert_eq!(ran.names(), ["shop-1"], "what the role's account has");
    let asked = sts.requests();
    for part in
        ["Action=AssumeRole", "RoleArn=arn%3Aaws%3Aiam%3A%3A100000000002%3Arole%2Fferry", "ExternalId=ferry-4711"]
    {
        assert!(asked[0].contains(part), "{part}: {asked:?}");
    }
    assert!(asked[0].contains("Credential=AKIASIM100000000001/"), "with the profile's credentials: {asked:?}");
}

#[tokio::test]
async fn doctor_says_who_the_role_is_or_why_it_cannot_be_taken_on() {
    let home = with_a_role().await;
    let who = "arn:aws:sts::100000000002:assumed-role/ferry/snapferry";
    let key = || assumed("ASIASIM100000000002");
    let sts = RawServer::start([key(), identity(who), key()]).await;
    let ran = home.run_by(&[("AWS_ENDPOINT_URL_STS", &sts.url())], &["doctor"]).await.exits(0);
    assert!(ran.out.contains(&format!("ok: credentials of {who}\n")), "{}", ran.out);

    let sts = RawServer::start([refused("AccessDenied")]).await;
    let ran = home.run_by(&[("AWS_ENDPOINT_URL_STS", &sts.url())], &["doctor"]).await.exits(3);
    assert!(ran.out.contains("error: the credentials do not work") && ran.out.contains("AccessDenied"), "{}", ran.out);
    assert!(ran.out.contains(&format!("assume {ROLE} (sts:AssumeRole)")), "{}", ran.out);
    assert!(!ran.out.contains("ferry-4711"), "the external id is nobody's business");
}

#[tokio::test]
async fn rows_outside_of_an_accounts_regions_are_refused_and_an_only_region_need_not_be_named() {
    let home = Home::new(|_| {}).await;
    let enqueue = ["enqueue", "-", "--database", "sqlite://ferry.db"];
    let ran = home.run_with(&enqueue, "name,account,region\nshop-1,beta,us-east-1\nweb-1,alpha,\n").await.exits(2);
    assert!(ran.err.contains("account beta has no Region us-east-1 in the settings: write eu-west-1"), "{}", ran.err);
    assert!(ran.err.contains("names no Region"), "{}", ran.err);
    home.run_with(&enqueue, "name,account\nshop-1,beta\nshop-2,gamma\n").await.exits(0);
    let jobs = home.run(&["jobs", "--json", "--database", "sqlite://ferry.db"]).await.exits(0);
    let jobs: Value = serde_json::from_str(&jobs.out).expect("JSON");
    assert_eq!((&jobs[0]["region"], &jobs[1]["region"]), (&"eu-west-1".into(), &"us-east-1".into()));
    let plan = home.run_with(&["plan", "-"], "name,account,region\nshop-1,beta,us-east-1\n").await.exits(2);
    assert!(plan.err.contains("account beta has no Region us-east-1"), "{}", plan.err);
}

#[tokio::test]
async fn jobs_of_an_account_that_is_no_longer_in_the_settings_are_sent_for_by_no_other_credentials() {
    let home = Home::new(|_| {}).await;
    let database = ["--database", "sqlite://ferry.db"];
    home.run_with(&[&["enqueue", "-"][..], &database].concat(), "name,account,region\nweb-1,alpha,eu-west-1\n")
        .await
        .exits(0);
    let settings =
        SETTINGS.replace("[accounts.alpha]", "[accounts.other]").replace("[plan]", "[lane]\nprobe = '200ms'\n[plan]");
    home.put("ferry.toml", &settings);
    // The usual chain would find these, and their account has a snapshot of that name.
    let usual = [("AWS_ACCESS_KEY_ID", "AKIASIM100000000001"), ("AWS_SECRET_ACCESS_KEY", "x")];
    let drain = [&["daemon", "--drain", "--max-wait", "2s"][..], &database].concat();
    home.run_by(&usual, &drain).await.exits(3);
    assert_eq!(home.simulator.calls().len(), 0, "{:?}", home.simulator.calls());
    let status = home.run(&[&["status"][..], &database].concat()).await.exits(0);
    assert!(status.out.contains("the settings have no account alpha"), "{}", status.out);
    let ran = home.run(&[&["doctor", "--account", "other"][..], &database].concat()).await.exits(3);
    assert!(ran.out.contains("1 job waits in alpha/eu-west-1, but the settings have no account alpha"), "{}", ran.out);

    home.put("ferry.toml", SETTINGS);
    home.run(&[&["daemon", "--drain"][..], &database].concat()).await.exits(0);
    assert_eq!(home.exports(), 1);
}

/// A profile whose credentials are good for some seconds, from a program that fails once the session is over.
#[tokio::test]
async fn credentials_that_run_out_while_the_daemon_runs_block_the_lane_until_they_are_renewed() {
    let home = Home::new(|_| {}).await;
    let script = home.path().join("session.sh");
    home.put("session.sh", SESSION);
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).expect("a script");
    home.put("credentials", &format!("[a]\ncredential_process = {}\n", script.display()));
    home.put("session", "AKIASIM100000000001");
    home.put("ferry.toml", &SETTINGS.replace("[plan]", "[lane]\nprobe = '200ms'\n[plan]"));
    home.put("first.csv", "name,account,region\nweb-1,alpha,eu-west-1\n");
    home.put("second.csv", "name,account,region\nweb-2,alpha,eu-west-1\n");
    let database = ["--database", "sqlite://ferry.db"];
    let run = async |words: &[&str]| home.run(&[words, &database].concat()).await.exits(0).out;
    run(&["enqueue", "first.csv"]).await;
    let mut daemon = home.command(&[&["daemon"][..], &database].concat());
    let mut daemon = daemon.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a daemon");
    eventually("the first is exported", async || home.exports() == 1).await;

    std::fs::remove_file(home.path().join("session")).expect("the session is over");
    run(&["enqueue", "second.csv"]).await;
    eventually("the lane is blocked", async || {
        let status: Value = serde_json::from_str(&run(&["status", "--json"]).await).expect("JSON");
        status["lanes"][0]["blocked"]["code"] == "credentials"
    })
    .await;
    assert_eq!(home.exports(), 1);

    home.put("session", "ASIASIM100000000001");
    eventually("the second is exported", async || home.exports() == 2).await;
    eventually("both have succeeded", async || {
        let jobs: Value = serde_json::from_str(&run(&["jobs", "--json"]).await).expect("JSON");
        jobs.as_array().expect("jobs").iter().all(|job| job["state"] == "succeeded" && job["attempts"] == 1)
    })
    .await;
    assert!(daemon.try_wait().expect("its state").is_none(), "the same daemon");
    daemon.kill().expect("killed");
    daemon.wait().expect("ended");
}

/// Snapshots of the same names in every account.
const BOTH: [&str; 12] = [
    "both-00", "both-01", "both-02", "both-03", "both-04", "both-05", "both-06", "both-07", "both-08", "both-09",
    "both-10", "both-11",
];

/// A home whose accounts all have [`BOTH`], and a daemon that is at work in the first: it has exported the first of them.
async fn at_work(credentials: &str) -> (Home, std::process::Child) {
    let home = Home::new(|config| {
        config.fleet = Fleet::Listed(BOTH.iter().map(|name| FleetEntry::named(name)).collect());
    })
    .await;
    let script = home.path().join("session.sh");
    home.put("session.sh", SESSION);
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).expect("a script");
    home.put("session", "AKIASIM100000000001");
    home.put("credentials", &credentials.replace("SCRIPT", &script.display().to_string()));
    home.put("ferry.toml", &SETTINGS.replace("[plan]", "[lane]\nprobe = '200ms'\n[plan]"));
    rows(&home, &BOTH[..1]).await;
    let mut daemon = home.command(&["daemon", "--database", "sqlite://ferry.db"]);
    let daemon = daemon.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a daemon");
    eventually("the first is exported", async || home.exports() == 1).await;
    (home, daemon)
}

async fn rows(home: &Home, names: &[&str]) {
    let rows = names.iter().fold("name,account,region\n".to_owned(), |rows, name| rows + name + ",alpha,eu-west-1\n");
    let enqueue = ["enqueue", "-", "--database", "sqlite://ferry.db"];
    home.run_with(&enqueue, &rows).await.exits(0);
}

/// Waits until the lane is blocked for its account, has the first account's credentials put back, and waits for the end.
async fn ends_in_the_first_account(home: &Home, mut daemon: std::process::Child, restore: impl FnOnce(&Home)) {
    let database = ["--database", "sqlite://ferry.db"];
    let run = async |words: &[&str]| home.run(&[words, &database].concat()).await.exits(0).out;
    eventually("the lane is blocked for its account", async || {
        let status: Value = serde_json::from_str(&run(&["status", "--json"]).await).expect("JSON");
        status["lanes"][0]["blocked"]["code"] == "identity"
    })
    .await;
    restore(home);
    eventually("all have succeeded", async || {
        let jobs: Value = serde_json::from_str(&run(&["jobs", "--json"]).await).expect("JSON");
        jobs.as_array().expect("jobs").iter().all(|job| job["state"] == "succeeded")
    })
    .await;
    daemon.kill().expect("killed");
    daemon.wait().expect("ended");
    let ledger = home.simulator.ledger();
    for (lane, exported) in &ledger.lanes {
        let count = exported.snapshots.values().map(|one| one.exports).sum::<usize>();
        assert_eq!(count, if lane.starts_with("100000000001") { BOTH.len() } else { 0 }, "{lane}");
    }
    assert_eq!(ledger.duplicates, 0);
}

#[tokio::test]
async fn a_client_made_anew_after_a_refusal_exports_nothing_before_it_has_shown_whose_it_is() {
    const FIRST: &str = "[a]\naws_access_key_id = AKIASIM100000000001\naws_secret_access_key = x\n";
    let (home, daemon) = at_work(FIRST).await;
    // The session is over; what the profile has by now are the credentials of another account.
    home.put("credentials", &FIRST.replace("0001", "0002"));
    let over = "ExpiredTokenException".parse().expect("a fault");
    home.simulator.set_faults(Faults { rules: vec![FaultRule::script("both-02", [over])], ..Faults::default() });
    rows(&home, &BOTH[1..]).await;
    ends_in_the_first_account(&home, daemon, |home| home.put("credentials", FIRST)).await;
}

#[tokio::test]
async fn credentials_that_become_another_accounts_without_a_refusal_export_nothing_there() {
    let (home, daemon) = at_work("[a]\ncredential_process = SCRIPT\n").await;
    rows(&home, &BOTH[1..]).await;
    eventually("the others are under way", async || home.exports() > 3).await;
    home.put("session", "AKIASIM100000000002");
    ends_in_the_first_account(&home, daemon, |home| home.put("session", "AKIASIM100000000001")).await;
}

#[tokio::test]
async fn another_key_of_the_same_account_goes_on_without_a_pause() {
    let (home, mut daemon) = at_work("[a]\ncredential_process = SCRIPT\n").await;
    home.put("session", "ASIASIM100000000001");
    rows(&home, &BOTH[1..]).await;
    let database = ["--database", "sqlite://ferry.db"];
    eventually("all have succeeded", async || {
        let jobs = home.run(&[&["jobs", "--json"][..], &database].concat()).await.exits(0).out;
        let jobs: Value = serde_json::from_str(&jobs).expect("JSON");
        jobs.as_array().expect("jobs").iter().all(|job| job["state"] == "succeeded" && job["attempts"] == 1)
    })
    .await;
    daemon.kill().expect("killed");
    daemon.wait().expect("ended");
    assert_eq!(home.exports(), BOTH.len());
}
