//! A node in a runtime of its own, which can be killed.

use std::{net::SocketAddr, time::Duration};

use portico_bus::grpc::{Limits, Server};
use portico_kernel::Ask;
use portico_session::Validate;
use tokio::{
    runtime::{Builder, Runtime},
    sync::oneshot,
    task::JoinHandle,
};

use super::{PATIENCE, Place, session_asks};

/// A server on loopback. It is killed when it is dropped.
pub(crate) struct Node {
    pub(crate) address: SocketAddr,
    place: Place,
    runtime: Option<Runtime>,
    stop: Option<oneshot::Sender<()>>,
    serving: Option<JoinHandle<()>>,
}

impl Node {
    /// A node with the session domain, whose validations `validate` answers.
    pub(crate) fn sessions(validate: Ask<Validate>) -> Self {
        Self::sessions_at(Place::new(), validate)
    }

    pub(crate) fn sessions_at(place: Place, validate: Ask<Validate>) -> Self {
        Self::at(place, Server::new(Limits::default()).sessions(portico_session::Asks { validate, ..session_asks() }))
    }

    pub(crate) fn of(server: Server) -> Self {
        Self::at(Place::new(), server)
    }

    pub(crate) fn at(place: Place, server: Server) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let (told, listening) = std::sync::mpsc::channel();
        let here = place.clone();
        let serving = runtime.spawn(async move {
            let listener = here.listen().await;
            told.send(()).unwrap();
            let stopped = async { drop(stopped.await) };
            server.serve(listener, stopped).await.unwrap();
        });
        listening.recv_timeout(Duration::from_secs(5)).expect("it listens");
        Self { address: place.address, place, runtime: Some(runtime), stop: Some(stop), serving: Some(serving) }
    }

    /// Has it take no more, and waits until all that it took is answered. Answers where it was.
    pub(crate) async fn stop(mut self) -> Place {
        drop(self.stop.take());
        tokio::time::timeout(PATIENCE, self.serving.take().unwrap()).await.expect("it ends").unwrap();
        self.place.clone()
    }

    /// Ends it at once, with all its connections. Answers where it was.
    pub(crate) fn kill(self) -> Place {
        self.place.clone()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Waits for its threads, so that every socket is closed; elsewhere, since a runtime must not be waited for in another.
        let runtime = self.runtime.take();
        std::thread::spawn(move || drop(runtime)).join().unwrap();
    }
}
