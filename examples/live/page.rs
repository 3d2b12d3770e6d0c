//! The smallest HTTP that can be scraped: one page, one answer per connection.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use lineal_examples::Outcome;

/// A page that a thread serves on a free port of this machine.
pub(crate) struct Page {
    address: SocketAddr,
    text: Arc<Mutex<String>>,
    thread: JoinHandle<()>,
}

impl Page {
    pub(crate) fn serve() -> Outcome<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let text = Arc::new(Mutex::new("# EOF\n".to_owned()));
        let shown = Arc::clone(&text);
        let thread = thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let page = shown.lock().unwrap_or_else(PoisonError::into_inner).clone();
                // A client that went away is no reason to stop.
                drop(answer(stream, &page));
            }
        });
        Ok(Self { address, text, thread })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn show(&self, text: String) {
        *self.text.lock().unwrap_or_else(PoisonError::into_inner) = text;
    }

    pub(crate) fn wait(self) {
        drop(self.thread.join());
    }
}

fn answer(mut stream: TcpStream, page: &str) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    let mut request = String::new();
    BufReader::new((&stream).take(4096)).read_line(&mut request)?;
    let (status, body) = if request.starts_with("GET /metrics ") { ("200 OK", page) } else { ("404 Not Found", "") };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    )
}

/// Reads the page as a scraper does.
pub(crate) fn scrape(address: SocketAddr) -> Outcome<String> {
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET /metrics HTTP/1.1\r\nHost: {address}\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (_, body) = answer.split_once("\r\n\r\n").ok_or("no answer")?;
    Ok(body.to_owned())
}
