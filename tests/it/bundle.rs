//! The completion report as a folder: what stands in it, and that it is there whole or not at all.

use crate::json_schema;
use crate::stored::Stored;
use base64::Engine;
use clap::Parser;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::path::Path;

const SCHEMA: &str = include_str!("../../docs/schemas/manifest.schema.json");

async fn hostile() -> Stored {
    let stored = Stored::empty().await;
    stored.sql(include_str!("bundle.sql")).await;
    stored
}

impl Stored {
    async fn bundle(&self, folder: &str, batch: &str) -> String {
        let path = self.path(folder);
        self.run(&["report", "--bundle", path.to_str().expect("a path"), "--batch", batch]).await.done()
    }

    async fn bundle_error(&self, folder: &Path, batch: &str) -> String {
        let ran = self.run(&["report", "--bundle", folder.to_str().expect("a path"), "--batch", batch]).await;
        assert_eq!(ran.out, "");
        let folder = self.folder.path().display().to_string();
        format!("{:#}", ran.result.expect_err("no report")).replace(&folder, "HERE")
    }

    fn text(&self, file: &str) -> String {
        std::fs::read_to_string(self.path(file)).expect("a file")
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String");
        text
    })
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name")).collect();
    names.sort();
    names
}

/// The files are what the manifest says, and nothing else is there; the manifest.
pub(crate) fn whole(folder: &Path) -> Value {
    let manifest: Value =
        serde_json::from_slice(&std::fs::read(folder.join("manifest.json")).expect("a manifest")).expect("JSON");
    json_schema::check(SCHEMA, &manifest).expect("as the schema has it");
    crate::documented(&manifest);
    let mut expected = BTreeSet::from(["manifest.json".to_owned()]);
    let mut rows = 0;
    for part in manifest["parts"].as_array().expect("parts").iter().chain([&manifest["page"]]) {
        let name = part["file"].as_str().expect("a name");
        let bytes = std::fs::read(folder.join(name)).expect("a part");
        assert_eq!(part["bytes"], bytes.len(), "{name}");
        assert_eq!(part["sha256"], hex(&bytes), "{name}");
        expected.insert(name.to_owned());
        if name != "index.html" {
            let lines = csv::Reader::from_reader(bytes.as_slice()).into_records().count();
            assert_eq!(part["rows"], lines, "{name}");
            rows += lines as u64;
        }
    }
    assert_eq!(names(folder).into_iter().collect::<BTreeSet<_>>(), expected);
    let sum = |counts: &Value| {
        counts.as_object().expect("counts").values().map(|n| n.as_u64().expect("a count")).sum::<u64>()
    };
    let read = &manifest["rows"];
    assert_eq!(rows, read["read"].as_u64().expect("a count") - read["rejected"].as_u64().expect("a count"));
    assert_eq!(rows, sum(&manifest["states"]));
    manifest
}

#[tokio::test]
async fn each_row_stands_in_one_part_as_the_report_has_it() {
    let story = Stored::story().await;
    let said = story.bundle("fleet-report", "fleet").await;
    assert!(said.ends_with("fleet-report: 3 succeeded, 1 failed, 4 unfinished\n"), "{said}");
    story.bundle("second", "second wave").await;
    let hostile = hostile().await;
    let name = hostile.queue.batch_names().await.expect("names")[0].to_string();
    hostile.bundle("hostile", &name).await;
    for (stored, folder, batch) in
        [(&story, "fleet-report", "fleet"), (&story, "second", "second wave"), (&hostile, "hostile", &*name)]
    {
        let manifest = whole(&stored.path(folder));
        let mut seen = BTreeSet::new();
        for part in manifest["parts"].as_array().expect("parts") {
            let states: Vec<&str> =
                part["states"].as_array().expect("states").iter().filter_map(Value::as_str).collect();
            assert!(states.iter().all(|state| seen.insert((*state).to_owned())), "{states:?} twice");
            let file = part["file"].as_str().expect("a name");
            let line = ["report", "--batch", batch, "--format", "csv", "--state", &states.join(",")];
            assert_eq!(stored.text(&format!("{folder}/{file}")), stored.run(&line).await.done(), "{file}");
        }
        let missing: u64 = manifest["states"]
            .as_object()
            .expect("states")
            .iter()
            .filter(|(state, _)| !seen.contains(*state))
            .map(|(_, count)| count.as_u64().expect("a count"))
            .sum();
        assert_eq!(missing, 0, "rows in no part");
    }
}

#[tokio::test]
async fn the_manifest_says_what_there_is() {
    let stored = hostile().await;
    let path = stored.path("out");
    // The only batch need not be named.
    stored.run(&["report", "--bundle", path.to_str().expect("a path")]).await.done();
    whole(&path);
    let manifest = stored.text("out/manifest.json").replace(env!("CARGO_PKG_VERSION"), "[version]");
    let page = std::fs::read(path.join("index.html")).expect("the page");
    let manifest = manifest
        .replace(&hex(&page), "[hash of the page]")
        .replace(&format!("\"bytes\": {},", page.len()), "\"bytes\": [of the page],");
    insta::assert_snapshot!("manifest", manifest);
}

#[tokio::test]
async fn the_page_stands_alone_and_what_comes_from_outside_is_text() {
    let stored = hostile().await;
    let path = stored.path("out");
    stored.run(&["report", "--bundle", path.to_str().expect("a path")]).await.done();
    let page = stored.text("out/index.html");
    for outside in ["http:", "https:", "//", "url(", "@import", "src=\"", "href=", "style=\"", "/home/ann", "\u{1b}"] {
        assert!(!page.contains(outside), "{outside}");
    }
    for hostile in ["<script>alert", "<img", "<svg onload", "</table><svg", "owner</th>", "-->", "fleet<1>"] {
        assert!(!page.contains(hostile), "{hostile}");
    }
    assert!(page.contains("&lt;script&gt;alert(&quot;b&quot;)&lt;/script&gt; &amp; 'co'"));
    assert_eq!(page.matches("<script").count(), 1, "ours");

    let between = |from: &str, to: &str| page.split_once(from).and_then(|(_, rest)| rest.split_once(to)).expect(from).0;
    let hash = |text: &str| base64::engine::general_purpose::STANDARD.encode(Sha256::digest(text.as_bytes()));
    let policy = between("Content-Security-Policy\" content=\"", "\"");
    let (style, script) = (between("<style>", "</style>"), between("<script>", "</script>"));
    assert_eq!(
        policy,
        format!(
            "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
            hash(style),
            hash(script)
        )
    );
    // Pictures have names, tables captions, and what names refer to is there once.
    assert_eq!(page.matches("role=\"img\"").count(), 3);
    assert_eq!(page.matches("<table").count(), page.matches("<caption").count());
    for part in page.split("aria-labelledby=\"").skip(1) {
        for id in part.split('"').next().expect("a value").split(' ') {
            assert_eq!(page.matches(&format!(" id=\"{id}\"")).count(), 1, "{id}");
        }
    }
    let body = page.replace(style, "[style]").replace(script, "[script]").replace(policy, "[policy]");
    let body = body.replace(env!("CARGO_PKG_VERSION"), "[version]").replace("><", ">\n<");
    insta::assert_snapshot!("page", body);
}

#[tokio::test]
async fn a_page_of_many_rows_shows_the_first_and_says_so() {
    let stored = Stored::many(5200).await;
    stored.sql("UPDATE jobs SET state = 'failed', error_code = 'Odd', finished_at = queued_at WHERE id > 5190").await;
    stored.bundle("out", "many").await;
    let manifest = whole(&stored.path("out"));
    assert_eq!(manifest["page"]["rows"], 5000);
    assert_eq!(manifest["states"]["failed"], 10);
    let page = stored.text("out/index.html");
    assert!(page.contains(
        "<strong>The table shows 5,000 of 5,200 rows.</strong> It leaves out 0 that succeeded and 200 that did not."
    ));
    let names: Vec<&str> =
        page.split("<th scope=\"row\">snap-").skip(1).map(|rest| rest.split('<').next().expect("a number")).collect();
    assert_eq!(names.len(), 5000);
    // What failed stands first, though its lines are the last.
    assert_eq!(names[..11], ["5191", "5192", "5193", "5194", "5195", "5196", "5197", "5198", "5199", "5200", "1"]);
}

#[tokio::test]
async fn the_page_of_a_batch_that_has_not_ended_has_its_forecast() {
    let stored = Stored::many(3).await;
    stored.bundle("bundle", "many").await;
    let page = stored.text("bundle/index.html");
    assert!(page.contains("3 rows had not ended"), "{page}");
    assert!(page.contains(" UTC: not done before a daemon runs."), "{page}");
}

#[tokio::test]
async fn a_batch_without_rows_has_a_report_too() {
    let stored = Stored::many(0).await;
    stored.bundle("out", "many").await;
    let manifest = whole(&stored.path("out"));
    assert_eq!((&manifest["ended"], &manifest["page"]["rows"]), (&Value::Bool(true), &Value::from(0)));
    assert!(stored.text("out/index.html").contains("No row of this batch could be exported."));
}

#[tokio::test]
async fn an_older_report_of_the_batch_gives_way() {
    let stored = Stored::many(3).await;
    // An empty folder is free.
    std::fs::create_dir(stored.path("out")).expect("a folder");
    stored.bundle("out", "many").await;
    assert_eq!(whole(&stored.path("out"))["states"]["queued"], 3);
    assert_eq!(
        names(&stored.path("out")),
        ["failed.csv", "index.html", "manifest.json", "succeeded.csv", "unfinished.csv"]
    );
    stored.sql("UPDATE jobs SET state = 'cancelled', finished_at = queued_at").await;
    stored.bundle("out", "many").await;
    assert_eq!(whole(&stored.path("out"))["states"]["cancelled"], 3);
    assert_eq!(
        names(&stored.path("out")),
        ["cancelled.csv", "failed.csv", "index.html", "manifest.json", "succeeded.csv"]
    );
    let left: Vec<String> =
        names(stored.folder.path()).into_iter().filter(|name| !name.starts_with("snapferry.db")).collect();
    assert_eq!(left, ["out"]);
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_goes_on_leading_to_the_report() {
    let stored = Stored::many(1).await;
    std::fs::create_dir(stored.path("real")).expect("a folder");
    std::os::unix::fs::symlink(stored.path("real"), stored.path("link")).expect("a link");
    for _ in 0..2 {
        stored.bundle("link", "many").await;
    }
    assert!(stored.path("link").is_symlink());
    whole(&stored.path("real"));
}

#[tokio::test]
async fn what_is_not_ours_stays_as_it_is() {
    let stored = Stored::story().await;
    let put = |name: &str, text: &str| {
        let path = stored.path(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    };
    put("notes/notes.txt", "mine");
    put("file", "mine");
    put("fake/manifest.json", r#"{"format": "something else"}"#);
    stored.bundle("second", "second wave").await;
    stored.bundle("mixed", "fleet").await;
    put("mixed/notes.txt", "mine");
    let mut said = Vec::new();
    for place in ["notes", "file", "fake", "second", "mixed", "not/there", "file/in"] {
        said.push(stored.bundle_error(&stored.path(place), "fleet").await);
    }
    insta::assert_snapshot!(said.join("\n"), @r#"
    "HERE/notes" holds something else (notes.txt) and is left as it is; name a folder that is empty or does not exist
    "HERE/file" holds something else (not a folder) and is left as it is; name a folder that is empty or does not exist
    "HERE/fake" holds something else (manifest.json) and is left as it is; name a folder that is empty or does not exist
    "HERE/second" holds the report of another batch, "second wave" of 2026-11-23T18:03:20Z; name another folder
    "HERE/mixed" holds something else (notes.txt) and is left as it is; name a folder that is empty or does not exist
    the folder "HERE/not" does not exist; create it, or name another one
    the folder "HERE/file" does not exist; create it, or name another one
    "#);
    assert_eq!(stored.text("notes/notes.txt"), "mine");
    assert_eq!(stored.text("file"), "mine");
    assert_eq!(stored.text("mixed/notes.txt"), "mine");
    assert_eq!(whole(&stored.path("second"))["batch"]["name"], "second wave");
    let left: Vec<String> =
        names(stored.folder.path()).into_iter().filter(|name| !name.starts_with("snapferry.db")).collect();
    assert_eq!(left, ["fake", "file", "mixed", "notes", "second"]);
}

#[tokio::test]
async fn another_databases_batch_of_the_same_name_is_another_batch() {
    let (here, there) = (Stored::many(1).await, Stored::many(2).await);
    there.sql("UPDATE batches SET created_at = created_at + 1").await;
    here.bundle("out", "many").await;
    let said = there.bundle_error(&here.path("out"), "many").await;
    assert!(said.contains("holds the report of another batch, \"many\" of 2026-11-23T18:00:00Z"), "{said}");
    assert_eq!(whole(&here.path("out"))["rows"]["read"], 1);
}

#[tokio::test]
async fn a_report_that_breaks_off_leaves_nothing() {
    let stored = Stored::many(1200).await;
    stored.bundle("out", "many").await;
    let before = stored.text("out/manifest.json");
    stored.sql("UPDATE batch_rows SET carried = 'broken' WHERE line = 1100").await;
    let said = stored.bundle_error(&stored.path("out"), "many").await;
    insta::assert_snapshot!(said, @r#"the report could not be read from the database: the database holds copied values that cannot be read: "broken""#);
    assert_eq!(stored.text("out/manifest.json"), before);
    whole(&stored.path("out"));
    let left: Vec<String> =
        names(stored.folder.path()).into_iter().filter(|name| !name.starts_with("snapferry.db")).collect();
    assert_eq!(left, ["out"]);
}

#[tokio::test]
async fn what_a_killed_one_left_is_taken_away_and_what_is_being_made_is_not() {
    let stored = Stored::many(1).await;
    for name in [".snapferry-report-dead", ".snapferry-report-live"] {
        std::fs::create_dir(stored.path(name)).expect("a folder");
        std::fs::write(stored.path(name).join("succeeded.csv"), "half").expect("a file");
    }
    let live = std::fs::File::open(stored.path(".snapferry-report-live")).expect("a folder");
    live.try_lock().expect("the lock");
    stored.bundle("out", "many").await;
    let left: Vec<String> =
        names(stored.folder.path()).into_iter().filter(|name| !name.starts_with("snapferry.db")).collect();
    assert_eq!(left, [".snapferry-report-live", "out"]);
}

#[tokio::test]
async fn a_report_of_no_single_batch_is_refused() {
    let stored = Stored::story().await;
    let path = stored.path("out");
    let folder = path.to_str().expect("a path");
    let said = stored.run(&["report", "--bundle", folder]).await.refused();
    insta::assert_snapshot!(said, @r#"--bundle reports one batch: name it with --batch; the newest of 3 is "third""#);
    let said = stored.run(&["report", "--bundle", folder, "--batch", "third"]).await.refused();
    insta::assert_snapshot!(said, @r#"batch "third" is still being loaded; try again later"#);
    let empty = Stored::empty().await;
    insta::assert_snapshot!(empty.run(&["report", "--bundle", folder]).await.refused(), @r#"--bundle reports one batch: there are none yet, create one with snapferry enqueue FILE"#);
    for other in [&["--format", "csv"][..], &["-o", "x"], &["--state", "failed"], &["--name", "x*"], &["3"]] {
        let line = ["snapferry", "report", "--bundle", folder].into_iter().chain(other.iter().copied());
        assert!(crate::stored::Line::try_parse_from(line).is_err(), "{other:?}");
    }
    assert!(!path.exists());
}

#[tokio::test]
async fn no_statement_of_it_reads_all_jobs() {
    use sqlx::{Connection, Row};
    let stored = Stored::many(10).await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(stored.queue.path());
    let mut connection = sqlx::SqliteConnection::connect_with(&options).await.expect("a connection");
    for sql in [
        include_str!("../../src/queue/sql/next_ending.sql"),
        include_str!("../../src/queue/sql/steps_of_jobs.sql"),
        include_str!("../../src/queue/sql/jobs_by_id.sql"),
        "SELECT line FROM batch_rows WHERE batch_id = 1 AND line > 1 ORDER BY line LIMIT 5",
        "UPDATE batches SET amended = amended + 1
         WHERE id IN (SELECT batch_id FROM batch_rows WHERE job_id = 1 AND disposition = 'live')",
    ] {
        let plan = sqlx::query(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}")));
        let steps: Vec<String> =
            plan.fetch_all(&mut connection).await.expect("a plan").iter().map(|row| row.get("detail")).collect();
        let scans = |table: &str| steps.iter().any(|step| step.starts_with(&format!("SCAN {table}")));
        assert!(!["jobs", "transitions", "batch_rows"].into_iter().any(scans), "{sql}: {steps:#?}");
    }
}
