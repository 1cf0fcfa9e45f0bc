//! A webhook's far end that shows every byte it got, and answers as told.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// How to answer one request.
#[derive(Clone, Debug)]
pub enum Reaction {
    /// With this status and `{"id":"1"}`.
    Status(u16),
    /// With these bytes, and the connection stays open.
    Raw(&'static str),
    /// Not at all: the connection is closed.
    Close,
    /// Not at all: the connection stays open.
    Hang,
    /// With 200, once this is notified.
    When(Arc<Notify>),
}

/// Answers 200 once its reactions are used up.
pub struct Receiver {
    pub address: String,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    requests: Mutex<Vec<Vec<u8>>>,
    reactions: Mutex<VecDeque<Reaction>>,
    arrived: Notify,
}

impl Receiver {
    pub async fn start(reactions: impl IntoIterator<Item = Reaction>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let shared = Arc::new(Shared {
            reactions: Mutex::new(reactions.into_iter().collect()),
            ..Shared::default()
        });
        let server = tokio::spawn({
            let shared = Arc::clone(&shared);
            async move {
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    tokio::spawn(serve(stream, Arc::clone(&shared)));
                }
            }
        });
        Self {
            address,
            shared,
            server,
        }
    }

    /// What arrived so far, as text.
    pub fn requests(&self) -> Vec<String> {
        self.raw_requests()
            .iter()
            .map(|request| String::from_utf8(request.clone()).unwrap())
            .collect()
    }

    pub fn raw_requests(&self) -> Vec<Vec<u8>> {
        self.shared.requests.lock().unwrap().clone()
    }

    /// Waits for the next request.
    pub async fn arrived(&self) {
        self.shared.arrived.notified().await;
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(mut stream: TcpStream, shared: Arc<Shared>) {
    let mut request = Vec::new();
    while !is_whole(&request) {
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return,
            Ok(read) => request.extend_from_slice(&chunk[..read]),
        }
    }
    shared.requests.lock().unwrap().push(request);
    let reaction = shared
        .reactions
        .lock()
        .unwrap()
        .pop_front()
        .unwrap_or(Reaction::Status(200));
    shared.arrived.notify_one();
    let answer = match reaction {
        Reaction::Close => return,
        Reaction::Hang => return std::future::pending().await,
        Reaction::Raw(answer) => {
            stream.write_all(answer.as_bytes()).await.unwrap();
            return std::future::pending().await;
        }
        Reaction::Status(status @ (204 | 304)) => format!("HTTP/1.1 {status} X\r\n\r\n"),
        Reaction::Status(status) => ok().replace("200", &status.to_string()),
        Reaction::When(notify) => {
            notify.notified().await;
            ok()
        }
    };
    let _ = stream.write_all(answer.as_bytes()).await;
}

fn ok() -> String {
    "HTTP/1.1 200 X\r\ncontent-length: 10\r\n\r\n{\"id\":\"1\"}".to_owned()
}

fn is_whole(request: &[u8]) -> bool {
    let Some(head) = request.windows(4).position(|window| window == b"\r\n\r\n") else {
        return false;
    };
    let text = String::from_utf8_lossy(&request[..head]).to_ascii_lowercase();
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    request.len() >= head + 4 + length.unwrap_or(0)
}
