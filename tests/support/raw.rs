//! HTTP connections with nothing hidden, from either end: whether they are kept open is seen here.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::server::PATIENCE;

/// A connection that is used for one request after another.
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
}

/// A response: its status, its head with the names in lower case, and its body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
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
    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n"))
    }

    /// Posts that body there.
    pub(crate) fn post(&mut self, path: &str, body: &Value) -> Answer {
        let body = body.to_string();
        self.post_raw(path, &format!("Content-Length: {}", body.len()), &body)
    }

    /// Posts these very bytes there, as if they were the JSON that this header tells of.
    pub(crate) fn post_raw(&mut self, path: &str, header: &str, bytes: &str) -> Answer {
        let media = "application/json";
        self.send(&format!(
            "POST {path} HTTP/1.1\r\nHost: test\r\nContent-Type: {media}\r\n\
             {header}\r\n\r\n{bytes}"
        ))
    }

    /// Waits until the server has closed it, and sends nothing more.
    pub(crate) fn is_closed_by_the_server(&mut self) -> bool {
        matches!(self.stream.read(&mut [0]), Ok(0))
    }

    fn send(&mut self, request: &str) -> Answer {
        self.stream.get_mut().write_all(request.as_bytes()).unwrap();
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(self.stream.read_line(&mut head).unwrap(), 0, "{head}");
        }
        let head = head.to_lowercase();
        let after = |name: &str| head.split_once(name).unwrap().1.split_whitespace().next();
        let length: usize = after("\r\ncontent-length: ").unwrap().parse().unwrap();
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).unwrap();
        let status = after("http/1.1 ").unwrap().parse().unwrap();
        let body = String::from_utf8(body).unwrap();
        Answer { status, head, body }
    }
}

/// Takes connections, one after another, and has each dealt with once a whole request was read;
/// answers where. Those that ask nothing, as health checks do, are closed.
pub(crate) fn serve(deal: impl Fn(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut connection in listener.incoming().map_while(Result::ok) {
            if read_request(&mut connection) {
                deal(connection);
            }
        }
    });
    format!("http://{address}/")
}

/// The same, which answers with that JSON and leaves the connection open: whether the other end closes it
/// before long is told.
pub(crate) fn idling(json: &'static str) -> (String, UnboundedReceiver<bool>) {
    let (tell, told) = unbounded_channel();
    let url = serve(move |mut connection| {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", json.len());
        connection.write_all((head + json).as_bytes()).unwrap();
        let closed = matches!(connection.read(&mut [0]), Ok(0));
        // A test that has ended listens no more.
        let _ = tell.send(closed);
    });
    (url, told)
}

/// Reads a request with its body; whether there was one.
fn read_request(connection: &mut TcpStream) -> bool {
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    let (mut request, mut part) = (Vec::new(), [0; 4096]);
    loop {
        match connection.read(&mut part) {
            Ok(0) | Err(_) => return false,
            Ok(count) => request.extend_from_slice(&part[..count]),
        }
        let text = String::from_utf8_lossy(&request).to_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .find_map(|it| it.strip_prefix("content-length: "));
        if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
            return true;
        }
    }
}
