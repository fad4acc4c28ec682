//! Counts the instructions of fixed work under valgrind's callgrind and compares them with a
//! checked-in baseline. Unlike times they repeat, on a busy machine too, so a change of a few
//! per cent is a change of the code.
//!
//! `instructions` compares and fails if any count grew by more than the tolerance;
//! `instructions --save` writes the baseline anew.

use std::{
    collections::BTreeMap,
    env,
    fmt::Write as _,
    fs,
    hint::black_box,
    io,
    path::Path,
    process::{Command, ExitCode},
};

use imagereview_benches::{references, reviews};

/// How much a count may grow, in per cent. What is counted repeats to the last digit with one
/// compiler; the processor matters a little, since `memchr` and `memcpy` choose by its features.
const TOLERANCE: f64 = 2.0;

/// The counts that were accepted last, one `name count` a line.
const BASELINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/instructions.txt");

/// The work, in the order of the table. Each is done once to warm up and once to be counted.
const NAMES: [&str; 8] = [
    "byte-pass-of-corpus",
    "tag-check-of-corpus",
    "serde-json-of-3",
    "review-of-1",
    "review-of-3",
    "review-of-3-denied",
    "review-of-20",
    "review-of-200",
];

fn main() -> ExitCode {
    let argument = env::args().nth(1);
    let outcome = match argument.as_deref() {
        None => compare(),
        Some("--save") => save(),
        Some(name) if NAMES.contains(&name) => {
            run(name);
            return ExitCode::SUCCESS;
        }
        Some(other) => Err(format!("unknown argument {other:?}; use --save or nothing")),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

/// Does the work by that name, under valgrind.
fn run(name: &str) {
    match name {
        "tag-check-of-corpus" => {
            let corpus = references::corpus();
            twice(|| (references::IMAGE_REF.count_denied)(black_box(&corpus)));
        }
        "byte-pass-of-corpus" => {
            let corpus = references::corpus();
            twice(|| (references::BYTE_PASS.count_denied)(black_box(&corpus)));
        }
        "serde-json-of-3" => {
            let bytes = reviews::allowed(3);
            twice(|| {
                black_box(reviews::read_plainly(black_box(&bytes)));
                0
            });
        }
        "review-of-3-denied" => {
            let bytes = reviews::denied(3);
            twice(|| reviews::answer(black_box(&bytes)).len());
        }
        _ => {
            let (_, containers) = name.rsplit_once('-').expect("it ends in a number");
            let bytes = reviews::allowed(containers.parse().expect("it ends in a number"));
            twice(|| reviews::answer(black_box(&bytes)).len());
        }
    }
}

fn twice(work: impl Fn() -> usize) {
    black_box(work());
    counted(&work);
}

/// Callgrind counts while this function runs, which it finds by its name.
#[inline(never)]
fn counted(work: &dyn Fn() -> usize) {
    black_box(work());
}

fn compare() -> Result<bool, String> {
    let baseline = fs::read_to_string(BASELINE).map_err(|error| format!("{BASELINE}: {error}"))?;
    let baseline: BTreeMap<&str, f64> = baseline
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter_map(|(name, count)| Some((name, count.parse().ok()?)))
        .collect();
    let mut is_good = true;
    println!("| work | instructions | baseline | change |");
    println!("| --- | ---: | ---: | ---: |");
    for name in NAMES {
        let count = count(name)?;
        let Some(&before) = baseline.get(name) else {
            return Err(format!("{BASELINE} has no {name}; write it with --save"));
        };
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
        let change = (count as f64 / before - 1.0) * 100.0;
        let verdict = if change > TOLERANCE { " **more**" } else { "" };
        println!("| {name} | {count} | {before} | {change:+.1} %{verdict} |");
        is_good &= change <= TOLERANCE;
    }
    Ok(is_good)
}

fn save() -> Result<bool, String> {
    let mut lines = String::new();
    for name in NAMES {
        let count = count(name)?;
        println!("{name} {count}");
        let _ = writeln!(lines, "{name} {count}"); // a string takes whatever is written
    }
    fs::write(BASELINE, lines).map_err(|error| format!("{BASELINE}: {error}"))?;
    Ok(true)
}

/// The instructions that callgrind counts while the work by that name is done.
fn count(name: &str) -> Result<u64, String> {
    let this = env::current_exe().map_err(|error| error.to_string())?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg("--toggle-collect=*instructions*counted*")
        .arg::<&Path>(&this)
        .arg(name)
        .output()
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => "valgrind is not installed; it is what counts instructions \
                 (Debian and Ubuntu: apt-get install valgrind)"
                .to_owned(),
            _ => format!("valgrind: {error}"),
        })?;
    let log = String::from_utf8_lossy(&output.stderr);
    log.lines()
        .find_map(|line| line.split_once("Collected :"))
        .and_then(|(_, count)| count.trim().parse().ok())
        .filter(|&count| count > 0)
        .ok_or_else(|| format!("valgrind counted nothing for {name}:\n{log}"))
}
