//! One HTTP connection, with nothing hidden: whether it is kept open is seen here.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use serde_json::Value;

use super::server::PATIENCE;

/// A connection that is used for one request after another.
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
}

/// The status and the head of a response, the names in lower case.
pub(crate) struct Head {
    pub status: u16,
    pub head: String,
}

impl Connection {
    /// Connects to `http://ADDRESS`.
    pub(crate) fn open(server: &str) -> Self {
        let address = server.strip_prefix("http://").unwrap();
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let stream = BufReader::new(stream);
        Self { stream }
    }

    /// Gets that path.
    pub(crate) fn get(&mut self, path: &str) -> Head {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n"))
    }

    /// Posts that body there.
    pub(crate) fn post(&mut self, path: &str, body: &Value) -> Head {
        let (body, media) = (body.to_string(), "application/json");
        let length = body.len();
        self.send(&format!(
            "POST {path} HTTP/1.1\r\nHost: test\r\nContent-Type: {media}\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        ))
    }

    /// Waits until the server has closed it, and sends nothing more.
    pub(crate) fn is_closed_by_the_server(&mut self) -> bool {
        matches!(self.stream.read(&mut [0]), Ok(0))
    }

    fn send(&mut self, request: &str) -> Head {
        self.stream.get_mut().write_all(request.as_bytes()).unwrap();
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(self.stream.read_line(&mut head).unwrap(), 0, "{head}");
        }
        let head = head.to_lowercase();
        let after = |name: &str| head.split_once(name).unwrap().1.split_whitespace().next();
        let length: usize = after("\r\ncontent-length: ").unwrap().parse().unwrap();
        self.stream.read_exact(&mut vec![0; length]).unwrap();
        let status = after("http/1.1 ").unwrap().parse().unwrap();
        Head { status, head }
    }
}
