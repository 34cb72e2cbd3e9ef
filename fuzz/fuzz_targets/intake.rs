#![no_main]

#[path = "../../tests/it/fuzz/intake.rs"]
mod intake;

libfuzzer_sys::fuzz_target!(|data: &[u8]| intake::check(data));
