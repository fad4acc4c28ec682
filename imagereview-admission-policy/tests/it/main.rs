//! What policies become.

mod compiled;
