//! `doctor`, through the program against the simulator.

use super::documented;
use super::home::{Home, SETTINGS};
use super::json_schema::holds;
use super::world::eventually;
use lightsail_simulator::{FaultRule, Faults, SimulatorConfig};
use serde_json::Value;
use std::process::Stdio;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// The text without what differs from run to run.
fn steady(home: &Home, text: &str) -> String {
    let text = text
        .replace(&home.simulator.endpoint(), "http://SIMULATOR")
        .replace(&home.path().display().to_string(), "HOME")
        .lines()
        .map(|line| match (line.split_once(" in "), line.split_once(" free on its disk")) {
            (Some((before, _)), _) if line.ends_with(" ms") => format!("{before} in N ms"),
            (_, Some(_)) => "  ok: N free on its disk".to_owned(),
            _ => line.to_owned(),
        })
        .collect::<Vec<_>>();
    text.join("\n")
}

/// What the JSON says, held to its schema: subject, check, outcome of whatever is not well.
fn findings(json: &str) -> Vec<(String, String, String)> {
    let json: Value = serde_json::from_str(json).expect("JSON");
    holds("doctor", &json);
    documented(&json);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut found = Vec::new();
    for section in json["sections"].as_array().expect("sections") {
        for check in section["checks"].as_array().expect("checks") {
            let bad = matches!(check["outcome"].as_str(), Some("warning" | "error"));
            assert_eq!(bad, check["way"].is_string(), "{check}: what is to be done is told where something is");
            if bad {
                found.push((text(&section["subject"]), text(&check["check"]), text(&check["text"])));
            }
        }
    }
    assert_eq!(json["healthy"].as_bool(), Some(found.is_empty()));
    assert_eq!(json["errors"].as_u64().unwrap() + json["warnings"].as_u64().unwrap(), found.len() as u64);
    found
}

fn of(found: &[(String, String, String)]) -> Vec<(&str, &str)> {
    found.iter().map(|(subject, check, _)| (subject.as_str(), check.as_str())).collect()
}

#[tokio::test]
async fn where_all_is_well_it_says_so_and_has_read_once_and_written_nothing() {
    let home = Home::new(|_| {}).await;
    let ran = home.run(&["doctor"]).await.exits(0);
    insta::assert_snapshot!(steady(&home, &ran.out));
    assert_eq!(ran.err, "");
    assert_eq!(home.files(), ["credentials", "ferry.toml"], "no database, no folder for one");
    let mut calls: Vec<String> = home
        .simulator
        .calls()
        .into_iter()
        .filter(|call| call.account == "100000000002")
        .map(|call| call.operation)
        .collect();
    calls.sort();
    assert_eq!(
        calls,
        [
            "GetDiskSnapshot",
            "GetDiskSnapshots",
            "GetExportSnapshotRecords",
            "GetInstanceSnapshot",
            "GetInstanceSnapshots",
            "GetOperation",
            "GetOperations",
            "GetOperationsForResource",
        ]
    );
    let json = home.run(&["doctor", "--json", "--account", "beta"]).await.exits(0);
    assert_eq!(findings(&json.out), []);
    let lanes = json.out.matches("\"subject\": \"lane\"").count();
    assert_eq!(lanes, 1, "{}", json.out);
}

#[tokio::test]
async fn account_and_region_narrow_it_and_strangers_are_wrong_usage() {
    let home = Home::new(|_| {}).await;
    let ran = home.run(&["doctor", "--region", "us-east-1", "--account", "alpha", "--account", "gamma"]).await.exits(0);
    let lanes: Vec<&str> = ran.out.lines().filter(|line| line.starts_with("LANE")).collect();
    assert_eq!(lanes, ["LANE alpha/us-east-1", "LANE gamma/us-east-1"]);
    // An account whose settings name other Regions is not meant.
    let ran = home.run(&["doctor", "--region", "us-east-1"]).await.exits(0);
    assert!(ran.out.contains("ACCOUNT alpha") && !ran.out.contains("ACCOUNT beta"), "{}", ran.out);
    let ran = home.run(&["doctor", "--region", "ap-south-1"]).await.exits(2);
    assert!(ran.err.contains("ap-south-1: not among the `regions`"), "{}", ran.err);
    let ran = home.run(&["doctor", "--account", "delta"]).await.exits(2);
    assert!(ran.err.contains("unknown account \"delta\"; the settings have alpha, beta, gamma"), "{}", ran.err);
}

#[tokio::test]
async fn what_is_denied_is_named() {
    let home = Home::new(|config: &mut SimulatorConfig| {
        let rule = |operation: &str| FaultRule {
            operation: Some(operation.to_owned()),
            fault: Some("AccessDeniedException".parse().expect("a fault")),
            ..FaultRule::default()
        };
        config.faults = Faults { rules: vec![rule("GetOperations"), rule("GetDiskSnapshot")], ..Faults::default() };
    })
    .await;
    let ran = home.run(&["doctor", "--account", "beta"]).await.exits(3);
    insta::assert_snapshot!(steady(&home, &ran.out));
}

#[tokio::test]
async fn credentials_that_are_missing_are_told_from_a_service_that_is() {
    let home = Home::new(|_| {}).await;
    home.put("credentials", "[other]\naws_access_key_id = A\naws_secret_access_key = B\n");
    let ran = home.run(&["doctor", "--json", "--account", "beta"]).await.exits(3);
    let found = findings(&ran.out);
    assert_eq!(of(&found), [("account", "credentials")]);
    assert!(found[0].2.contains("NoCredentials") && found[0].2.contains("profile `b` was not defined"), "{found:?}");
    assert!(ran.out.contains("aws sso login --profile b"), "{}", ran.out);
    assert!(home.simulator.calls().iter().all(|call| call.operation.is_empty()), "{:?}", home.simulator.calls());
}

#[tokio::test]
async fn how_far_a_request_comes_is_told() {
    let home = Home::new(|_| {}).await;
    let port = home.simulator.endpoint().rsplit(':').next().expect("a port").to_owned();
    // Taken and let go: nobody listens there.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
    for (endpoint, proxy, said) in [
        ("http://snapferry.invalid".to_owned(), "", "unknown host snapferry.invalid"),
        (format!("http://127.0.0.1:{nobody}"), "", "no connection to 127.0.0.1"),
        (format!("https://127.0.0.1:{port}"), "", "TLS to https://127.0.0.1"),
        ("http://snapferry.invalid".to_owned(), "http://127.0.0.1:9", "cannot be reached through the proxy 127.0.0.1"),
    ] {
        let environment = [("AWS_ENDPOINT_URL_LIGHTSAIL", endpoint.as_str()), ("HTTP_PROXY", proxy)];
        let ran = home.run_by(&environment, &["doctor", "--json", "--account", "beta"]).await.exits(3);
        let found = findings(&ran.out);
        assert_eq!(of(&found), [("lane", "endpoint")], "{endpoint}");
        assert!(found[0].2.contains(said), "{endpoint}: {found:?}");
    }
}

/// A server that answers each request with the time that it is told.
async fn clock_that_says(date: &'static str) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let head = format!("HTTP/1.1 404 X\r\ndate: {date}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            let _ = stream.write_all(head.as_bytes()).await;
        }
    });
    format!("http://{address}")
}

#[tokio::test]
async fn a_clock_that_is_off_is_found_without_credentials() {
    let home = Home::new(|_| {}).await;
    home.put("credentials", "");
    let other = clock_that_says("Wed, 25 Nov 2020 08:00:00 GMT").await;
    let environment = [("AWS_ENDPOINT_URL_LIGHTSAIL", other.as_str())];
    let ran = home.run_by(&environment, &["doctor", "--json", "--account", "beta"]).await.exits(3);
    let found = findings(&ran.out);
    assert_eq!(of(&found), [("account", "credentials"), ("lane", "clock")]);
    assert!(found[1].2.contains("ahead of the service's: requests are refused"), "{found:?}");
}

#[tokio::test]
async fn settings_that_cannot_be_read_are_a_finding_and_those_that_contradict_each_other_too() {
    let home = Home::new(|_| {}).await;
    home.put("ferry.toml", "[exprot]\nrate = 3\n");
    let ran = home.run(&["doctor", "--json"]).await.exits(3);
    let found = findings(&ran.out);
    assert_eq!(of(&found), [("settings", "settings")]);
    assert!(found[0].2.contains("there is no setting exprot"), "{found:?}");
    let ran = home.run(&["doctor"]).await.exits(3);
    assert!(ran.out.contains("SETTINGS") && ran.out.contains("ferry.toml\n"), "{}", ran.out);

    let more = "[report]\nbundle = 'no/such/place'\n[lanes.'beta/us-east-1']\nread.rate = 1\n";
    let settings = SETTINGS.replace("[poll]\nmin = '30ms'\nmax = '100ms'\n", "[reconcile]\nsettle = '1s'\nlooks = 1\n");
    home.put("ferry.toml", &(settings + more));
    let ran = home.run(&["doctor", "--json", "--account", "beta"]).await.exits(3);
    let found = findings(&ran.out);
    assert_eq!(
        of(&found),
        [("settings", "settle"), ("settings", "looks"), ("settings", "lanes"), ("settings", "bundle")]
    );
}

#[tokio::test]
async fn beside_a_daemon_and_after_its_kill_the_database_is_looked_at_and_left_as_it_is() {
    let home = Home::new(|_| {}).await;
    home.put("fleet.csv", "snapshot_name,account,region\nweb-1,alpha,eu-west-1\nyoung,alpha,eu-west-1\n");
    let database = ["--database", "sqlite://ferry.db"];
    home.run(&[&["enqueue", "fleet.csv"][..], &database].concat()).await.exits(0);
    let mut daemon = home.command(&[&["daemon"][..], &database].concat());
    let mut daemon = daemon.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a daemon");
    eventually("the first is exported", async || home.exports() > 0).await;
    let beside = home.run(&[&["doctor", "--json", "--account", "alpha"][..], &database].concat()).await;
    let found = findings(&beside.exits(0).out);
    assert_eq!(found, []);
    daemon.kill().expect("killed");
    daemon.wait().expect("ended");

    let bytes = || ["ferry.db", "ferry.db-wal"].map(|name| std::fs::read(home.path().join(name)).expect(name));
    let before = bytes();
    assert!(!before[1].is_empty(), "the daemon was killed in the middle");
    let after = home.run(&[&["doctor", "--account", "alpha"][..], &database].concat()).await.exits(0);
    assert!(after.out.contains("no daemon uses it") && after.out.contains("of unmerged log"), "{}", after.out);
    assert!(bytes() == before, "the doctor wrote");
}

#[tokio::test]
async fn a_database_that_is_broken_newer_or_somebody_elses_is_told_apart() {
    const NEWER: &str = "UPDATE _sqlx_migrations SET version = 20990101000000
                         WHERE version = (SELECT max(version) FROM _sqlx_migrations)";
    let home = Home::new(|_| {}).await;
    home.put("fleet.csv", "snapshot_name,account,region\nweb-1,alpha,eu-west-1\n");
    home.run(&["enqueue", "fleet.csv", "--database", "sqlite://good.db"]).await.exits(0);
    let path = |name: &str| home.path().join(name);
    let good = std::fs::read(path("good.db")).expect("the database");
    let changed = |name: &'static str, sql: &'static str| {
        std::fs::write(path(name), &good).expect("a copy");
        let file = path(name);
        async move {
            use sqlx::Connection as _;
            let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file).foreign_keys(false);
            let mut connection = sqlx::SqliteConnection::connect_with(&options).await.expect("a connection");
            sqlx::raw_sql(sql).execute(&mut connection).await.expect("changed");
            connection.close().await.expect("closed");
        }
    };
    changed("newer.db", NEWER).await;
    changed("index.db", "DROP INDEX jobs_live").await;
    changed("dangling.db", "DELETE FROM lanes").await;
    changed("theirs.db", "PRAGMA application_id = 7").await;
    let mut broken = good.clone();
    broken[8192..].fill(0x41);
    std::fs::write(path("broken.db"), broken).expect("a file");
    let mut headless = good.clone();
    headless[100..4096].fill(0x41);
    std::fs::write(path("headless.db"), headless).expect("a file");
    std::fs::write(path("garbage.db"), vec![0x41; 10_000]).expect("a file");
    for (name, check, said) in [
        ("newer.db", "schema", "written by a newer Snapferry (schema 20990101000000)"),
        ("index.db", "indexes", "index jobs_live is missing"),
        ("dangling.db", "references", "broken references in 1 of the rows of jobs"),
        ("theirs.db", "schema", "is not a Snapferry database"),
        ("broken.db", "integrity", "the file is damaged"),
        ("headless.db", "integrity", "the file is damaged"),
        ("garbage.db", "schema", "is not a Snapferry database"),
        ("no/such/folder.db", "schema", "the folder \"no/such\" for the database does not exist"),
    ] {
        let url = format!("sqlite://{name}");
        let ran = home.run(&["doctor", "--json", "--account", "beta", "--database", &url]).await.exits(3);
        let found = findings(&ran.out);
        assert!(found.iter().all(|(subject, ..)| subject == "database"), "{name}: {found:?}");
        let (_, first, text) = &found[0];
        assert_eq!(first, check, "{name}: {found:?}");
        assert!(text.contains(said), "{name}: {found:?}");
    }
    // What only reads says the way out too.
    let ran = home.run(&["jobs", "--database", "sqlite://broken.db"]).await.exits(1);
    assert!(ran.err.contains("the database file is broken; stop the daemon, see snapferry doctor"), "{}", ran.err);
    let ran = home.run(&["doctor", "--json", "--account", "beta", "--database", "sqlite://good.db"]).await.exits(0);
    assert_eq!(findings(&ran.out), []);
    assert!(ran.out.contains(", intact") && !ran.out.contains("migrates it"), "{}", ran.out);
    assert_eq!(std::fs::read(path("good.db")).expect("the database"), good);
    let beside = home.files().into_iter().filter(|name| name.starts_with("good.db-")).collect::<Vec<_>>();
    assert_eq!(beside, Vec::<String>::new(), "nothing was put beside it");
}

#[tokio::test]
async fn the_policy_is_printed_as_it_stands_in_the_repository() {
    let home = Home::new(|_| {}).await;
    let ran = home.run(&["doctor", "--policy"]).await.exits(0);
    assert_eq!(ran.out, include_str!("../../docs/iam-policy.json"));
}
