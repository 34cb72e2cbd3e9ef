use super::*;
use proptest::prelude::*;

type Seen = (u64, Vec<String>, Option<RecordFault>);

/// Gives its bytes in pieces of `size`.
struct Dribble<'a>(&'a [u8], usize);

impl Read for Dribble<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let size = self.1.min(into.len());
        self.0.take(size as u64).read(into).inspect(|read| self.0 = &self.0[*read..])
    }
}

fn read_all(reader: impl Read) -> Vec<Seen> {
    let (mut records, _) = Records::open(reader).expect("opens");
    let mut record = Record::default();
    let mut seen = Vec::new();
    while records.read(&mut record).expect("reads") {
        let fields = record.fields.iter().map(|field| String::from_utf8_lossy(field).into_owned()).collect();
        seen.push((record.line, fields, record.fault));
    }
    seen
}

fn row(line: u64, fields: &[&str]) -> Seen {
    (line, fields.iter().map(ToString::to_string).collect(), None)
}

#[test]
fn every_line_end_counts_once() {
    for end in ["\n", "\r\n", "\r"] {
        let text = format!("a,b{end}{end}  {end}\"c{end}c\",d{end}e,{end}f");
        for size in [1, 2, 3, 1000] {
            assert_eq!(
                read_all(Dribble(text.as_bytes(), size)),
                [row(1, &["a", "b"]), row(4, &[&format!("c{end}c"), "d"]), row(6, &["e", ""]), row(7, &["f"])]
            );
        }
    }
}

#[test]
fn quotes_open_only_where_a_field_begins() {
    assert_eq!(read_all(&b"5\" disk,\"a \"\"b\"\", c\"\n"[..]), [row(1, &["5\" disk", "a \"b\", c"])]);
    assert_eq!(read_all(&b"a , \"b, c\" ,\"\"\n\"\"\n"[..]), [row(1, &["a ", "b, c", ""]), row(2, &[""])]);
}

#[test]
fn a_bom_is_no_part_of_the_first_field() {
    for size in [1, 1000] {
        assert_eq!(read_all(Dribble(b"\xef\xbb\xbfa\n\xef\xbb\xbf\n", size)), [row(1, &["a"]), row(2, &["\u{feff}"])]);
    }
    assert_eq!(read_all(&b"\xef\xbb\xbf"[..]), []);
    assert_eq!(read_all(&b"\n\r\n \t\n"[..]), []);
}

#[test]
fn text_after_a_closing_quote_is_a_fault_and_reading_goes_on() {
    let seen = read_all(&b"a,\"b\nc,\"d\"\ne,f\n"[..]);
    assert_eq!(seen[0].2, Some(RecordFault::AfterQuote { quote: 1 }));
    assert_eq!(seen[1..], [row(3, &["e", "f"])]);
}

#[test]
fn an_unclosed_quote_names_its_line() {
    let seen = read_all(&b"a\n\"b\n\"\"c\nd\n"[..]);
    assert_eq!(seen[0], row(1, &["a"]));
    assert_eq!((seen[1].0, seen[1].2), (2, Some(RecordFault::Unclosed { quote: 2 })));
    assert_eq!(seen.len(), 2);
}

#[test]
fn a_line_beyond_the_limit_is_skipped_and_not_held() {
    let text = io::repeat(b'x').take(5_000_000).chain(&b"\nb\n"[..]);
    let (mut records, _) = Records::open(text).expect("opens");
    let mut record = Record::default();
    assert!(records.read(&mut record).expect("reads"));
    assert_eq!(record.fault, Some(RecordFault::TooLong { quote: None }));
    assert!(record.field.capacity() <= 2 * RECORD_LIMIT, "{}", record.field.capacity());
    assert!(records.read(&mut record).expect("reads"));
    assert_eq!((record.line, record.fault), (2, None));

    let fits = "x".repeat(RECORD_LIMIT);
    assert_eq!(read_all(fits.as_bytes()), [row(1, &[&fits])]);
    assert_eq!(read_all(format!("{fits}y").as_bytes())[0].2, Some(RecordFault::TooLong { quote: None }));
}

#[test]
fn a_quote_left_open_over_a_big_file_is_one_fault_with_its_line() {
    let text = format!("a\nb,\"c\n{}", "web-1,x\n".repeat(20_000));
    let seen = read_all(text.as_bytes());
    assert_eq!(seen.len(), 2);
    assert_eq!((seen[1].0, seen[1].2), (2, Some(RecordFault::TooLong { quote: Some(2) })));
}

#[test]
fn commas_without_end_are_not_held() {
    let (mut records, _) = Records::open(io::repeat(b',').take(5_000_000)).expect("opens");
    let mut record = Record::default();
    assert!(records.read(&mut record).expect("reads"));
    assert_eq!(record.fault, Some(RecordFault::TooLong { quote: None }));
    assert!(record.fields.len() <= RECORD_LIMIT + 1);
}

proptest! {
    #[test]
    fn what_the_csv_crate_writes_is_read_back(
        rows in prop::collection::vec(prop::collection::vec("[a, \t\"'\r\n\u{e9}]{0,5}", 2..4), 0..6),
        size in 1_usize..9,
    ) {
        let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
        for row in &rows {
            writer.write_record(row).expect("writes");
        }
        let text = writer.into_inner().expect("flushes");
        let read: Vec<Vec<String>> = read_all(Dribble(&text, size)).into_iter().map(|(_, fields, _)| fields).collect();
        prop_assert_eq!(read, rows);
    }

    #[test]
    fn the_size_of_the_pieces_makes_no_difference(text in "[ab, \t\"\r\n]{0,40}", size in 1_usize..9) {
        prop_assert_eq!(read_all(Dribble(text.as_bytes(), size)), read_all(text.as_bytes()));
    }
}
