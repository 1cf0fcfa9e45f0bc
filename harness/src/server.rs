//! A small server of HTTP/1.1 on loopback, whose handlers may also leave the caller without an answer.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::encryption::Encryption;

/// A request, wholly read.
pub(crate) struct Request {
    pub method: Method,
    /// Path and query, as they were sent.
    pub target: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// What becomes of a request.
pub(crate) enum Reaction {
    Respond(Response<Full<Bytes>>),
    /// The connection is closed in the middle of the exchange.
    Drop,
    /// The connection is reset: what a caller sees of a listener that has gone away.
    Reset,
}

/// Listens on a free loopback port until it is dropped; its connections end with it.
pub(crate) struct Server {
    pub address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Server {
    /// Speaks HTTP.
    pub(crate) async fn start<H, F>(handler: H) -> io::Result<Self>
    where
        H: Fn(Request) -> F + Send + Sync + 'static,
        F: Future<Output = Reaction> + Send + 'static,
    {
        Self::accept(handler, None).await
    }

    /// Speaks HTTPS.
    pub(crate) async fn start_encrypted<H, F>(handler: H, encryption: Arc<Encryption>) -> io::Result<Self>
    where
        H: Fn(Request) -> F + Send + Sync + 'static,
        F: Future<Output = Reaction> + Send + 'static,
    {
        Self::accept(handler, Some(encryption)).await
    }

    async fn accept<H, F>(handler: H, encryption: Option<Arc<Encryption>>) -> io::Result<Self>
    where
        H: Fn(Request) -> F + Send + Sync + 'static,
        F: Future<Output = Reaction> + Send + 'static,
    {
        let handler = Arc::new(handler);
        Self::listen(move |stream| serve(stream, Arc::clone(&handler), encryption.clone())).await
    }

    /// Hands over its connections as they come.
    pub(crate) async fn listen<C, F>(take: C) -> io::Result<Self>
    where
        C: Fn(TcpStream) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let accepting = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                        connections.spawn(take(stream));
                    },
                    Some(_) = connections.join_next() => {}
                }
            }
        });
        Ok(Self { address, accepting })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve<H, F>(stream: TcpStream, handler: Arc<H>, encryption: Option<Arc<Encryption>>)
where
    H: Fn(Request) -> F,
    F: Future<Output = Reaction>,
{
    let Ok((stream, second)) = twice(stream) else { return };
    match encryption {
        None => speak(stream, second, handler).await,
        Some(encryption) => {
            if let Some(stream) = encryption.accept(stream).await {
                speak(stream, second, handler).await;
            }
        }
    }
}

/// HTTP on a connection; `second` is another hold on it.
async fn speak<S, H, F>(stream: S, second: TcpStream, handler: Arc<H>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    H: Fn(Request) -> F,
    F: Future<Output = Reaction>,
{
    let service = service_fn(|request: http::Request<Incoming>| {
        let (handler, second) = (&handler, &second);
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
            let target = parts.uri.path_and_query().map_or_else(String::new, ToString::to_string);
            let request = Request {
                method: parts.method,
                target,
                headers: parts.headers,
                body,
            };
            match handler(request).await {
                Reaction::Respond(response) => Ok(response),
                Reaction::Drop => Err(io::Error::other("dropped on purpose")),
                Reaction::Reset => {
                    second.set_zero_linger()?;
                    Err(io::Error::other("reset on purpose"))
                }
            }
        }
    });
    // Its error is a client that went away, or one of the above.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// The stream, and a second hold on it: hyper keeps the first to itself.
fn twice(stream: TcpStream) -> io::Result<(TcpStream, TcpStream)> {
    stream.set_nodelay(true)?;
    let stream = stream.into_std()?;
    let second = stream.try_clone()?;
    Ok((TcpStream::from_std(stream)?, TcpStream::from_std(second)?))
}

/// A response with a content type.
pub(crate) fn respond(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> Reaction {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(content_type));
    Reaction::Respond(response)
}

/// A task that waits for good, and ends with its connection.
pub(crate) async fn hang() -> Reaction {
    match std::future::pending::<Infallible>().await {}
}
