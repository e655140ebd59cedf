//! Servers that are put under load by `wrk`, which shares the machine with them.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

/// Whether there is a load generator.
pub(crate) fn has_generator() -> bool {
    Command::new("wrk").arg("-v").output().is_ok()
}

/// The figure in the middle.
pub(crate) fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// A server in a process of its own, ended when dropped.
pub(crate) struct Server {
    process: Child,
    pub url: String,
}

impl Server {
    pub(crate) fn start(mut command: Command, input: &str) -> std::io::Result<Self> {
        let piped = command.stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut process = piped.spawn()?;
        if let Some(mut stdin) = process.stdin.take() {
            writeln!(stdin, "{input}")?;
        }
        let mut lines = BufReader::new(process.stderr.take().expect("it is piped")).lines();
        let url = loop {
            let line = lines.next().expect("a server says where it listens")?;
            if let Some((_, url)) = line.split_once("listening on ") {
                break url.to_owned();
            }
        };
        // Whatever it says later must not block it.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(Self { process, url })
    }

    /// Puts it under load for two seconds, with these headers.
    pub(crate) fn load(&self, connections: usize, headers: &[&str]) -> std::io::Result<Figures> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/load/questions.lua");
        let connections = format!("-c{connections}");
        let output = Command::new("wrk")
            .args(["-t1", &connections, "-d2s", "-s", script, &self.url, "--"])
            .args(headers)
            .output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let figures = text.lines().find_map(|line| line.strip_prefix("figures "));
        let figures = figures.unwrap_or_else(|| panic!("wrk printed no figures:\n{text}"));
        let numbers: Vec<f64> = figures.split(' ').filter_map(|n| n.parse().ok()).collect();
        assert!(numbers[3] < 0.5, "{} requests failed", numbers[3]);
        Ok(Figures {
            per_second: numbers[0],
            p99: numbers[2],
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Figures {
    pub per_second: f64,
    #[allow(dead_code)] // not every bench prints it
    pub p99: f64,
}
