//! Reads `src` and holds the rooms to their arrows.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Each room with those that it may use. ARCHITECTURE.md has the picture.
const ARROWS: [(&str, &[&str]); 15] = [
    (
        "cli",
        &[
            "daemon",
            "verdict",
            "report",
            "survey",
            "doctor",
            "intake",
            "settings",
            "lightsail",
            "queue",
            "domain",
            "clock",
        ],
    ),
    ("daemon", &["worker", "tracking", "report", "lightsail", "queue", "settings", "domain", "clock", "points"]),
    ("worker", &["lightsail", "queue", "settings", "domain", "clock", "points"]),
    ("tracking", &["lightsail", "queue", "settings", "domain", "clock", "points"]),
    ("report", &["survey", "doctor", "lightsail", "queue", "domain"]),
    ("survey", &["lightsail", "queue", "settings", "domain", "clock"]),
    ("doctor", &["lightsail", "queue", "settings", "domain", "clock"]),
    ("verdict", &["queue", "domain"]),
    ("lightsail", &["domain", "clock"]),
    ("queue", &["domain", "clock", "points"]),
    ("intake", &["domain"]),
    ("settings", &["domain"]),
    ("clock", &["domain"]),
    ("points", &["domain"]),
    ("domain", &[]),
];

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

fn room_files(room: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(room), &mut found);
    found
}

/// The rooms that a text names by `crate::ROOM`, one by one or in braces.
fn used(text: &str) -> BTreeSet<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect::<String>();
    let mut rooms = BTreeSet::new();
    for (place, _) in text.match_indices("crate::") {
        let rest = &text[place + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let group = group.split('}').next().unwrap_or_default();
            rooms.extend(group.split(',').map(|one| word(one.trim())));
        } else {
            rooms.insert(word(rest));
        }
    }
    rooms.retain(|room| ARROWS.iter().any(|(name, _)| name == room));
    rooms
}

#[test]
fn every_room_uses_only_what_stands_to_its_right() {
    let mut wrong = Vec::new();
    for (room, allowed) in ARROWS {
        for file in room_files(room) {
            let text = std::fs::read_to_string(&file).expect("a file");
            for other in used(&text) {
                if other != room && !allowed.contains(&other.as_str()) {
                    wrong.push(format!("{} uses {other}", file.display()));
                }
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn every_folder_of_src_is_a_room_with_arrows() {
    let folders: BTreeSet<String> = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
        .expect("src")
        .map(|entry| entry.expect("an entry"))
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().expect("a name"))
        .collect();
    assert_eq!(folders, ARROWS.iter().map(|(room, _)| (*room).to_owned()).collect());
}

#[test]
fn the_names_of_libraries_stay_in_their_rooms() {
    let mut wrong = Vec::new();
    for (room, _) in ARROWS {
        for file in room_files(room) {
            let text = std::fs::read_to_string(&file).expect("a file");
            let path = file.display().to_string();
            if text.contains("aws_sdk") && !path.contains("/lightsail/aws") {
                wrong.push(format!("{path} names the SDK"));
            }
            if text.contains("sqlx::") && room != "queue" {
                wrong.push(format!("{path} names sqlx"));
            }
            if room == "queue" && text.to_lowercase().contains("lightsail::") {
                wrong.push(format!("{path} names Lightsail's room"));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// Where a connection that writes is opened, and where a transaction begins: nothing else reaches the disk.
#[test]
fn only_the_write_connection_writes_to_the_database() {
    let openers = [
        ("ConnectOptions::new", "open.rs"),
        ("PoolOptions::new", "readers.rs"),
        ("connect_with(", "open.rs"),
        ("begin_with(", "connection.rs"),
    ];
    let mut wrong = Vec::new();
    // A backup is another file.
    for file in room_files("queue").into_iter().filter(|file| !file.ends_with("database_copy.rs")) {
        let text = std::fs::read_to_string(&file).expect("a file");
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for (word, place) in openers {
            if code.contains(word) && !file.ends_with(place) {
                wrong.push(format!("{} has {word:?}, which is for {place}", file.display()));
            }
        }
        if file.ends_with("open.rs") {
            let opened = ["readers(reading(", "FileReaders::of(path, reading(", "readers(\"sqlite::memory:\""];
            let all = code.matches(" readers(").count() + code.matches("FileReaders::of(").count();
            assert_eq!(all, opened.map(|one| code.matches(one).count()).iter().sum::<usize>(), "what reads only reads");
            assert!(code.contains("read_only(true)"));
        }
        if text.contains("SqliteConnection::connect_with(") {
            assert_eq!(
                text.matches("SqliteConnection::connect_with(").count(),
                text.matches("WriteConnection::new(").count()
            );
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn a_room_that_is_used_is_seen() {
    let text = "use crate::{queue, clock::Clock};\nfn f() { crate::lightsail::x() }";
    assert_eq!(used(text), ["clock", "lightsail", "queue"].map(str::to_owned).into_iter().collect());
}
