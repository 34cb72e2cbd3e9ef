//! What the store is measured beside. `rivals FILE BATCH` takes every queued job of a database of Snapferry's own to its success,
//! row by row with prepared statements and `BATCH` rows to a transaction, and prints jobs a second.

mod raw;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [file, batch] = words.as_slice() else { return Err("rivals FILE BATCH".into()) };
    let jobs_a_second = raw::measure(file.as_ref(), batch.parse()?)?;
    println!("{jobs_a_second}");
    Ok(())
}
