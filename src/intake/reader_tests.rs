use super::super::{RECORD_LIMIT, RejectsWriter};
use super::*;
use crate::domain::{BadName, BadRegion, Timestamp};
use proptest::prelude::*;
use std::fmt::Write as _;
use std::io;

fn ireland() -> IntakeOptions {
    IntakeOptions { region: Region::parse("eu-west-1").ok(), ..IntakeOptions::default() }
}

fn labels(all: &[&str]) -> BTreeSet<AccountLabel> {
    all.iter().map(|label| AccountLabel::parse(label).expect("a label")).collect()
}

fn read_with(text: impl AsRef<[u8]>, options: IntakeOptions) -> (Vec<Row>, Vec<Rejected>) {
    let mut rows = Vec::new();
    let mut bad = Vec::new();
    for entry in Intake::new(text.as_ref(), options).expect("a header") {
        match entry.expect("reads") {
            IntakeRecord::Accepted(row) => rows.push(row),
            IntakeRecord::Rejected(rejected) => bad.push(*rejected),
        }
    }
    (rows, bad)
}

fn read(text: impl AsRef<[u8]>) -> (Vec<Row>, Vec<Rejected>) {
    read_with(text, ireland())
}

fn refuse(text: impl AsRef<[u8]>) -> IntakeError {
    Intake::new(text.as_ref(), ireland()).err().expect("an error")
}

/// The one reason against the one row of a file.
fn reason(text: impl AsRef<[u8]>) -> String {
    let (rows, bad) = read(text);
    assert_eq!((rows.len(), bad.len()), (0, 1), "{rows:?} {bad:?}");
    bad[0].to_string()
}

fn names(rows: &[Row]) -> Vec<&str> {
    rows.iter().map(|row| row.snapshot.as_str()).collect()
}

#[test]
fn a_plain_list_needs_no_header() {
    let (rows, bad) = read("web-1\r\n\r\n  web-2  \n\"web-3\"");
    assert_eq!((names(&rows), bad.len()), (vec!["web-1", "web-2", "web-3"], 0));
    assert_eq!(rows.iter().map(|row| row.line).collect::<Vec<_>>(), [1, 3, 4]);
    assert_eq!((rows[0].region.as_str(), rows[0].account.as_str(), rows[0].priority), ("eu-west-1", "default", 0));
}

#[test]
fn a_column_that_may_be_meant_for_another_one_is_told() {
    let slips = |header: &str| {
        let intake = Intake::new(header.as_bytes(), ireland()).expect("a header");
        intake.likely_slips().map(|(given, meant)| format!("{given}: {meant}")).collect::<Vec<_>>()
    };
    assert_eq!(slips("snapshot_name,Regoin,not-before,owner\n"), ["Regoin: region", "not-before: not_before"]);
    assert_eq!(slips("snapshot_name,region,regions,state\n"), Vec::<String>::new());
}

#[test]
fn a_header_puts_each_column_in_its_place() {
    let text = "\u{feff} Region ,owner,SourceSnapshotName,PRIORITY,not_before,account,state\n\
                us-east-1,\" O'Brien, \"\"Bo\"\" \",web-1,-5,2026-11-23T18:00:00Z,default,failed\n\
                ,'=1+1,web-2,,,,\n";
    let mut intake = Intake::new(text.as_bytes(), ireland()).expect("a header");
    assert_eq!(intake.carried_columns(), ["owner"]);
    assert_eq!(intake.header()[..3], ["Region", "owner", "SourceSnapshotName"]);
    let first = intake.next().expect("a row").expect("reads");
    let row = Row {
        line: 2,
        snapshot: crate::domain::SnapshotName::parse("web-1").expect("a name"),
        account: AccountLabel::unnamed(),
        region: Region::parse("us-east-1").expect("a Region"),
        priority: -5,
        not_before: Timestamp::parse("2026-11-23T18:00:00Z").ok(),
        carried: vec![" O'Brien, \"Bo\" ".to_owned()],
    };
    assert_eq!(first, IntakeRecord::Accepted(row));
    let Some(Ok(IntakeRecord::Accepted(second))) = intake.next() else { panic!("a row") };
    assert_eq!((second.region.as_str(), second.priority, second.not_before), ("eu-west-1", 0, None));
    assert_eq!(second.carried, ["=1+1"], "the escape of a report is taken off");
    assert!(intake.next().is_none() && intake.next().is_none());
}

#[test]
fn a_report_is_a_valid_input() {
    let text = "batch,snapshot_name,account,region,state,adopted,attempts,operation_id,record_name,destination_service,\
                destination_id,error_code,error_message,queued_at,submitted_at,finished_at,'=owner\n\
                b1,web-1,default,us-east-1,failed,false,5,op,,,,Denied,'=boom,2026-11-23T18:00:00Z,,,'-x\n";
    let intake = Intake::new(text.as_bytes(), ireland()).expect("a header");
    assert_eq!(intake.carried_columns(), ["=owner"]);
    let (rows, bad) = read(text);
    assert_eq!((names(&rows), bad.len(), rows[0].carried.clone()), (vec!["web-1"], 0, vec!["-x".to_owned()]));
}

#[test]
fn a_file_of_nothing_but_a_header_has_no_rows() {
    assert_eq!(read("snapshot_name,region\n"), (vec![], vec![]));
}

#[test]
fn a_file_that_cannot_be_taken_says_why() {
    for empty in ["", "\n \r\n\t", "\u{feff}", "\u{feff}\n"] {
        assert!(matches!(refuse(empty), IntakeError::Empty), "{empty:?}");
    }
    for (text, message) in [
        (
            "region,owner\nx,y",
            "the header has no column for the snapshot's name: call it snapshot_name; it has region, owner",
        ),
        (
            "batch,state,attempts\n",
            "the header has no column for the snapshot's name: call it snapshot_name; it has batch, state, attempts",
        ),
        (
            "name,x,snapshot\n",
            "the header has \"name\" (column 1) and \"snapshot\" (column 3), which may mean the same: leave one out, or give --copy-column for the one to copy",
        ),
        (
            "name,Owner, owner\n",
            "the header has \"Owner\" (column 2) and \"owner\" (column 3), which are the same column: leave one out",
        ),
        ("name,,x\n", "column 2 of the header has no name: name it or delete the column"),
        ("snapshot_name;region\n", "the header separates its columns with ';': save the file with commas"),
        ("name\tregion\n", "the header separates its columns with '\\t': save the file with commas"),
        (
            "\nname,a\0b\n",
            "line 2, the header, cannot be read: it contains a NUL character: remove it, or save a UTF-16 file as UTF-8",
        ),
        ("PK\u{3}\u{4}....", "the input is a ZIP archive or an Excel workbook: save it as CSV in UTF-8"),
    ] {
        assert_eq!(refuse(text).to_string(), message);
    }
    assert!(matches!(refuse(b"\xff\xfen\0a\0"), IntakeError::NotText("text in UTF-16")));
    assert!(matches!(refuse(b"\xfe\xff\0n"), IntakeError::NotText("text in UTF-16")));
    assert!(matches!(refuse(b"\x1f\x8b\x08\0"), IntakeError::NotText("compressed with gzip")));
    assert!(matches!(refuse(b"SQLite format 3\0\x10\0"), IntakeError::NotText("a SQLite database")));
    assert!(matches!(refuse(b"%PDF-1.7\n"), IntakeError::NotText("a PDF document")));
    assert!(matches!(refuse(b"\x7fELF\x02\x01\x01\0\0\0\0\0"), IntakeError::NotText("not text")));
    assert!(matches!(refuse(b"name,\xff\n"), IntakeError::Header { line: 1, reason: RejectReason::NotUtf8 }));
    let long = format!("name,{}\nweb-1,x\n", "x".repeat(RECORD_LIMIT));
    assert!(matches!(
        refuse(long),
        IntakeError::Header { line: 1, reason: RejectReason::Record(RecordFault::TooLong { .. }) }
    ));
    assert!(matches!(
        refuse("name,\"x\n"),
        IntakeError::Header { line: 1, reason: RejectReason::Record(RecordFault::Unclosed { .. }) }
    ));
}

#[test]
fn each_bad_cell_is_named_by_line_column_and_way_out() {
    for (text, message) in [
        ("name,x\n,1\n", "line 2, column name: the snapshot name is empty: fill it in or delete the row"),
        (
            "web 1\n",
            "line 1, column snapshot_name: the snapshot name \"web 1\" has ' '; a snapshot's name has letters, digits, '-', '_' and '.'",
        ),
        (
            "\n\nx\n",
            "line 3, column snapshot_name: the snapshot name \"x\" has 1 character; a snapshot's name has 2 to 255",
        ),
        (
            "name,region\nweb,us-east-1a\n",
            "line 2, column region: \"us-east-1a\" is an availability zone; its Region is \"us-east-1\"",
        ),
        (
            "name,Account\nweb,defalt\n",
            "line 2, column Account: \"defalt\" is not an account in the settings; did you mean \"default\"? They have default",
        ),
        (
            "name,priority\nweb,1001\n",
            "line 2, column priority: \"1001\" is not a priority: a whole number from -1000 to 1000, higher first",
        ),
        (
            "name,priority\nweb,high\n",
            "line 2, column priority: \"high\" is not a priority: a whole number from -1000 to 1000, higher first",
        ),
        (
            "name,not_before\nweb,tomorrow\n",
            "line 2, column not_before: \"tomorrow\" is not a time: write it as RFC 3339, such as 2026-11-23T18:00:00Z",
        ),
        ("name,x\nweb\n", "line 2: fields: 1 found, 2 expected as in the header: quote a field that contains a comma"),
        (
            "web-1,eu-west-1\n",
            "line 1: fields: 2 found, 1 expected as the file has no header: begin it with a line that names the columns, such as snapshot_name,region",
        ),
        ("name,x\nweb,a\0b\n", "line 2, column x: contains a NUL character: remove it, or save a UTF-16 file as UTF-8"),
        (
            "name,x\nweb,\"a\" b\n",
            "line 2: has text after the end of the quoted field that opens in line 2: double each quote that is part of the text",
        ),
    ] {
        assert_eq!(reason(text), message);
    }
    assert_eq!(reason(b"name,x\nweb,\xff\n"), "line 2, column x: is not UTF-8: save the file as UTF-8");
    let (_, bad) = read(format!("{}\n", "x".repeat(300)));
    assert!(
        matches!(&bad[0].reason, RejectReason::Name { given, bad: BadName::Long(300, 255) } if given.chars().count() == 81)
    );
}

#[test]
fn a_bad_row_never_stops_the_next() {
    let long = "x".repeat(RECORD_LIMIT + 1);
    let (rows, bad) = read(format!("web-1\n{long}\nweb 2\nweb-3\n\"a\"b\nweb-4\n"));
    assert_eq!(names(&rows), ["web-1", "web-3", "web-4"]);
    assert_eq!(bad.iter().map(|bad| bad.line).collect::<Vec<_>>(), [2, 3, 5]);
    assert_eq!(bad[0].reason.to_string(), "is longer than 64 KiB: shorten it or leave columns out");
    assert!(bad[0].fields.is_empty());
}

#[test]
fn an_unclosed_quote_is_named_by_the_line_where_it_opens() {
    assert_eq!(
        reason("name,x\nweb-1,\"a\nweb-2,b\n"),
        "line 2: the quote that opens in line 2 is never closed: close it, or double it if it is part of the text"
    );
    let (rows, bad) = read(format!("name,x\nweb-0,a\nweb-1,\"a\n{}", "web-2,b\n".repeat(100_000)));
    assert_eq!((rows.len(), bad.len()), (1, 1));
    assert!(bad[0].to_string().ends_with("(a quote opens in line 3: is it closed?)"), "{}", bad[0]);
}

#[test]
fn the_first_row_of_a_plain_list_can_be_bad_too() {
    let (rows, bad) = read(b"w\xffb\nweb-2\n");
    assert_eq!((names(&rows), bad[0].reason.clone()), (vec!["web-2"], RejectReason::NotUtf8));
    let (rows, bad) = read(format!("{}\nweb-2\n", "x".repeat(RECORD_LIMIT + 1)));
    assert_eq!((names(&rows), bad.len()), (vec!["web-2"], 1));
}

#[test]
fn a_row_without_a_region_needs_one_from_somewhere() {
    let (rows, bad) = read_with("name,region\nweb-1,us-east-1\nweb-2,\n", IntakeOptions::default());
    assert_eq!((names(&rows), bad[0].line, bad[0].column.as_deref()), (vec!["web-1"], 3, Some("region")));
    assert_eq!(bad[0].reason, RejectReason::NoRegion);
    let (_, bad) = read("name,region\nweb,us-west-1\n");
    assert_eq!(bad[0].reason, RejectReason::Region(BadRegion::NoEndpoint("us-west-1")));
}

#[test]
fn accounts_are_those_of_the_settings() {
    let text = "name,account\nweb-1,prod\nweb-2,prdo\nweb-3,\n";
    let known = IntakeOptions { accounts: labels(&["prod", "staging"]), ..ireland() };
    let (rows, bad) = read_with(text, known.clone());
    assert_eq!(names(&rows), ["web-1"]);
    assert_eq!(
        bad[0].reason.to_string(),
        "\"prdo\" is not an account in the settings; did you mean \"prod\"? They have prod, staging"
    );
    assert_eq!(bad[1].reason, RejectReason::NoAccount { known: vec!["prod".into(), "staging".into()] });

    let given = IntakeOptions { account: AccountLabel::parse("staging").ok(), ..known.clone() };
    let (rows, bad) = read_with(text, given);
    assert_eq!((rows[1].account.as_str(), bad.len()), ("staging", 1));

    let unknown = IntakeOptions { account: AccountLabel::parse("nobody").ok(), ..known };
    let error = Intake::new(text.as_bytes(), unknown).err().expect("an error");
    assert_eq!(error.to_string(), "--account: \"nobody\" is not an account in the settings; they have prod, staging");
}

#[test]
fn a_row_is_in_one_of_its_accounts_regions() {
    let region = |name: &str| Region::parse(name).expect("a Region");
    let regions = [("prod", &["eu-west-1", "us-east-1"][..]), ("lab", &["us-west-2"])];
    let regions = regions.map(|(label, names)| {
        (AccountLabel::parse(label).expect("a label"), names.iter().map(|name| region(name)).collect())
    });
    let options = IntakeOptions {
        accounts: labels(&["prod", "lab", "free"]),
        regions: regions.into_iter().collect(),
        usual_region: Some(Ok(region("eu-west-2"))),
        ..IntakeOptions::default()
    };
    let text =
        "name,account,region\na1,prod,us-east-1\na2,prod,eu-west-2\na3,prod,\na4,lab,\na5,free,ap-south-1\na6,free,\n";
    let (rows, bad) = read_with(text, options.clone());
    let found: Vec<(&str, &str)> = rows.iter().map(|row| (row.snapshot.as_str(), row.region.as_str())).collect();
    assert_eq!(found, [("a1", "us-east-1"), ("a4", "us-west-2"), ("a5", "ap-south-1"), ("a6", "eu-west-2")]);
    assert_eq!(
        bad.iter().map(|one| (one.line, one.column.as_deref())).collect::<Vec<_>>(),
        [(3, Some("region")), (4, Some("region"))]
    );
    assert_eq!(
        bad[0].reason.to_string(),
        "account prod has no Region eu-west-2 in the settings: write eu-west-1 or us-east-1, or add it to \
         [accounts.prod] regions"
    );
    // What is given for all rows goes before the only one, and is held to it.
    let (rows, bad) = read_with(text, IntakeOptions { region: Some(region("eu-west-1")), ..options });
    assert_eq!((names(&rows), bad.len(), bad[1].line), (vec!["a1", "a3", "a5", "a6"], 2, 5));
}

#[test]
fn a_row_that_may_be_meant_for_another_lane_ends_the_file() {
    let read = |options: IntakeOptions| {
        Intake::new(&b"name,dc\nweb-1,eu-west-1\nweb-2,us-east-1\nweb-3,eu-west-1\n"[..], options).expect("a header")
    };
    let mut intake = read(ireland());
    assert!(matches!(intake.next(), Some(Ok(IntakeRecord::Accepted(_)))), "what agrees is no other lane");
    let error = intake.next().expect("a row").expect_err("it differs");
    assert_eq!(
        error.to_string(),
        "line 3: column \"dc\" has \"us-east-1\", but the row would be exported in eu-west-1, as no region column says \
         otherwise. Rename the column to region, or give --copy-column \"dc\" to copy it to the report only"
    );
    assert!(intake.next().is_none());
    let declared = read(IntakeOptions { copied: vec![" DC".to_owned()], ..ireland() });
    assert_eq!((declared.carried_columns().to_vec(), declared.count()), (vec!["dc".to_owned()], 3));
    let account = IntakeOptions { accounts: labels(&["default", "lab"]), ..ireland() };
    let error = Intake::new(&b"name,team\nweb-1,Lab\n"[..], account).expect("a header").next().expect("a row");
    assert!(
        error.is_err_and(|error| error
            .to_string()
            .contains("would be exported in account default, as no account column"))
    );
    let (_, bad) = read_with("name,Account ID\nweb-1,123456789012\n", ireland());
    assert!(
        bad[0].to_string().contains("\"123456789012\" is not an account in the settings; use the label"),
        "{}",
        bad[0]
    );
}

#[test]
fn the_limit_counts_records_good_or_bad() {
    let (rows, bad) = read_with("name\nweb-1\n-\nweb-2\n", IntakeOptions { limit: Some(2), ..ireland() });
    assert_eq!((names(&rows), bad.len()), (vec!["web-1"], 1));
}

#[test]
fn an_error_of_reading_is_told_apart_and_ends_the_file() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("cable pulled"))
        }
    }
    let mut intake = Intake::new(b"web-1\nweb-2\nw".chain(Broken), ireland()).expect("a first row");
    assert!(matches!(intake.next(), Some(Ok(IntakeRecord::Accepted(_)))));
    assert!(matches!(intake.next(), Some(Ok(IntakeRecord::Accepted(_)))));
    assert!(matches!(intake.next(), Some(Err(IntakeError::Read(_)))));
    assert!(intake.next().is_none());
}

#[test]
fn rejected_rows_can_be_put_right_and_read_again() {
    let text = b"name,owner,note\nweb-1,x,y\nweb 2,=cmd,n\xff\nweb-3\n";
    let once = write_rejected(text);
    assert_eq!(
        String::from_utf8_lossy(&once),
        "line,column,reason,name,owner,note\n\
         3,name,\"the snapshot name \"\"web 2\"\" has ' '; a snapshot's name has letters, digits, '-', '_' and '.'\",web 2,'=cmd,n\u{fffd}\n\
         4,,\"fields: 1 found, 3 expected as in the header: quote a field that contains a comma\",web-3\n"
    );
    let intake = Intake::new(once.as_slice(), ireland()).expect("a header");
    assert_eq!(
        (intake.header(), intake.carried_columns()),
        (&["name", "owner", "note"].map(String::from)[..], &["owner", "note"].map(String::from)[..])
    );
    assert!(write_rejected(&once).starts_with(b"line,column,reason,name,owner,note\n2,name,"));
    let righted = String::from_utf8_lossy(&once).replace("web 2,", "web-2,");
    let (rows, bad) = read(righted);
    assert_eq!((names(&rows), &rows[0].carried[0], bad.len()), (vec!["web-2"], &"=cmd".to_owned(), 1));
}

fn write_rejected(text: &[u8]) -> Vec<u8> {
    let intake = Intake::new(text, ireland()).expect("a header");
    let mut writer = RejectsWriter::new(Vec::new(), intake.header()).expect("writes");
    for entry in intake {
        if let IntakeRecord::Rejected(rejected) = entry.expect("reads") {
            writer.write(&rejected).expect("writes");
        }
    }
    writer.finish().expect("flushes")
}

/// Not a check but a measure: `cargo test --release --lib -- --ignored --nocapture a_million_rows`.
#[test]
#[ignore = "a measure, for release builds"]
fn a_million_rows() {
    let mut text = String::from("snapshot_name,region,account,owner\n");
    for n in 0..1_000_000 {
        writeln!(text, "WordPress-{n},eu-west-1,default,\"Team, {n}\"").expect("writes");
    }
    #[expect(clippy::disallowed_methods, reason = "a measure of this machine")]
    let begun = std::time::Instant::now();
    let rows = Intake::new(text.as_bytes(), ireland())
        .expect("a header")
        .filter(|row| matches!(row, Ok(IntakeRecord::Accepted(_))))
        .count();
    println!("{rows} rows, {} MB: {:?}", text.len() / 1_000_000, begun.elapsed());
    assert_eq!(rows, 1_000_000);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), limit in prop::option::of(0_u64..9)) {
        if let Ok(intake) = Intake::new(bytes.as_slice(), IntakeOptions { limit, ..ireland() }) {
            for entry in intake {
                if let IntakeRecord::Rejected(rejected) = entry.expect("reads") {
                    prop_assert!(!rejected.to_string().chars().any(char::is_control), "a message is one clean line");
                }
            }
        }
    }

    #[test]
    fn rows_and_rejected_are_all_the_records(text in "(name,x\n)?([ab, \"\r\n\u{e9}\0=']{0,12}\n){0,8}") {
        if let Ok(intake) = Intake::new(text.as_bytes(), ireland()) {
            let header = u64::from(intake.columns.header);
            let (mut records, _) = Records::open(text.as_bytes()).expect("opens");
            let mut record = Record::default();
            let mut count = 0;
            while records.read(&mut record).expect("reads") {
                count += 1;
            }
            let lines: Vec<u64> = intake.map(|entry| match entry.expect("reads") {
                IntakeRecord::Accepted(row) => row.line,
                IntakeRecord::Rejected(rejected) => rejected.line,
            }).collect();
            prop_assert_eq!(lines.len() as u64 + header, count);
            prop_assert!(lines.is_sorted_by(|a, b| a < b));
        }
    }

    /// What names no other lane is read as if there were no such thing.
    #[test]
    fn columns_that_name_no_lane_are_copied_and_nothing_else(
        others in prop::collection::vec("(owner|ticket|location|zone|state_of|source|host|note)[0-9]{0,2}", 0..4),
        rows in prop::collection::vec(("[a-z]{2,9}", prop::sample::select(vec!["", "eu-west-1", "us-east-2"]), "[A-Za-z0-9 ._:-]{0,11}"), 0..6),
        own in any::<bool>(),
    ) {
        let others: BTreeSet<String> = others.into_iter().collect();
        let line = |name: &str, region: &str, others: Vec<&str>| {
            let own: &[&str] = if own { &[name, region] } else { &[name] };
            own.iter().copied().chain(others).collect::<Vec<_>>().join(",")
        };
        let cells = rows.iter().map(|(name, region, cell)| line(name, region, vec![spreadsheet_safe(cell); others.len()]));
        let header = line("snapshot_name", "region", others.iter().map(String::as_str).collect());
        let text = std::iter::once(header).chain(cells).collect::<Vec<_>>().join("\n");
        let (read, bad) = read(text);
        prop_assert_eq!((read.len(), bad.len()), (rows.len(), 0));
        for (row, (name, region, cell)) in read.iter().zip(&rows) {
            let region = if own && !region.is_empty() { region } else { "eu-west-1" };
            prop_assert_eq!((row.snapshot.as_str(), row.region.as_str()), (name.as_str(), region));
            let cell = spreadsheet_safe(cell);
            prop_assert!(row.carried.iter().all(|copied| copied.trim() == cell.trim()) && row.carried.len() == others.len());
        }
    }
}

/// Without what a spreadsheet would take for a formula, or us for an account number.
fn spreadsheet_safe(cell: &str) -> &str {
    cell.trim_start_matches(['-', ':'])
}

#[test]
fn name_is_not_taken_for_the_snapshot_where_another_column_says_more_of_it() {
    for other in ["snapshot id", "snapshot to export", "export_name"] {
        let header = format!("name,{other}\nweb,web-1\n");
        assert!(matches!(refuse(&header), IntakeError::SameMeaning(_)), "{other}");
        let copied = IntakeOptions { copied: vec![other.to_owned()], ..ireland() };
        assert_eq!(names(&read_with(&header, copied).0), ["web"], "{other}");
    }
}
