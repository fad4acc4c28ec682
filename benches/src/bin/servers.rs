//! Measures our webhook beside other servers, in one run: requests a second, latencies, the
//! processor's time for each request, and memory.

use std::{
    collections::HashMap,
    fmt::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::Parser;
use imagereview_benches::servers::{
    Error,
    contender::{Contender, Server, Setting},
    cores::busy_time,
    load::{Load, Reuse, block_on},
    process::mebibytes,
    protocol::Protocol,
};

/// How long a server is under load before the measurement starts.
const WARM_UP: Duration = Duration::from_millis(150);

/// Measures our webhook beside other servers, which all run at the same time and are under load in turns.
///
/// It builds what it needs: cargo for ours and bare hyper, Go, and a Python environment with Flask
/// and gunicorn in the target folder. Progress goes to standard error, tables in Markdown to
/// standard output.
#[derive(Debug, Parser)]
struct Args {
    /// Length of a turn
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0)]
    seconds: f64,

    /// Turns of each server in each scenario
    #[arg(long, value_name = "NUMBER", default_value_t = 7)]
    rounds: usize,

    /// Servers that take part, by name; the first is the one that the others are compared with
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,

    /// Another build of our webhook that takes part too; may be repeated
    #[arg(long, value_name = "PATH")]
    server: Vec<PathBuf>,

    /// Protocols
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Protocol::H2, Protocol::H1])]
    protocol: Vec<Protocol>,

    /// Numbers of connections
    #[arg(long, value_name = "NUMBER", value_delimiter = ',', default_values_t = [32, 1])]
    connections: Vec<usize>,

    /// What becomes of a connection after a request
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Reuse::KeepAlive, Reuse::Handshake, Reuse::Resumed])]
    reuse: Vec<Reuse>,
}

/// The load on the servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Scenario {
    protocol: Protocol,
    connections: usize,
    reuse: Reuse,
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            protocol,
            connections,
            reuse,
        } = self;
        let plural = if *connections == 1 { "" } else { "s" };
        write!(f, "{protocol}, {connections} connection{plural}, {reuse}")
    }
}

/// One turn of a server.
struct Turn {
    /// Responses a second.
    rate: f64,
    /// The processor's time for each request, in seconds.
    cpu: f64,
    /// The share of the time that the server ran on its core.
    share: f64,
    /// The share of the time that the core was busy, with whatever it was.
    busy: f64,
    latencies: Vec<Duration>,
}

/// The turns of each server, by its name.
type Turns = HashMap<(Scenario, String), Vec<Turn>>;

fn main() -> ExitCode {
    block_on(run(Args::parse()))
}

async fn run(args: Args) -> Result<(), Error> {
    let mut contenders = contenders(&args)?;
    for contender in &mut contenders {
        eprintln!("building {}", contender.name());
        contender.build()?;
    }
    let setting = Setting::prepare()?;
    let mut servers = Vec::new();
    for contender in &contenders {
        servers.push((contender, contender.start(&setting).await?));
    }
    let mut turns = Turns::new();
    for round in 0..args.rounds {
        // The first response may come before the last worker has started.
        for (_, server) in &mut servers {
            server.process.find_workers()?;
        }
        for scenario in scenarios(&args) {
            eprintln!("round {} of {}: {scenario}", round + 1, args.rounds);
            // Another one goes first each time.
            let (late, early) = servers.split_at(round % servers.len());
            for (contender, server) in early.iter().chain(late) {
                if takes_part(contender, server, scenario) {
                    let turn = turn(server, &setting, scenario, args.seconds)
                        .await
                        .map_err(|error| format!("{}: {scenario}: {error}", contender.name()))?;
                    let key = (scenario, contender.name().to_owned());
                    turns.entry(key).or_default().push(turn);
                }
            }
        }
    }
    print_servers(&servers)?;
    for scenario in scenarios(&args) {
        print_scenario(scenario, &contenders, &turns);
    }
    print_targets(&turns);
    Ok(())
}

/// The contenders that were selected, in that order.
fn contenders(args: &Args) -> Result<Vec<Contender>, Error> {
    let all = Contender::all();
    let mut chosen = Vec::new();
    if args.only.is_empty() {
        chosen.extend(all);
    } else {
        for name in &args.only {
            let found = all.iter().find(|contender| contender.name() == name);
            let found = found.ok_or_else(|| {
                let names: Vec<&str> = all.iter().map(Contender::name).collect();
                format!(
                    "no server is called {name:?}; there are {}",
                    names.join(", ")
                )
            })?;
            chosen.push(found.clone());
        }
    }
    chosen.extend(args.server.iter().cloned().map(Contender::other_build));
    Ok(chosen)
}

fn scenarios(args: &Args) -> impl Iterator<Item = Scenario> {
    args.reuse.iter().flat_map(move |&reuse| {
        args.protocol.iter().flat_map(move |&protocol| {
            args.connections.iter().map(move |&connections| Scenario {
                protocol,
                connections,
                reuse,
            })
        })
    })
}

/// Whether this scenario tells anything of the server that others don't.
fn takes_part(contender: &Contender, server: &Server, scenario: Scenario) -> bool {
    let Some(target) = server.target(scenario.protocol) else {
        return false;
    };
    match scenario.reuse {
        Reuse::KeepAlive => true,
        Reuse::Handshake => !contender.is_variant() && target.keeps_alive(),
        // Those that don't speak HTTP/2 are far behind in any case.
        _ => !contender.is_variant() && contender.speaks(Protocol::H2),
    }
}

async fn turn(
    server: &Server,
    setting: &Setting,
    scenario: Scenario,
    seconds: f64,
) -> Result<Turn, Error> {
    let target = server
        .target(scenario.protocol)
        .ok_or("it doesn't speak the protocol")?;
    let sample = || -> Result<_, Error> {
        let busy = busy_time(setting.cores.server)?;
        Ok((Instant::now(), server.process.cpu_time()?, busy))
    };
    let mut load = Load::start(target, scenario.connections, scenario.reuse);
    load.go_on(WARM_UP).await?;
    let (start, cpu_before, busy_before) = sample()?;
    load.count();
    load.go_on(Duration::from_secs_f64(seconds)).await?;
    let (end, cpu, busy) = sample()?;
    let latencies = load.stop().await?;
    server.process.clear_output()?;

    let seconds = (end - start).as_secs_f64();
    let cpu = cpu.saturating_sub(cpu_before).as_secs_f64();
    let requests = count(latencies.len());
    if latencies.is_empty() {
        return Err("there was no response within a turn; use longer turns (--seconds)".into());
    }
    Ok(Turn {
        rate: requests / seconds,
        cpu: cpu / requests,
        share: cpu / seconds,
        busy: busy.saturating_sub(busy_before).as_secs_f64() / seconds,
        latencies,
    })
}

fn print_servers(servers: &[(&Contender, Server)]) -> Result<(), Error> {
    println!("| server | what it is | peak memory, MiB | lines that its logs lost |");
    println!("| --- | --- | ---: | ---: |");
    for (contender, server) in servers {
        let (name, what) = (contender.name(), contender.what());
        let closes = server
            .target(Protocol::H1)
            .is_some_and(|target| !target.keeps_alive());
        let note = if closes {
            "; closes every connection after its response, so each request makes a new one"
        } else {
            ""
        };
        let peak = mebibytes(server.process.peak_resident()?);
        let lost = match server.metrics()? {
            Some(metrics) => lost_lines(&metrics)?,
            None => String::new(),
        };
        println!("| {name} | {what}{note} | {peak:.1} | {lost} |");
    }
    Ok(())
}

/// The lines of the decision log and the audit log that were dropped because too many waited, beside
/// all that were to be written.
fn lost_lines(metrics: &str) -> Result<String, Error> {
    let counter = |name: &str| -> Result<f64, Error> {
        let line = metrics.lines().find(|line| line.starts_with(name));
        let value = line.and_then(|line| line.rsplit(' ').next());
        Ok(value
            .ok_or_else(|| format!("ours has no metric {name}"))?
            .parse()?)
    };
    let written =
        counter(r#"imagereview_reviews_total{endpoint="image_policy",outcome="allowed"}"#)?;
    let lost = counter("imagereview_log_lines_dropped_total")?
        + counter("imagereview_audit_records_dropped_total")?;
    Ok(format!("{:.1} %", lost / written * 100.0))
}

fn print_scenario(scenario: Scenario, contenders: &[Contender], turns: &Turns) {
    let taken = |contender: &Contender| turns.get(&(scenario, contender.name().to_owned()));
    let Some((first, base)) = contenders
        .iter()
        .find_map(|contender| Some((contender.name(), taken(contender)?)))
    else {
        return;
    };
    println!("\n{scenario}:\n");
    println!(
        "| server | requests/s | p50, µs | p99, µs | p99.9, µs | CPU/request, µs | its share of the core | core busy \
         | {first}: requests/s | {first}: CPU |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    for contender in contenders {
        let Some(theirs) = taken(contender) else {
            continue;
        };
        let column = |of: fn(&Turn) -> f64| median(theirs.iter().map(of));
        let mut latencies: Vec<Duration> = theirs
            .iter()
            .flat_map(|turn| turn.latencies.iter().copied())
            .collect();
        latencies.sort_unstable();
        let mut row = format!("| {} | {:.0} |", contender.name(), column(|turn| turn.rate));
        for thousandths in [500, 990, 999] {
            let latency = latencies[(latencies.len() - 1) * thousandths / 1000];
            let _ = write!(row, " {} |", latency.as_micros());
        }
        let _ = write!(
            row,
            " {:.1} | {:.0} % | {:.0} % | {:.2} × | {:.2} × |",
            column(|turn| turn.cpu) * 1e6,
            column(|turn| turn.share) * 100.0,
            column(|turn| turn.busy) * 100.0,
            ratio(base, theirs, |turn| turn.rate),
            ratio(base, theirs, |turn| turn.cpu),
        );
        println!("{row}");
    }
}

/// The targets of our webhook beside each of the others, with keep-alive and 32 connections.
fn print_targets(turns: &Turns) {
    /// The other server, the protocol, and how many times its requests a second ours has to reach.
    const TARGETS: [(&str, Protocol, f64); 5] = [
        ("hyper", Protocol::H2, 0.95),
        ("go", Protocol::H2, 1.5),
        ("flask", Protocol::H1, 150.0),
        ("gunicorn-sync", Protocol::H1, 20.0),
        ("gunicorn-gthread", Protocol::H1, 20.0),
    ];
    println!("\nTargets, each with keep-alive and 32 connections:\n");
    println!(
        "| ours beside | protocol | requests/s of ours, for each of its | target | met | the same by CPU/request |"
    );
    println!("| --- | --- | ---: | ---: | --- | ---: |");
    for (name, protocol, target) in TARGETS {
        let of = |name: &str| {
            let scenario = Scenario {
                protocol,
                connections: 32,
                reuse: Reuse::KeepAlive,
            };
            turns.get(&(scenario, name.to_owned()))
        };
        if let (Some(ours), Some(theirs)) = (of("ours"), of(name)) {
            let ratio = ratio(ours, theirs, |turn| turn.rate);
            let met = if ratio >= target { "yes" } else { "no" };
            let by_cpu = 1.0 / self::ratio(ours, theirs, |turn| turn.cpu);
            println!("| {name} | {protocol} | {ratio:.2} | ≥ {target} | {met} | {by_cpu:.2} |");
        }
    }
}

/// The median over the rounds of what one has for each of the other's.
fn ratio(ours: &[Turn], theirs: &[Turn], of: fn(&Turn) -> f64) -> f64 {
    median(
        ours.iter()
            .zip(theirs)
            .map(|(ours, theirs)| of(ours) / of(theirs)),
    )
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let (lower, upper) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
    f64::midpoint(lower, upper)
}

#[expect(clippy::cast_precision_loss, reason = "there are some millions")]
fn count(number: usize) -> f64 {
    number as f64
}
