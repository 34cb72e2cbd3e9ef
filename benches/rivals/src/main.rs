//! What the store is measured beside. Each prints one number: jobs a second.
//!
//! `rivals effectum FILE JOBS`: claim and complete of effectum, 256 at once, in WAL.
//! `rivals raw FILE BATCH`: the writes of every queued job's way to its success, row by row with prepared statements and
//! `BATCH` rows to a transaction, in a database of Snapferry's own.

mod effectum;
mod raw;

type Measured = Result<f64, Box<dyn std::error::Error>>;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let jobs_a_second = match words.as_slice() {
        ["effectum", file, jobs] => effectum::measure(file.as_ref(), jobs.parse()?)?,
        ["raw", file, batch] => raw::measure(file.as_ref(), batch.parse()?)?,
        _ => return Err("rivals effectum FILE JOBS | rivals raw FILE BATCH".into()),
    };
    println!("{jobs_a_second}");
    Ok(())
}
