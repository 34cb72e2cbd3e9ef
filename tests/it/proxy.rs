//! A network of our own between a client and the simulator: it hands requests on, and breaks each connection as it is told to.

use super::raw_server::read_request;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What happens to one request and its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Both arrive.
    Clear,
    /// The request is lost with its connection, which is reset.
    ResetBefore,
    /// The request arrives; the connection is reset when the answer is there.
    ResetAfter,
    /// The request is lost; the connection stays, and nothing comes.
    SilentBefore,
    /// The request arrives; the connection stays, and nothing comes.
    SilentAfter,
    /// The request arrives, and so many bytes of the answer; then the connection ends in order.
    Cut(usize),
    /// The request arrives; the answer comes byte by byte, and never gets to its end in time.
    Slow,
}

impl Way {
    /// Whether the request gets through.
    pub(crate) fn hands_on(self) -> bool {
        !matches!(self, Self::ResetBefore | Self::SilentBefore)
    }
}

/// Where a proxy is.
pub(crate) struct Proxy {
    port: u16,
}

impl Proxy {
    /// One before `server`; `way` says of each request, head and body, what happens to it.
    pub(crate) async fn start(server: std::net::SocketAddr, way: impl Fn(&str) -> Way + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let way = Arc::new(way);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let way = Arc::clone(&way);
                tokio::spawn(async move { carry(stream, server, &*way).await });
            }
        });
        Self { port }
    }

    /// Its address over plain HTTP.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

async fn carry(mut client: TcpStream, server: std::net::SocketAddr, way: &(impl Fn(&str) -> Way + Sync)) {
    while let Some(request) = read_request(&mut client).await {
        let way = way(&request);
        let answer = if way.hands_on() { Some(ask(server, &request).await) } else { None };
        let reset = |client: &TcpStream| client.set_zero_linger().expect("a reset");
        match (way, answer) {
            (Way::ResetBefore | Way::ResetAfter, _) => return reset(&client),
            (Way::SilentBefore | Way::SilentAfter, _) | (_, None) => pending().await,
            (_, Some(None)) => return,
            (Way::Clear, Some(Some(answer))) => {
                if client.write_all(&answer).await.is_err() {
                    return;
                }
            }
            (Way::Cut(length), Some(Some(answer))) => {
                let _ = client.write_all(&answer[..length.min(answer.len() - 1)]).await;
                let _ = client.shutdown().await;
                return;
            }
            (Way::Slow, Some(Some(answer))) => {
                for byte in &answer[..answer.len() - 1] {
                    if client.write_all(&[*byte]).await.is_err() {
                        return;
                    }
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                pending::<()>().await;
            }
        }
    }
}

/// The server's answer as it comes over the wire; nothing where it closes without one.
async fn ask(server: std::net::SocketAddr, request: &str) -> Option<Vec<u8>> {
    let mut stream = TcpStream::connect(server).await.expect("the simulator");
    // One answer a connection, so that its end is the answer's.
    let request = request.replacen("\r\n", "\r\nconnection: close\r\n", 1);
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let text = String::from_utf8_lossy(&answer).replacen("connection: close\r\n", "", 1);
    (!answer.is_empty()).then(|| text.into_bytes())
}
