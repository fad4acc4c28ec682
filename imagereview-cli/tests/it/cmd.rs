//! What people see: each file of `cmd/` shows commands, their output and exit status.
//!
//! `TRYCMD=overwrite cargo test --test it cmd` writes down what the commands print now.

#[test]
fn commands_print_what_is_written_down() {
    trycmd::TestCases::new()
        .env("NO_COLOR", "1")
        .case("tests/cmd/*.trycmd");
}
