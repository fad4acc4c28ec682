//! The allocator's settings, with which the memory of a burst goes back to the system.

/// Gives the allocator its settings, which it reads where a program begins: the program begins again with
/// them in its environment. It stays the same process. Whoever sets one of them, or `GLIBC_TUNABLES`, knows
/// better.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(crate) fn set() {
    use std::{env, os::unix::process::CommandExt, process::Command};

    /// [Settings of glibc's malloc](https://man7.org/linux/man-pages/man3/mallopt.3.html). By default each
    /// thread gets a heap of its own, and a heap keeps what is freed below the last of its allocations; and
    /// the first large allocation that is freed raises the thresholds, up to 64 MiB.
    const SETTINGS: [(&str, &str); 3] = [
        // Two workers seldom wait for each other, and the threads that decide use what others freed.
        ("MALLOC_ARENA_MAX", "2"),
        // What is larger is given back when it is freed.
        ("MALLOC_MMAP_THRESHOLD_", "65536"),
        // So is the free end of a heap.
        ("MALLOC_TRIM_THRESHOLD_", "262144"),
    ];

    let names = SETTINGS.map(|(name, _)| name);
    if names
        .iter()
        .chain(&["GLIBC_TUNABLES"])
        .any(|name| env::var_os(name).is_some())
    {
        return;
    }
    // By its path, from which the process has its name.
    let Ok(path) = env::current_exe() else {
        return;
    };
    let mut arguments = env::args_os();
    let mut program = Command::new(path);
    if let Some(name) = arguments.next() {
        program.arg0(name);
    }
    // It returns only where it fails, and then the defaults have to do.
    let _error = program.args(arguments).envs(SETTINGS).exec();
}

/// Other allocators have no such settings.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn set() {}
