//! A server that reads HTTP requests off a socket, keeps them, and answers with bytes from a script. It knows nothing
//! of HTTP beyond where a request ends, so that it can break every rule of it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What to do with a request once it was read.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// Write these bytes and close.
    Send(Vec<u8>),
    /// Write these bytes and read the next request off the same connection.
    SendAndKeep(Vec<u8>),
    /// Write these bytes and never close.
    SendAndStall(Vec<u8>),
    /// Close without a word.
    Close,
    /// Reset the connection.
    Reset,
}

impl Act {
    /// An answer as it should be.
    pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Self {
        let headers: Vec<String> = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let (length, headers) = (body.len(), headers.concat());
        let head = format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}");
        Self::Send(format!("{head}\r\n{body}").into_bytes())
    }
}

/// The server; it lives as long as the test's runtime.
pub(crate) struct RawServer {
    /// Where it is.
    pub(crate) port: u16,
    requests: Arc<Mutex<Vec<String>>>,
}

impl RawServer {
    /// Starts one that goes through `script` and repeats its last act.
    pub(crate) async fn start(script: impl IntoIterator<Item = Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let script = Arc::new(Mutex::new(script.into_iter().collect::<VecDeque<_>>()));
        let kept = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&script), Arc::clone(&kept)));
            }
        });
        Self { port, requests }
    }

    /// Its address over plain HTTP.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Every request that was read whole.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("a lock").clone()
    }
}

async fn serve(mut stream: TcpStream, script: Arc<Mutex<VecDeque<Act>>>, kept: Arc<Mutex<Vec<String>>>) {
    while let Some(request) = read_request(&mut stream).await {
        kept.lock().expect("a lock").push(request);
        let act = {
            let mut script = script.lock().expect("a lock");
            let last = script.len() == 1;
            if last { script.front().cloned() } else { script.pop_front() }
        };
        match act.expect("an act in the script") {
            Act::Send(bytes) => {
                let _ = stream.write_all(&bytes).await;
                let _ = stream.shutdown().await;
                return;
            }
            Act::SendAndKeep(bytes) => stream.write_all(&bytes).await.expect("a client that listens"),
            Act::SendAndStall(bytes) => {
                let _ = stream.write_all(&bytes).await;
                std::future::pending::<()>().await;
            }
            Act::Close => return,
            Act::Reset => return stream.set_zero_linger().expect("a reset"),
        }
    }
}

/// One request, head and body, or `None` where something else came.
pub(crate) async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length =
                head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0_usize) {
                return text.starts_with("POST ").then_some(text);
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}
