//! TLS in front of another server, under names of AWS's: what a client outside sees of the emulator's doors.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use tokio::net::TcpStream;

use crate::encryption::Encryption;
use crate::server::Server;

/// Takes TLS connections on a free loopback port, and passes on what they bring. It ends when it is dropped.
pub struct TlsFront {
    server: Server,
    encryption: Arc<Encryption>,
}

impl TlsFront {
    /// A front for the server at `target`, under these host names, also with `*` for a part.
    ///
    /// # Errors
    /// When no port, no certificate or no temporary file can be had.
    pub async fn start(names: &[&str], target: SocketAddr) -> Result<Self> {
        let encryption = Arc::new(Encryption::new(names)?);
        let server = {
            let encryption = Arc::clone(&encryption);
            Server::listen(move |stream| pass_on(Arc::clone(&encryption), stream, target)).await?
        };
        Ok(Self { server, encryption })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// The PEM file of the one authority that vouches for it.
    pub fn authority(&self) -> &Path {
        self.encryption.authority()
    }
}

/// One connection, until a side closes it or doesn't trust the other.
async fn pass_on(encryption: Arc<Encryption>, stream: TcpStream, target: SocketAddr) {
    let Some(mut client) = encryption.accept(stream).await else {
        return;
    };
    if let Ok(mut server) = TcpStream::connect(target).await {
        // Its error is a side that went away.
        let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
    }
}
