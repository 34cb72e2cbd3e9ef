//! The tests that go through the public interface.

mod simulator;
