use std::path::Path;

use super::{kill, race};

fn url(dir: &Path) -> String {
    format!("sqlite://{}", dir.join("auth-sync.db").display())
}

#[test]
fn of_64_equal_requests_to_two_processes_one_is_handled() {
    let dir = tempfile::TempDir::new().unwrap();
    race(&url(dir.path()));
}

#[tokio::test]
async fn a_killed_process_lets_the_retry_through_after_its_lease() {
    let dir = tempfile::TempDir::new().unwrap();
    kill(&url(dir.path())).await;
}
