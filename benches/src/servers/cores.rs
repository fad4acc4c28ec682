//! Which core runs what.

use std::{
    fs,
    process::{self, Command, Stdio},
    time::Duration,
};

use procfs_core::{ExplicitSystemInfo, FromRead as _, FromReadSI as _, KernelStats};

use super::Error;

/// Ticks of a processor's time in `/proc`, for each second: `USER_HZ`, which is 100 on all
/// architectures but Alpha and Itanium.
pub(super) const TICKS_PER_SECOND: u64 = 100;

/// The core of the server under test, and that of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cores {
    /// The server's, by its number.
    pub server: usize,
    /// The client's, by its number.
    pub client: usize,
}

impl Cores {
    /// Takes the first two cores that this process may use, and puts the process on the second.
    ///
    /// # Errors
    ///
    /// There are not two, the system is not Linux, or there is no `taskset`.
    pub fn take() -> Result<Self, Error> {
        let status = procfs_core::process::Status::from_file("/proc/self/status")
            .map_err(|error| format!("cannot tell which cores there are: {error}"))?;
        let mut allowed = status
            .cpus_allowed_list
            .into_iter()
            .flatten()
            .flat_map(|(first, last)| first..=last)
            .map(|core| usize::try_from(core).unwrap_or(usize::MAX));
        let (Some(server), Some(client)) = (allowed.next(), allowed.next()) else {
            return Err("one core is not enough: the server and the client need one each".into());
        };
        let pinned = Command::new("taskset")
            .args(["--all-tasks", "--cpu-list", "--pid"])
            .args([client.to_string(), process::id().to_string()])
            .stdout(Stdio::null())
            .status()
            .map_err(|error| format!("cannot run taskset: {error}; install util-linux"))?;
        if !pinned.success() {
            return Err(format!("taskset cannot choose core {client}").into());
        }
        Ok(Self { server, client })
    }

    /// A command that runs on the server's core.
    #[must_use]
    pub fn server_command(self, program: &std::path::Path) -> Command {
        let mut command = Command::new("taskset");
        command
            .args(["--cpu-list", &self.server.to_string()])
            .arg(program);
        command
    }
}

/// How long a core has been busy since the system started, with whatever it was.
///
/// # Errors
///
/// `/proc/stat` doesn't say.
pub fn busy_time(core: usize) -> Result<Duration, Error> {
    // Nothing else is asked of it.
    let system = ExplicitSystemInfo {
        boot_time_secs: 0,
        ticks_per_second: TICKS_PER_SECOND,
        page_size: 4096,
        is_little_endian: true,
    };
    let file = fs::File::open("/proc/stat")?;
    let cores = KernelStats::from_read(file, &system)?.cpu_time;
    let times = cores
        .get(core)
        .ok_or_else(|| format!("/proc/stat has no core {core}"))?;
    let ticks = times.user
        + times.nice
        + times.system
        + times.irq.unwrap_or_default()
        + times.softirq.unwrap_or_default()
        + times.steal.unwrap_or_default();
    Ok(from_ticks(ticks))
}

pub(super) fn from_ticks(ticks: u64) -> Duration {
    Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND)
}
