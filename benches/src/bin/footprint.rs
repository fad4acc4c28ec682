//! Measures what our programs take of a machine: time to start, memory, and space on disk.

use std::{
    path::Path,
    process::{Command, ExitCode},
    time::{Duration, Instant},
};

use clap::Parser;
use imagereview_benches::servers::{
    Error,
    build::Program,
    contender::{Contender, Setting},
    load::{Load, Reuse, block_on},
    process::mebibytes,
    protocol::Protocol,
};

/// How long a start may take.
const START_TARGET: Duration = Duration::from_millis(50);

/// How much memory the webhook may hold, in MiB.
const MEMORY_TARGET: f64 = 20.0;

/// The memory after the last request may be this multiple of the memory after a tenth of the requests.
const GROWTH_TARGET: f64 = 1.05;

/// How many connections there are.
const CONNECTIONS: usize = 32;

/// Measures how soon our programs respond, what memory the webhook holds after many requests, and how
/// large the programs are.
///
/// It builds what it needs. Progress goes to standard error, tables in Markdown to standard output.
#[derive(Debug, Parser)]
struct Args {
    /// How often each program is started
    #[arg(long, value_name = "NUMBER", default_value_t = 31, value_parser = clap::value_parser!(u32).range(1..))]
    starts: u32,

    /// How many requests are sent
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000_000)]
    requests: u64,
}

fn main() -> ExitCode {
    block_on(run(Args::parse()))
}

async fn run(args: Args) -> Result<(), Error> {
    eprintln!("building");
    let webhook = Program::Webhook.build()?;
    let command_line = Program::CommandLine.build()?;
    let setting = Setting::prepare()?;
    let contenders = Contender::all();
    let named = |name| {
        let found = contenders.iter().find(|contender| contender.name() == name);
        let mut contender: Contender = found.ok_or("there is no such contender")?.clone();
        contender.build()?;
        Ok::<_, Error>(contender)
    };
    let (built_in, document) = (named("ours")?, named("ours-policy")?);

    eprintln!("starting each {} times", args.starts);
    println!("| from its start | median, ms | slowest, ms | target | met |");
    println!("| --- | ---: | ---: | ---: | --- |");
    for (name, contender) in [
        ("built-in policy", &built_in),
        ("policy document", &document),
    ] {
        let mut times = Vec::new();
        for _ in 0..args.starts {
            let start = Instant::now();
            let server = contender.start_with(&setting, Protocol::H2).await?;
            times.push(start.elapsed());
            drop(server);
        }
        let what = format!("`imagereview-http`, {name}, to its first response over TLS");
        print_start(&what, times);
    }
    let mut times = Vec::new();
    for _ in 0..args.starts {
        times.push(check_nginx(&setting, &command_line)?);
    }
    print_start("`imagereview check nginx`, to its end", times);

    println!();
    print_memory(&built_in, &setting, args.requests).await?;

    println!("\n| program | MiB | stripped, MiB |");
    println!("| --- | ---: | ---: |");
    for program in [&webhook, &command_line] {
        let [whole, stripped] = [size(program)?, stripped_size(program, &setting)?];
        let name = program.file_name().unwrap_or_default().display();
        println!("| `{name}` | {whole:.1} | {stripped:.1} |");
    }
    Ok(())
}

fn print_start(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let median = times[times.len() / 2];
    let slowest = times[times.len() - 1];
    let met = if median < START_TARGET { "yes" } else { "no" };
    let [median, slowest, target] =
        [median, slowest, START_TARGET].map(|time| time.as_secs_f64() * 1e3);
    println!("| {what} | {median:.1} | {slowest:.1} | < {target:.0} | {met} |");
}

/// How long it takes to deny `nginx`.
fn check_nginx(setting: &Setting, program: &Path) -> Result<Duration, Error> {
    let mut command = setting.cores.server_command(program);
    command.args(["check", "nginx"]);
    let start = Instant::now();
    let output = command.output()?;
    let time = start.elapsed();
    if output.status.code() == Some(1) && output.stdout.starts_with(b"denied   nginx") {
        Ok(time)
    } else {
        Err(format!("{command:?} didn't deny it: {output:?}").into())
    }
}

async fn print_memory(
    contender: &Contender,
    setting: &Setting,
    requests: u64,
) -> Result<(), Error> {
    let protocol = Protocol::H2;
    let server = contender.start(setting).await?;
    let target = server.target(protocol).ok_or("it doesn't speak HTTP/2")?;
    println!("| after | resident memory, MiB |");
    println!("| --- | ---: |");
    let resident = || server.process.resident().map(mebibytes);
    println!("| its first responses | {:.1} |", resident()?);
    let mut load = Load::start(target, CONNECTIONS, Reuse::KeepAlive);
    let mut held = Vec::new();
    for tenths in [1, 5, 10] {
        let responses = requests * tenths / 10;
        load.go_on_until(responses).await?;
        server.process.clear_output()?;
        held.push(resident()?);
        println!(
            "| {responses} requests over {CONNECTIONS} connections, {protocol} | {:.1} |",
            resident()?
        );
        eprintln!("{responses} responses of {requests}");
    }
    load.stop().await?;
    let peak = mebibytes(server.process.peak_resident()?);
    println!("| peak | {peak:.1} |");

    let growth = held[held.len() - 1] / held[0];
    println!("\n| memory | value | target | met |");
    println!("| --- | ---: | ---: | --- |");
    for (what, value, unit, target) in [
        ("peak", peak, " MiB", MEMORY_TARGET),
        (
            "at the end, relative to a tenth of the requests",
            growth,
            "",
            GROWTH_TARGET,
        ),
    ] {
        let met = if value < target { "yes" } else { "no" };
        println!("| {what} | {value:.2}{unit} | < {target}{unit} | {met} |");
    }
    Ok(())
}

/// A file's size, in MiB.
fn size(path: &Path) -> Result<f64, Error> {
    Ok(mebibytes(path.metadata()?.len()))
}

fn stripped_size(program: &Path, setting: &Setting) -> Result<f64, Error> {
    let stripped = setting.folder.join("stripped");
    let status = Command::new("strip")
        .arg("-o")
        .args([&stripped, program])
        .status()
        .map_err(|error| format!("cannot run strip: {error}; install binutils"))?;
    if !status.success() {
        return Err(format!("strip ended with {status}").into());
    }
    size(&stripped)
}
