#![no_main]

#[path = "../../tests/it/fuzz/answers.rs"]
mod answers;

libfuzzer_sys::fuzz_target!(|data: &[u8]| answers::check(data));
