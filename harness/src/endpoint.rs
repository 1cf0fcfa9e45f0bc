//! A URL of somebody else's that things are POSTed to: a chat, an app.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use http::{HeaderMap, Response};
use http_body_util::Full;

use crate::server::{Reaction, Server};

/// What somebody POSTed.
#[derive(Debug, Clone)]
pub struct Post {
    /// Its path, with the query.
    pub target: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, as text.
    pub body: String,
}

/// Answers 200 to everything on a free loopback port, and keeps it. It ends when it is dropped.
pub struct Endpoint {
    server: Server,
    posts: Arc<Mutex<Vec<Post>>>,
}

impl Endpoint {
    /// Listens.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start() -> Result<Self> {
        let posts = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&posts);
        let server = Server::start(move |request| {
            kept.lock().unwrap_or_else(PoisonError::into_inner).push(Post {
                target: request.target,
                headers: request.headers,
                body: String::from_utf8_lossy(&request.body).into_owned(),
            });
            async { Reaction::Respond(Response::new(Full::default())) }
        });
        Ok(Self {
            server: server.await?,
            posts,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// What has come at a path that begins so, in order.
    pub fn posts(&self, path: &str) -> Vec<Post> {
        let posts = self.posts.lock().unwrap_or_else(PoisonError::into_inner);
        posts
            .iter()
            .filter(|post| post.target.starts_with(path))
            .cloned()
            .collect()
    }
}
