#![no_main]

#[path = "../../tests/it/fuzz/settings.rs"]
mod settings;

libfuzzer_sys::fuzz_target!(|data: &[u8]| settings::check(data));
