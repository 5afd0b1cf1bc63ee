//! Several processes that open one new file at once.

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};

use super::*;

const CHILD: &str = "TAS_TEST_OPENING_CHILD";

/// Opens each file whose path it reads, and prints the result.
#[tokio::test]
#[ignore = "started by the test below"]
async fn child() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    for path in std::io::stdin().lines() {
        let said = match SqliteStore::open(path.unwrap()).await {
            Ok(_store) => "opened".to_owned(),
            Err(error) => chain(&error).replace('\n', ": "),
        };
        println!("\n> {said}");
        std::io::stdout().flush().unwrap();
    }
}

struct Process {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Process {
    fn start() -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--ignored",
                "--exact",
                "store::sqlite::tests::opening::child",
            ])
            .arg("--nocapture")
            .env(CHILD, "")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    fn tell(&mut self, path: &Path) {
        let stdin = self.child.stdin.as_mut().unwrap();
        writeln!(stdin, "{}", path.display()).unwrap();
    }

    fn hear(&mut self) -> String {
        let mut lines = self.lines.by_ref().map_while(Result::ok);
        lines.find(|line| line.starts_with("> ")).unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        self.child.wait().unwrap();
    }
}

#[test]
fn several_processes_may_open_one_new_file_at_once() {
    let dir = TempDir::new().unwrap();
    let mut processes: Vec<_> = std::iter::repeat_with(Process::start).take(8).collect();
    for number in [2, 3, 8] {
        for round in 0..100 {
            let path = dir.path().join(format!("{number}-{round}.db"));
            let opening = &mut processes[..number];
            for process in &mut *opening {
                process.tell(&path);
            }
            for process in opening {
                assert_eq!(
                    process.hear(),
                    "> opened",
                    "{number} processes, round {round}"
                );
            }
        }
    }
}
