//! What is measured: the inputs, and the contenders that each get the same ones.
//!
//! The criterion benches (`cargo bench`) and the table of ratios (`cargo run --release --bin
//! ratios`) run the functions of this crate, so they cannot measure two different things.

pub mod policies;
pub mod references;
pub mod reviews;
pub mod servers;
