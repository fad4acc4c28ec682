//! The compiled program as a process of its own, of which can be told what it holds.

use std::{collections::BTreeMap, fmt, fs, net::SocketAddr, path::PathBuf};

use tempfile::TempDir;
use tokio::{process::Command, task::JoinHandle};

use crate::{
    harness::{Client, LIMIT, PROTOCOLS, Pki, metrics, within},
    program::{PROGRAM, Program},
};

/// An image that the policy of these programs allows, and one that it denies.
pub(crate) const ALLOWED: &str = "registry.example.com/app:1.27";
pub(crate) const DENIED: &str = "registry.example.com/app:latest";

/// The options of a program with a client CA, in a folder with the [files](Pki::write_files).
pub(crate) const MUTUAL_TLS: [&str; 3] = [
    "--tls-cert=tls.crt",
    "--tls-key=tls.key",
    "--client-ca=ca.crt",
];

/// How much more memory than at the start the program may keep, once clients have left it: what its heaps
/// hold between what is still in use.
const KEPT: usize = 32 << 20;

/// A running program with a certificate of the tests' authority.
pub(crate) struct Webhook {
    pub(crate) program: Program,
    pub(crate) address: SocketAddr,
    pub(crate) health: SocketAddr,
    pub(crate) folder: TempDir,
    /// Reads the log, which would hang otherwise, and keeps what is an error.
    log: JoinHandle<Vec<String>>,
}

impl Webhook {
    pub(crate) async fn start(pki: &Pki, options: &[&str]) -> Self {
        Self::start_under("exec", pki, options).await
    }

    /// The same, run by a command of the shell that sets a limit first: `ulimit -n 40 && exec`.
    pub(crate) async fn start_under(shell: &str, pki: &Pki, options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        pki.write_files(folder.path());
        let options = [&MUTUAL_TLS[..2], options].concat();
        Self::start_in(folder, shell, &options, &[]).await
    }

    /// The same in this folder, with these variables.
    pub(crate) async fn start_in(
        folder: TempDir,
        shell: &str,
        options: &[&str],
        variables: &[(&str, &str)],
    ) -> Self {
        let mut command = Command::new("sh");
        command
            .args(["-c", &format!("{shell} \"$0\" \"$@\""), PROGRAM])
            .args(["--listen=127.0.0.1:0", "--health-listen=127.0.0.1:0"])
            .args(options)
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .envs(variables.iter().copied())
            .current_dir(folder.path());
        let mut program = Program::start(&mut command);
        let line = program.logs("probes and metrics are at http://").await;
        let (_, health) = line.split_once("http://").unwrap();
        let health = health.trim().parse().unwrap();
        let address = program.listens().await;
        let log = tokio::spawn(program.take_log().errors());
        let webhook = Self {
            program,
            address,
            health,
            folder,
            log,
        };
        // It listens before it watches its files and before it answers probes; what it holds for those is
        // no leak.
        within(async {
            while !webhook.watches_files() {
                tokio::task::yield_now().await;
            }
        })
        .await;
        let _ = within(Metrics::of(health)).await;
        webhook
    }

    fn watches_files(&self) -> bool {
        let threads = fs::read_dir(self.process("task")).unwrap();
        threads
            .filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("comm")).ok())
            .any(|name| name.starts_with("notify"))
    }

    fn process(&self, file: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{file}", self.program.child.id().unwrap()))
    }

    /// Whether the system holds bytes for the process that clients have sent to this address.
    pub(crate) fn has_unread(&self, address: SocketAddr) -> bool {
        // Local and remote address, state, and the sizes of the queues, in hexadecimal.
        let sockets = fs::read_to_string(self.process("net/tcp")).unwrap();
        let port = format!(":{:04X}", address.port());
        sockets.lines().skip(1).any(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            fields[1].ends_with(&port) && fields[3] == "01" && !fields[4].ends_with(":00000000")
        })
    }

    /// How many files and sockets the process has open.
    pub(crate) fn descriptors(&self) -> usize {
        fs::read_dir(self.process("fd")).unwrap().count()
    }

    /// What the process and its connections hold now.
    pub(crate) async fn footprint(&self) -> Footprint {
        let process = self.program.child.id().unwrap();
        let descriptors = self.descriptors();
        let metrics = Metrics::of(self.health).await;
        Footprint {
            memory: bytes_of_status(process, "VmRSS"),
            anonymous: bytes_of_status(process, "RssAnon"),
            peak: bytes_of_status(process, "VmHWM"),
            threads: of_status(process, "Threads"),
            descriptors,
            connections: metrics.value("imagereview_connections"),
            requests: metrics.value("imagereview_requests_in_flight"),
        }
    }

    /// Waits until nothing is left of what clients did: no connection, no request, no more descriptors and
    /// threads than `before`, and hardly more memory.
    pub(crate) async fn lets_go(&self, before: Footprint) -> Footprint {
        let mut last = None;
        let wait = async {
            loop {
                let now = last.insert(self.footprint().await);
                if now.connections + now.requests == 0
                    && now.descriptors <= before.descriptors
                    && now.threads <= before.threads
                    && now.anonymous <= before.anonymous + KEPT
                {
                    return *now;
                }
                tokio::task::yield_now().await;
            }
        };
        let gone = tokio::time::timeout(LIMIT, wait).await;
        gone.unwrap_or_else(|_| panic!("not let go: {last:?}; before: {before:?}"))
    }

    /// Checks that a client of each protocol gets both verdicts.
    pub(crate) async fn answers(&self, client: &Client) {
        for protocol in PROTOCOLS {
            for (image, expected) in [(ALLOWED, true), (DENIED, false)] {
                let answer = client.review(self.address, protocol, &[image]).await;
                let (allowed, reason) = answer.verdict();
                assert_eq!(allowed, expected, "{protocol:?}: {image}: {reason}");
            }
        }
    }

    /// Checks that a client gets a response over each protocol, whatever the policy says.
    pub(crate) async fn answers_anything(&self, client: &Client) {
        for protocol in PROTOCOLS {
            let answer = client.review(self.address, protocol, &[ALLOWED]).await;
            let _ = answer.verdict();
        }
    }

    /// Ends the program as an operator does, and checks that it ends well, without having logged an
    /// error.
    pub(crate) async fn stops(self) {
        let errors = self.stops_with_errors().await;
        assert!(errors.is_empty(), "{errors:#?}");
    }

    /// The same, where errors are expected: gives the lines.
    pub(crate) async fn stops_with_errors(mut self) -> Vec<String> {
        self.program.signal("TERM");
        let status = within(self.program.child.wait()).await.unwrap();
        let errors = within(self.log).await.unwrap();
        assert!(status.success(), "{status}: {errors:#?}");
        errors
    }
}

/// A field of a process's `/proc/PID/status`.
fn of_status(process: u32, name: &str) -> usize {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let value = line.unwrap().trim_start_matches(':').trim();
    value.trim_end_matches(" kB").parse().unwrap()
}

/// One that says how much memory it holds, in bytes.
pub(crate) fn bytes_of_status(process: u32, name: &str) -> usize {
    of_status(process, name) * 1024
}

/// What a running program holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Footprint {
    /// Resident, in bytes.
    pub(crate) memory: usize,
    /// What of it is no file's, as its code is: heaps and stacks.
    pub(crate) anonymous: usize,
    /// The most that was resident so far.
    pub(crate) peak: usize,
    pub(crate) threads: usize,
    pub(crate) descriptors: usize,
    pub(crate) connections: usize,
    pub(crate) requests: usize,
}

impl fmt::Display for Footprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} MiB resident (most {}), {} anonymous, {} descriptors, {} threads, {} connections",
            self.memory >> 20,
            self.peak >> 20,
            self.anonymous >> 20,
            self.descriptors,
            self.threads,
            self.connections
        )
    }
}

/// Waits until so many bodies were evicted or, while those were still there, refused. Tells how
/// many there are.
pub(crate) async fn turned_away(health: SocketAddr, at_least: usize) -> usize {
    let count = async || {
        let metrics = Metrics::of(health).await;
        let causes = ["gave_way", "overloaded"];
        let refused =
            |cause| metrics.value(&format!("imagereview_refusals_total{{cause=\"{cause}\"}}"));
        causes.map(refused).into_iter().sum()
    };
    within(async {
        loop {
            let turned_away = count().await;
            if turned_away >= at_least {
                return turned_away;
            }
            tokio::task::yield_now().await;
        }
    })
    .await
}

/// The metrics as they were at one time.
pub(crate) struct Metrics(BTreeMap<String, f64>);

impl Metrics {
    pub(crate) async fn of(health: SocketAddr) -> Self {
        let text = metrics(health).await;
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        Self(
            samples
                .filter_map(|line| line.rsplit_once(' '))
                .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
                .collect(),
        )
    }

    /// The value of a count, named with its labels.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts are whole, and no gauge of these is below zero"
    )]
    pub(crate) fn value(&self, name: &str) -> usize {
        *self.0.get(name).unwrap_or_else(|| panic!("no {name}")) as usize
    }
}
