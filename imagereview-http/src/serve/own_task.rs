//! A future that runs as a task of its own.

use tokio::task::JoinHandle;

/// Runs a future as a task of its own, for as long as this is polled. So it is polled when it has
/// reason to go on, and not at each byte of the connection beside it.
pub(super) async fn own_task<T: Send + 'static>(
    future: impl Future<Output = T> + Send + 'static,
) -> T {
    let mut task = Aborted(tokio::spawn(future));
    match (&mut task.0).await {
        Ok(output) => output,
        // The program ends.
        Err(_) => std::future::pending().await,
    }
}

/// A task that is aborted when this is dropped.
struct Aborted<T>(JoinHandle<T>);

impl<T> Drop for Aborted<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
