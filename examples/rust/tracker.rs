// Tests of an HTTP client. Run: rustc --test tracker.rs && ./tracker, or put it into tests/ of your crate.
// AQUATIC names the command, `npx aquatic` by default. A real test would parse JSON by serde_json.
use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};

/// Ends with this process, since its standard input does.
struct Tracker {
    child: Child,
    out: BufReader<ChildStdout>,
    address: String,
}

impl Tracker {
    fn start() -> Tracker {
        let name = env::var("AQUATIC").unwrap_or("npx aquatic".to_string());
        let words: Vec<&str> = name.split_whitespace().collect();
        let mut child = Command::new(words[0])
            .args(&words[1..])
            .arg("--test")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("aquatic starts");
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut urls = String::new();
        out.read_line(&mut urls).unwrap();
        let from = urls.split("\"http\":\"http://").nth(1).expect("a URL");
        let address = from.split('/').next().unwrap().to_string();
        Tracker { child, out, address }
    }

    /// A command is a line of JSON, as is its answer.
    fn ask(&mut self, command: &str) -> String {
        writeln!(self.child.stdin.as_mut().unwrap(), "{}", command).unwrap();
        let mut answer = String::new();
        self.out.read_line(&mut answer).unwrap();
        assert!(!answer.contains("\"error\":"), "{}", answer);
        answer
    }

    fn announce(&self) -> String {
        let mut connection = TcpStream::connect(&self.address).unwrap();
        let query = "info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=-XX0001-abcdefghijkl&port=6881&left=0";
        let head = "HTTP/1.1\r\nHost: localhost\r\nConnection: close";
        write!(connection, "GET /announce?{} {}\r\n\r\n", query, head).unwrap();
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).to_string()
    }
}

impl Drop for Tracker {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        self.child.wait().unwrap();
    }
}

const PEERS: &str = r#"{"command":"peers","info_hash":"6161616161616161616161616161616161616161"}"#;

#[test]
fn a_seeder_is_known_for_as_long_as_it_announces() {
    let mut tracker = Tracker::start();
    assert!(tracker.announce().contains("8:interval"));
    assert!(tracker.ask(PEERS).contains(r#""port":6881,"seeder":true"#));
    tracker.ask(r#"{"command":"advance","seconds":3600}"#);
    assert!(tracker.ask(PEERS).contains(r#""result":[]"#));
}

#[test]
fn a_failure_is_told() {
    let mut tracker = Tracker::start();
    tracker.ask(r#"{"command":"faults","faults":{"http":{"error":"try later"}}}"#);
    assert!(tracker.announce().ends_with("d14:failure reason9:try latere"));
}
