//! `snapferry selftest` as a user starts it: what it says, what it leaves behind, and how it ends.

use super::documented;
use super::world::eventually;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;

fn start(folder: &Path, arguments: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_snapferry"));
    command.arg("selftest").args(arguments).env_clear().env("HOME", folder);
    // Beside the database, so that no --dir is needed.
    command.env("SNAPFERRY_DATABASE", format!("sqlite://{}", folder.join("mine.db").display()));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program")
}

async fn end(child: Child) -> Output {
    tokio::task::spawn_blocking(|| child.wait_with_output().expect("an end")).await.expect("no panic")
}

fn entries(folder: &TempDir) -> Vec<String> {
    let entries = std::fs::read_dir(folder.path()).expect("a folder");
    entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name")).collect()
}

fn signal(which: &str, pid: u32) {
    // One that has gone meanwhile is no trouble.
    let _ = Command::new("kill").args([which, &pid.to_string()]).stderr(Stdio::null()).status().expect("kill");
}

/// The processes that run on a database in `folder`, by what their environment says.
fn children(folder: &Path) -> Vec<u32> {
    let mark = format!("SNAPFERRY_DATABASE=sqlite://{}/snapferry-selftest-", folder.display());
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").expect("/proc").flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let environment = std::fs::read(entry.path().join("environ")).unwrap_or_default();
        if environment.split(|byte| *byte == 0).any(|variable| variable.starts_with(mark.as_bytes())) {
            found.push(pid);
        }
    }
    found
}

#[tokio::test]
async fn every_promise_holds_over_a_dozen_crashes_and_nothing_is_left_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let ended = end(start(folder.path(), &["--crashes", "12", "--json"])).await;
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    let told: serde_json::Value = serde_json::from_slice(&ended.stdout).expect(&said);
    assert_eq!(ended.status.code(), Some(0), "{told:#} {said}");
    documented(&told);
    assert_eq!(told["holds"], true);
    assert_eq!(told["promises"].as_array().expect("promises").len(), 8);
    let number = |name: &str| told[name].as_u64().expect("a number");
    assert_eq!(number("daemons_killed") + number("enqueues_killed"), 12);
    assert!(number("jobs") >= 40 && number("exports") >= 40, "{told:#}");
    assert_eq!(entries(&folder), Vec::<String>::new());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_promise_that_does_not_hold_is_named_and_what_it_left_is_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let selftest = start(folder.path(), &["--crashes", "1000", "--seed", "7"]);
    // Its children die of what it did not do.
    eventually("a child", async || !children(folder.path()).is_empty()).await;
    let killing = tokio::spawn({
        let folder = folder.path().to_owned();
        async move {
            loop {
                for pid in children(&folder) {
                    signal("-KILL", pid);
                }
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        }
    });
    let ended = end(selftest).await;
    killing.abort();
    let (told, said) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert_eq!(ended.status.code(), Some(1), "{told} {said}");
    assert!(told.contains("7 a restart recovers") && told.contains("BROKEN"), "{told}");
    assert!(told.contains("that was not killed ended with"), "{told}");
    assert!(said.contains("--crashes 1000 --seed 7"), "{said}");
    let kept = entries(&folder).pop().expect("a folder that is kept");
    assert!(said.contains(&kept), "{said}");
    for file in ["selftest.db", "children.log", "ledger.json", "calls.jsonl"] {
        assert!(folder.path().join(&kept).join("round-1").join(file).exists(), "{file}");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_ctrl_c_ends_it_and_leaves_no_child_and_no_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let selftest = start(folder.path(), &["--crashes", "1000"]);
    eventually("a child", async || !children(folder.path()).is_empty()).await;
    signal("-INT", selftest.id());
    let ended = end(selftest).await;
    assert_eq!(ended.status.code(), Some(130), "{}", String::from_utf8_lossy(&ended.stderr));
    eventually("no child", async || children(folder.path()).is_empty()).await;
    assert_eq!(entries(&folder), Vec::<String>::new());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn no_child_outlives_it_however_it_dies() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut selftest = start(folder.path(), &["--crashes", "1000"]);
    eventually("a child", async || !children(folder.path()).is_empty()).await;
    selftest.kill().expect("killed");
    selftest.wait().expect("gone");
    eventually("no child", async || children(folder.path()).is_empty()).await;
}

/// The first command of somebody new may be this one.
#[tokio::test]
async fn where_there_is_no_folder_for_the_database_yet_it_is_made() {
    let home = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_snapferry"));
    command.args(["selftest", "--crashes", "1"]).env_clear().env("HOME", home.path());
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let ended = end(child.expect("the program")).await;
    assert_eq!(ended.status.code(), Some(0), "{}", String::from_utf8_lossy(&ended.stderr));
}
