//! Looking before anything is sent: `discover` and `plan`, through the program against the simulator.

use super::documented;
use super::home::{Home, SETTINGS};
use super::stored::Stored;
use lightsail_simulator::{FaultRule, Faults, FleetEntry, Limits, RateLimit};
use snapferry::domain::{AccountLabel, Lane, Region, SnapshotName, Timestamp};
use snapferry::queue::Peek;
use snapferry::report::{Colour, PlanView, Price, TextStyle, plan_text};
use snapferry::survey::{Basis, ExportPlan, FailingRow, FailureReason, LanePlan, Outlook, RowOutlooks, TimeRange};
use std::num::NonZeroUsize;
use std::time::Duration;

#[tokio::test]
async fn everything_in_three_accounts_and_two_regions_is_listed_and_nothing_is_sent_or_written() {
    let home = Home::new(|config| config.pending_time = Duration::from_hours(1)).await;
    let ran = home.run(&["discover"]).await.exits(0);
    insta::assert_snapshot!(ran.without_times(), @"
    snapshot_name,region,account,kind,snapshot_state,size_gb,disks,disks_gb,source,created_at,age_days,tags,exported,exported_as,job
    data-1,eu-west-1,alpha,disk,available,100,0,0,data,TIME,9,,no,,
    web-1,eu-west-1,alpha,instance,available,40,0,0,web,TIME,30,env=prod,no,,
    web-2,eu-west-1,alpha,instance,available,40,1,64,web,TIME,2,env=prod;keep,no,,
    young,eu-west-1,alpha,instance,pending,20,0,0,mail,TIME,0,,no,,
    mail-1,us-east-1,alpha,instance,available,80,0,0,mail,TIME,5,,no,,
    shop-1,eu-west-1,beta,instance,available,160,2,16,shop,TIME,5,,no,,
    shop-2,us-east-1,gamma,instance,available,20,0,0,'-shop,TIME,5,'=1+1;owner==SUM(A1),no,,
    ");
    assert_eq!(ran.err, "7 snapshots, 540 GB, in 4 lanes; 1 in state error left out\n");
    assert_eq!(home.exports(), 0);
    assert_eq!(home.files(), ["credentials", "ferry.toml"], "no database, no folder for one");
    let json = home.run(&["discover", "--json"]).await.exits(0);
    let json: serde_json::Value = serde_json::from_str(&json.out).expect("JSON");
    let mut known = json.clone();
    // Its members are the user's.
    known.as_array_mut().expect("an array").iter_mut().for_each(|one| one["tags"] = serde_json::Value::Null);
    documented(&known);
    assert_eq!(json[6]["tags"], serde_json::json!({ "owner": "=SUM(A1)", "": "1+1" }));
    assert_eq!((&json[2]["disks"], &json[2]["disks_gb"]), (&1.into(), &64.into()));
}

#[tokio::test]
async fn each_filter_leaves_what_fits() {
    let home = Home::new(|_| {}).await;
    for (filters, names) in [
        (&["--account", "alpha", "--region", "eu-west-1"][..], &["data-1", "web-1", "web-2", "young"][..]),
        (&["--region", "us-east-1"], &["mail-1", "shop-2"]),
        (&["--older-than", "5d"], &["data-1", "web-1", "mail-1", "shop-1", "shop-2"]),
        (&["--older-than", "2d", "--newer-than", "6d"], &["web-2", "mail-1", "shop-1", "shop-2"]),
        (&["--tag", "env=prod"], &["web-1", "web-2"]),
        (&["--tag", "env", "--tag", "keep"], &["web-2"]),
        (&["--name", "web-*", "--name", "*-[12]", "--account", "alpha"], &["data-1", "web-1", "web-2", "mail-1"]),
        (&["--source", "mail"], &["young", "mail-1"]),
        (&["--kind", "disk"], &["data-1"]),
        (&["--newest", "1", "--account", "alpha"], &["data-1", "web-2", "young", "mail-1"]),
        (&["--name", "nothing"], &[]),
    ] {
        let ran = home.run(&[&["discover"], filters].concat()).await.exits(0);
        assert_eq!(ran.names(), names, "{filters:?}");
    }
    for (wrong, part) in [
        (&["--account", "delta"][..], "the settings have alpha, beta, gamma"),
        (&["--region", "ap-south-1"], "regions"),
        (&["--tag", "=x"], "KEY=VALUE"),
        (&["--name", "["], "--name"),
        (&["--newest", "0"], "--newest"),
        (&["--older-than", "old"], "--older-than"),
        (&["--older-than", "30d", "--newer-than", "12h"], "no snapshot is both older than 30days and newer than 12h"),
    ] {
        let ran = home.run(&[&["discover"], wrong].concat()).await.exits(2);
        assert!(ran.err.contains(part) && ran.out.is_empty(), "{}", ran.err);
    }
    let help = home.run(&["discover", "--help"]).await.exits(0).out + &home.run(&["plan", "--help"]).await.exits(0).out;
    assert!(help.contains("Examples:\n  snapferry discover") && help.contains("Examples:\n  snapferry plan"), "{help}");
}

#[tokio::test]
async fn what_is_discovered_is_enqueued_and_run_as_it_is_and_told_as_exported_afterwards() {
    let home = Home::new(|_| {}).await;
    let listed = home.run(&["discover", "--not-exported", "-o", "all.csv"]).await.exits(0);
    assert!(listed.out.is_empty());
    let all = std::fs::read_to_string(home.path().join("all.csv")).expect("the file");
    let plan = home.run_with(&["plan", "-", "--json"], &all).await.exits(0);
    let plan: serde_json::Value = serde_json::from_str(&plan.out).expect("JSON");
    assert_eq!((&plan["rows"]["read"], &plan["exports"], &plan["copies"]), (&7.into(), &7.into(), &10.into()));

    let enqueued = home.run_with(&["enqueue", "-", "--batch", "all"], &all).await.exits(0);
    assert!(enqueued.out.contains("7 rows: 7 new, 0 already live, 0 repeated, 0 rejected"), "{}", enqueued.out);
    let queued = home.run(&["discover", "--name", "web-1"]).await.exits(0);
    let (_, job) = queued.out.trim_end().rsplit_once(",env=prod,queued,,").expect("it is queued");
    let shown = home.run(&["show", job, "--json"]).await.exits(0);
    assert!(shown.out.contains("\"web-1\""), "{}", shown.out);
    let live = home.run(&["plan", "all.csv", "--json"]).await.exits(0);
    let live: serde_json::Value = serde_json::from_str(&live.out).expect("JSON");
    assert_eq!((&live["rows"]["live"], &live["exports"]), (&7.into(), &0.into()));

    home.run(&["daemon", "--drain", "--max-wait", "1m"]).await.exits(0);
    assert_eq!(home.exports(), 7);
    let report = home.run(&["report", "--batch", "all", "--format", "csv"]).await.exits(0);
    let owner = report.out.lines().find(|line| line.starts_with("all,shop-2,")).expect("its line");
    assert!(owner.contains(",succeeded,") && owner.contains(",'-shop,") && owner.contains(",'=1+1;"), "{owner}");

    // By the account's own records, and by the database where these are gone.
    let told = home.run(&["discover"]).await.exits(0);
    assert!(told.err.contains("; 7 exported already; "), "{}", told.err);
    assert!(
        told.out.lines().skip(1).all(|line| line.contains(",yes,ami-") || line.contains(",yes,snap-")),
        "{}",
        told.out
    );
    assert!(home.run(&["discover", "--not-exported"]).await.exits(0).names().is_empty());
    let adopted = home.run(&["plan", "all.csv"]).await.exits(0);
    assert!(adopted.out.contains("7 exported already (adopted)"), "{}", adopted.out);
    let again = home.run(&["plan", "all.csv", "--export-again", "--json"]).await.exits(0);
    let again: serde_json::Value = serde_json::from_str(&again.out).expect("JSON");
    assert_eq!(again["exports"], 7);
    std::fs::remove_dir_all(home.path().join(".local")).expect("the database");
    assert!(home.run(&["discover", "--not-exported"]).await.exits(0).names().is_empty());
    assert_eq!(home.exports(), 7);
}

#[tokio::test]
async fn a_snapshot_replaced_under_its_name_is_not_exported_yet() {
    let home = Home::new(|_| {}).await;
    home.put("one.csv", "snapshot_name,region,account\nmail-1,us-east-1,alpha\n");
    home.run(&["run", "one.csv"]).await.exits(0);
    let entry = FleetEntry {
        account: Some("100000000001".to_owned()),
        region: Some("us-east-1".to_owned()),
        ..FleetEntry::named("mail-1")
    };
    home.simulator.change_snapshot(lightsail_simulator::SnapshotChange::Replace(entry)).expect("replaced");
    let ran = home.run(&["discover", "--name", "mail-1", "--not-exported"]).await.exits(0);
    assert_eq!(ran.names(), ["mail-1"]);
    let plan = home.run(&["plan", "one.csv"]).await.exits(0);
    assert!(plan.out.contains("1 to export"), "{}", plan.out);
}

#[tokio::test]
async fn a_lane_that_cannot_be_read_is_named_and_the_others_are_listed() {
    let home = Home::new(|config| {
        let rule = |account: &str, answers: &[&str]| FaultRule {
            account: Some(account.to_owned()),
            operation: Some("GetInstanceSnapshots".to_owned()),
            answers: answers.iter().map(|fault| fault.parse().expect("a fault")).collect(),
            ..FaultRule::default()
        };
        // Passing troubles of one lane are waited for; a denial of the other is not.
        let passing = ["ThrottlingException", "ServiceException", "truncated"];
        config.faults = Faults {
            rules: vec![rule("100000000002", &passing), rule("100000000003", &["AccessDeniedException"; 9])],
            ..Faults::default()
        };
    })
    .await;
    let profiles = std::fs::read_to_string(home.path().join("credentials")).expect("profiles");
    home.put("credentials", &profiles.replace("[a]", "[renamed]"));
    let ran = home.run(&["discover"]).await.exits(1);
    assert_eq!(ran.names(), ["shop-1"]);
    let said: Vec<&str> = ran.err.lines().collect();
    assert_eq!(said.len(), 4, "{}", ran.err);
    let nobody = "alpha/eu-west-1: the credentials do not work; renew them: NoCredentials: ";
    let way = format!(" (profile a, {})", home.simulator.endpoint());
    assert!(said[0].starts_with(nobody) && said[0].ends_with(&way), "{}", said[0]);
    assert!(said[1].starts_with("alpha/us-east-1: the credentials do not work"), "{}", said[1]);
    assert!(said[2].starts_with("gamma/us-east-1: allow lightsail:Get*"), "{}", said[2]);
    assert_eq!(said[3], "1 snapshot, 176 GB, in 4 lanes; 3 lanes could not be read");

    home.put("two.csv", "snapshot_name,region,account\nshop-1,eu-west-1,beta\nshop-2,us-east-1,gamma\n");
    let plan = home.run(&["plan", "two.csv"]).await.exits(1);
    assert!(plan.out.contains("a lane could not be read") && plan.out.contains("1 unknown"), "{}", plan.out);
    let denied = format!(
        ": AccessDeniedException: User is not authorized to perform: lightsail:ExportSnapshot (profile c, {})\n",
        home.simulator.endpoint()
    );
    assert!(plan.out.contains("could not be read: allow lightsail:Get*") && plan.out.contains(&denied), "{}", plan.out);
    home.put("gamma.csv", "snapshot_name,region,account\nshop-2,us-east-1,gamma\n");
    let nothing = home.run(&["plan", "gamma.csv"]).await.exits(1);
    assert!(nothing.out.contains("exports  unknown: no lane could be read\n"), "{}", nothing.out);
    let json = home.run(&["plan", "two.csv", "--json"]).await.exits(1);
    let json: serde_json::Value = serde_json::from_str(&json.out).expect("JSON");
    crate::json_schema::holds("plan", &json);
    assert_eq!((&json["complete"], &json["rows"]["unread"]), (&false.into(), &1.into()));
}

#[tokio::test]
async fn the_read_limit_of_a_lane_is_kept() {
    let home = Home::new(|config| {
        config.page_size = NonZeroUsize::MIN;
        config.limits = Limits { read: Some(RateLimit::new(40.0, 3).expect("a limit")), ..Limits::default() };
    })
    .await;
    home.put("ferry.toml", &SETTINGS.replace("rate = 500\nburst = 50", "rate = 40\nburst = 3"));
    home.run(&["discover"]).await.exits(0);
    home.put("one.csv", "snapshot_name,region,account\nweb-1,eu-west-1,alpha\n");
    home.run(&["plan", "one.csv"]).await.exits(0);
    let ledger = home.simulator.ledger();
    assert!(ledger.calls > 20 && ledger.throttled == 0, "{} calls, {} throttled", ledger.calls, ledger.throttled);
}

#[tokio::test]
async fn without_regions_in_the_settings_the_usual_one_is_looked_at_and_the_hint_says_how_to_name_more() {
    let home = Home::new(|_| {}).await;
    home.put("ferry.toml", "[accounts.alpha]\nprofile = 'a'\n");
    let none = home.run(&["discover"]).await.exits(2);
    assert!(none.err.contains("account alpha has no Region") && none.err.contains("AWS_REGION"), "{}", none.err);
    let profiles = std::fs::read_to_string(home.path().join("credentials")).expect("profiles");
    home.put("credentials", &profiles.replace("[a]\n", "[a]\nregion = us-east-1\n"));
    let usual = home.run(&["discover"]).await.exits(0);
    assert_eq!(usual.names(), ["mail-1"]);
    assert!(usual.err.contains("only us-east-1") && usual.err.contains("[accounts.alpha] regions"), "{}", usual.err);
    let named = home.run(&["discover", "--region", "eu-west-1", "--kind", "disk"]).await.exits(0);
    assert_eq!(named.names(), ["data-1"]);
    assert!(!named.err.contains("note:"), "{}", named.err);
}

#[tokio::test]
async fn a_database_without_jobs_is_named_and_an_empty_variable_names_no_settings() {
    let home = Home::new(|_| {}).await;
    let database = home.path().join(".local/share/snapferry/snapferry.db").display().to_string();
    for what in [format!("there is no database {database} yet"), format!("the database {database} has no jobs")] {
        let ran = home.run(&["jobs"]).await.exits(0);
        assert_eq!(ran.err, format!("note: {what} (choose another with --database)\n"));
        home.run(&["backup", "copy.db", "--force"]).await.exits(0);
    }
    home.run_by(&[("SNAPFERRY_CONFIG", "")], &["status"]).await.exits(0);
    let wrong = home.run_by(&[("SNAPFERRY_DATABASE", "sqlite://x.db")], &["enqueue"]).await.exits(2);
    assert!(wrong.err.contains("Usage: snapferry enqueue <FILE|->\n"), "{}", wrong.err);
}

#[tokio::test]
async fn two_labels_of_one_account_are_named() {
    let home = Home::new(|_| {}).await;
    home.put("ferry.toml", &SETTINGS.replace("profile = 'b'", "profile = 'a'"));
    let ran = home.run(&["discover", "--region", "eu-west-1"]).await.exits(0);
    assert!(
        ran.err.contains("alpha/eu-west-1 and beta/eu-west-1 are the same AWS account (100000000001)"),
        "{}",
        ran.err
    );
    home.put("two.csv", "snapshot_name,region,account\nweb-1,eu-west-1,alpha\nweb-2,eu-west-1,beta\n");
    let planned = home.run(&["plan", "two.csv"]).await.exits(0);
    let note = "note: this is the AWS account of alpha/eu-west-1 (100000000001) under another label";
    assert_eq!(planned.out.matches("note:").count(), 1, "{}", planned.out);
    assert!(planned.out.contains(note), "{}", planned.out);
}

#[tokio::test]
async fn a_plan_names_an_account_that_is_not_the_one_of_the_database_and_waits_for_no_decision() {
    use sqlx::Connection as _;
    let home = Home::new(|_| {}).await;
    home.put("one.csv", "snapshot_name,region,account\nweb-1,eu-west-1,alpha\n");
    home.run(&["run", "one.csv"]).await.exits(0);
    let database = home.path().join(".local/share/snapferry/snapferry.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&database);
    let mut db = sqlx::SqliteConnection::connect_with(&options).await.expect("a connection");
    let review = "UPDATE jobs SET state = 'needs_review', finished_at = NULL, destination_id = NULL";
    sqlx::raw_sql(review).execute(&mut db).await.expect("written");
    home.put("ferry.toml", &SETTINGS.replace("profile = 'a'", "profile = 'b'"));
    home.put("two.csv", "snapshot_name,region,account\nshop-1,eu-west-1,alpha\n");
    let planned = home.run(&["plan", "two.csv"]).await.exits(0);
    let note = "note: these credentials are for account 100000000002, but the database has 100000000001 for this label, \
                and the lane would be blocked; correct the credentials, or use another label";
    assert!(planned.out.contains(note) && !planned.out.contains("behind"), "{}", planned.out);
    let json = home.run(&["plan", "two.csv", "--json"]).await.exits(0);
    let json: serde_json::Value = serde_json::from_str(&json.out).expect("JSON");
    documented(&json);
    crate::json_schema::holds("plan", &json);
    let lane = &json["lanes"][0];
    assert_eq!((&lane["account_number"], &lane["jobs_ahead"]), (&"100000000002".into(), &0.into()));
    assert_eq!(lane["stored_account_number"], "100000000001");
}

const ROWS: &str = "\
snapshot_name,region,account,owner
web-1,eu-west-1,alpha,x
web-2,eu-west-1,alpha,x
wbe-1,eu-west-1,alpha,x
broken,eu-west-1,alpha,
young,eu-west-1,alpha,
mail-1,eu-west-1,alpha,
web-1,eu-west-1,alpha,again
shop-1,eu-west-1,beta,
mail-1,us-east-1,gamma,
zebra-crossing,us-east-1,gamma,
";

#[tokio::test]
async fn a_plan_tells_what_would_become_of_each_row_and_writes_nothing() {
    let home = Home::new(|config| config.pending_time = Duration::from_hours(1)).await;
    home.put("fleet.csv", ROWS);
    let ran = home.run(&["plan", "fleet.csv"]).await.exits(3);
    insta::assert_snapshot!(ran.out, @"
    fleet.csv: 10 rows in 3 lanes; 5 rows would fail

    TOTALS
    rows     3 to export, 1 to export once no longer pending, 1 repeated, 1 in state error, 4 missing
    exports  4 snapshots, 7 EBS copies in all
    stored   340 GB at most: the full size of every disk
    costs    17.00 USD a month at most, at 0.05 a GB (plan.price_per_gb_month)
    takes    15 min to 1 h
             each 15 min to 1 h, as documented: the database has no past exports
    calls    4 ExportSnapshot, about 1,815 to 7,215 reads

    LANES
    alpha/eu-west-1  2 to export, 1 to export once no longer pending, 1 repeated, 1 in state error, 2 missing
      4 EBS copies, 164 GB, 15 min to 1 h
      20 exports a second by the settings, 20 EBS copies in flight
    beta/eu-west-1  1 to export
      3 EBS copies, 176 GB, 15 min to 1 h
      20 exports a second by the settings, 20 EBS copies in flight
    gamma/us-east-1  2 missing

    WOULD FAIL
    line 4: wbe-1 in alpha/eu-west-1: missing; did you mean web-1?
    line 5: broken in alpha/eu-west-1: it is in state error; create a new snapshot
    line 7: mail-1 in alpha/eu-west-1: missing; there is one in alpha/us-east-1
    line 10: mail-1 in gamma/us-east-1: missing; there is one in alpha/us-east-1
    line 11: zebra-crossing in gamma/us-east-1: missing (automatic snapshots must be copied first)
    ");
    assert_eq!(ran.err, "");
    assert_eq!(home.exports(), 0);
    assert_eq!(home.files(), ["credentials", "ferry.toml", "fleet.csv"]);
    let json = home.run(&["plan", "fleet.csv", "--json"]).await.exits(3);
    let json: serde_json::Value = serde_json::from_str(&json.out).expect("JSON");
    documented(&json);
    crate::json_schema::holds("plan", &json);
    assert_eq!(json["failing"].as_array().map(Vec::len), Some(5));
    assert_eq!(json["failing"][0]["near"], serde_json::json!(["web-1"]));
    assert_eq!(json["failing"][2]["elsewhere"], serde_json::json!([{ "account": "alpha", "region": "us-east-1" }]));
    assert_eq!((&json["cost"]["month"], &json["gb"]), (&17.0.into(), &340.into()));
}

#[tokio::test]
async fn no_older_snapshot_is_offered_and_an_instances_name_leads_to_its_snapshots() {
    let home = Home::new(|_| {}).await;
    for (name, region, way) in [
        // Its digits alone differ: that is another snapshot, and automatic ones are never in the lists.
        ("web-20261103", "eu-west-1", "missing (automatic snapshots must be copied first)"),
        ("web-3", "eu-west-1", "missing (automatic snapshots must be copied first)"),
        ("web", "eu-west-1", "missing; did you mean web-2 or web-1?"),
        ("mial-1", "us-east-1", "missing; did you mean mail-1?"),
    ] {
        home.put("one.csv", &format!("snapshot_name,account,region\n{name},alpha,{region}\n"));
        let planned = home.run(&["plan", "one.csv"]).await.exits(3);
        assert!(planned.out.ends_with(&format!("line 2: {name} in alpha/{region}: {way}\n")), "{}", planned.out);
    }
    home.put("one.csv", "snapshot_name,account,region\nweb-1,alpha,sa-east-1\n");
    let refused = home.run(&["plan", "one.csv"]).await.exits(2);
    assert!(
        refused.err.contains("column region: sa-east-1 has no Lightsail; it is in ap-northeast-1, "),
        "{}",
        refused.err
    );
}

#[tokio::test]
async fn a_bad_row_is_named_as_enqueue_names_it_and_nobody_is_asked() {
    let home = Home::new(|_| {}).await;
    home.put("bad.csv", "snapshot_name,region,account\nweb-1,eu-west-1,alpha\nweb 2,eu-west-1,alpha\n");
    let refused = home.run(&["plan", "bad.csv"]).await.exits(2);
    assert!(refused.err.starts_with("bad.csv: line 3, column snapshot_name: "), "{}", refused.err);
    assert!(refused.out.is_empty() && home.simulator.calls().is_empty());
    let passed = home.run(&["plan", "bad.csv", "--skip-invalid"]).await.exits(0);
    assert!(passed.out.contains("1 to export, 1 rejected"), "{}", passed.out);
    assert_eq!(home.files(), ["bad.csv", "credentials", "ferry.toml"], "not even the rejected rows are written");
    home.run(&["plan", "missing.csv"]).await.exits(2);
    home.run_with(&["plan", "-"], "").await.exits(2);
    let empty = home.run_with(&["plan", "-"], "snapshot_name\n").await.exits(0);
    assert!(empty.out.contains("there is nothing to send"), "{}", empty.out);
}

#[tokio::test]
async fn a_database_is_looked_at_as_it_is() {
    let stored = Stored::story().await;
    stored
        .sql(
            "UPDATE jobs SET submitted_at = 1795456810000, finished_at = 1795456810000 + 900000 WHERE id = 1;
             UPDATE jobs SET priority = 7, due_at = NULL, hold = NULL, paused_at = NULL WHERE state = 'queued';
             INSERT INTO ledger (lane_id, kind, key, snapshot_name, snapshot_arn, status, destination_id, seen_at, job_id,
                                 attempt, unprocessed)
             VALUES (1, 'record', 'rec-1', 'web-1', 'arn:1', 'succeeded', 'ami-1', 1, 1, 1, 0),
                    (1, 'record', 'rec-2', 'web-2', NULL, 'succeeded', 'ami-2', 1, NULL, NULL, 0),
                    (1, 'record', 'rec-3', 'web-3', 'arn:3', 'failed', NULL, 1, NULL, NULL, 0)",
        )
        .await;
    let path = stored.queue.path().to_owned();
    stored.queue.clone().close().await;
    let before = std::fs::read(&path).expect("the file");
    let peek = Peek::open(&path).await.expect("readable").expect("a database");
    let region = Region::parse("eu-west-1").expect("a Region");
    let lane = Lane { account: AccountLabel::unnamed(), region };
    let known = peek.known(&lane, &["web-1", "web-2", "web-3", "db-2", "stranger"]).await.expect("known");
    let known: Vec<String> = known.iter().map(|one| format!("{one:?}")).collect();
    insta::assert_snapshot!(known.join("\n"), @r#"
    (3, Live { job: JobId(5), state: Exporting })
    (0, Done { job: Some(JobId(1)), arn: SnapshotArn("arn:1"), destination: "ami-1" })
    "#);
    let memory = peek.memory(&lane, Timestamp(i64::MAX)).await.expect("memory");
    assert_eq!((memory.learned_rate, memory.left.len()), (Some(0.8), 1));
    let left = memory.left[0];
    assert_eq!((left.queued, left.in_flight, left.queued_copies + left.copies_in_flight), (1, 1, 4));
    assert_eq!((left.highest, left.lowest), (Some(7), Some(7)));
    assert_eq!(memory.ends.iter().map(|end| end.took).collect::<Vec<_>>(), [Duration::from_mins(15)]);
    let nowhere = Lane { account: AccountLabel::parse("nobody").expect("a label"), region };
    assert_eq!(peek.memory(&nowhere, Timestamp(i64::MAX)).await.expect("memory").left, []);
    assert_eq!(std::fs::read(&path).expect("the file"), before);

    let folder = tempfile::tempdir().expect("a folder");
    assert!(Peek::open(&folder.path().join("none.db")).await.expect("no error").is_none());
    std::fs::write(folder.path().join("notes.txt"), "no database at all ".repeat(99)).expect("notes");
    assert!(Peek::open(&folder.path().join("notes.txt")).await.is_err());
    assert_eq!(std::fs::read_dir(folder.path()).expect("the folder").count(), 1, "none is made");
}

#[test]
fn a_plan_fits_into_80_columns() {
    let lane = |account: &str| Lane {
        account: AccountLabel::parse(account).expect("a label"),
        region: Region::parse("eu-west-1").expect("a Region"),
    };
    let minutes =
        |least: u64, most: u64| TimeRange { least: Duration::from_mins(least), most: Duration::from_mins(most) };
    let mut plan = ExportPlan { rejected: 2, ..ExportPlan::default() };
    plan.lanes.push(LanePlan {
        lane: lane("prod"),
        account_number: None,
        stored_account_number: None,
        rows: Outlook::ALL.into_iter().flat_map(|outlook| [outlook; 1200]).collect::<RowOutlooks>(),
        copies: 3100,
        gb: 96_000,
        of_unknown_size: 3,
        takes: minutes(600, 3000),
        each: minutes(11, 42),
        basis: Basis::Lane(512),
        rate: 0.813_45,
        learned: true,
        cap: 20,
        jobs_ahead: 40,
        reads: (1000, 36_000),
        unread: None,
    });
    plan.failing = (1..=23)
        .map(|line| FailingRow {
            line,
            snapshot: SnapshotName::parse(&format!("harbour-cafe-wordpress-{line}-20261101")).expect("a name"),
            lane: lane("prod"),
            reason: match line {
                1 => FailureReason::Broken,
                2 => FailureReason::Missing { elsewhere: Vec::new(), near: Vec::new(), empty_lane: true },
                3 => FailureReason::Missing { elsewhere: vec![lane("shop")], near: Vec::new(), empty_lane: false },
                4 => FailureReason::Missing { elsewhere: Vec::new(), near: Vec::new(), empty_lane: false },
                _ => FailureReason::Missing {
                    elsewhere: Vec::new(),
                    near: vec![format!("harbour-cafe-wordpress-{line}-20261102")],
                    empty_lane: false,
                },
            },
        })
        .collect();
    let price = Some(Price { per_gb_month: 0.053, currency: "" });
    let view = PlanView { plan: &plan, input: "fleet.csv", price };
    let text = plan_text(view, TextStyle { width: Some(80), colour: Colour::Plain });
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    let end = text.find("line 6:").expect("more lines");
    insta::assert_snapshot!(&text[..end], @"
    fleet.csv: 10,802 rows in 1 lane; 2,400 rows would fail

    TOTALS
    rows     1,200 to export, 1,200 to export once no longer pending, 1,200 exported
      already (adopted), 1,200 under way already (adopted), 1,200 live in the queue
      already, 1,200 repeated, 1,200 in state error, 1,200 missing, 1,200 unknown, 2
      rejected
    exports  2,400 snapshots, 3,100 EBS copies in all
    stored   96,000 GB at most: the full size of every disk, and 3 snapshots of
      unknown size
    costs    5,088.00 a month at most, at 0.053 a GB (plan.price_per_gb_month)
    takes    10 h to 2 d 2 h
             each 11 min to 42 min, as 512 past exports of prod/eu-west-1 took
    calls    2,400 ExportSnapshot, about 1,000 to 36,000 reads

    LANES
    prod/eu-west-1  1,200 to export, 1,200 to export once no longer pending, 1,200
      exported already (adopted), 1,200 under way already (adopted), 1,200 live in
      the queue already, 1,200 repeated, 1,200 in state error, 1,200 missing, 1,200
      unknown
      3,100 EBS copies, 96,000 GB, 10 h to 2 d 2 h
      0.81 exports a second as learned, 20 EBS copies in flight, behind 40 live jobs

    WOULD FAIL
    line 1: harbour-cafe-wordpress-1-20261101 in prod/eu-west-1: it is in state
      error; create a new snapshot
    line 2: harbour-cafe-wordpress-2-20261101 in prod/eu-west-1: missing; this
      account has no snapshot in this Region (automatic snapshots must be copied
      first)
    line 3: harbour-cafe-wordpress-3-20261101 in prod/eu-west-1: missing; there is
      one in shop/eu-west-1
    line 4: harbour-cafe-wordpress-4-20261101 in prod/eu-west-1: missing (automatic
      snapshots must be copied first)
    line 5: harbour-cafe-wordpress-5-20261101 in prod/eu-west-1: missing; did you
      mean harbour-cafe-wordpress-5-20261102? (automatic snapshots must be copied
      first)
    ");
    assert!(text.ends_with("and 3 more (--json has all)\n"), "{text}");
}
