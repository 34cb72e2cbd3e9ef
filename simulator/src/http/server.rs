//! The simulator behind a socket, and the handle to it.

use crate::api::engine::Incoming;
use crate::clock::SharedClock;
use crate::http::control;
use crate::http::wire::{self, AnswerBody, Lost};
use crate::setup::config::{Limits, SimulatorConfig};
use crate::setup::faults::Faults;
use crate::state::calls::Call;
use crate::state::change::{ByHand, ChangeError, SnapshotChange};
use crate::state::export::Now;
use crate::state::ledger::Ledger;
use crate::state::world::World;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming as RequestBody;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// The largest request that is read: a control request with a long script is some megabytes.
const MAX_REQUEST: usize = 64 << 20;
/// How long to wait when no connection can be accepted, as when the process is out of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The way to start one.
#[derive(Debug)]
pub struct Simulator;

/// A running simulator. It ends with [`Handle::stop`], or when the handle is dropped.
#[derive(Debug)]
pub struct Handle {
    shared: Arc<Service>,
    address: SocketAddr,
    /// The accepting task keeps its receiver for as long as it runs.
    running: watch::Sender<()>,
}

struct Service {
    world: Mutex<World>,
    /// How many calls have arrived; tests wait for it.
    arrived: watch::Sender<usize>,
    /// Each open connection keeps a receiver.
    open: watch::Sender<()>,
    clock: SharedClock,
    began: Duration,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service").field("began", &self.began).finish_non_exhaustive()
    }
}

impl Simulator {
    /// Serves `config` on `listener`, at the time that `clock` tells. Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// The listener's, if it has no address.
    pub fn start(config: SimulatorConfig, listener: TcpListener, clock: SharedClock) -> io::Result<Handle> {
        let address = listener.local_addr()?;
        let began = clock.elapsed();
        let world = Mutex::new(World::new(config));
        let (arrived, open) = (watch::Sender::new(0), watch::Sender::new(()));
        let shared = Arc::new(Service { world, arrived, open, clock, began });
        let (running, stopped) = watch::channel(());
        tokio::spawn(accept(listener, Arc::clone(&shared), stopped));
        Ok(Handle { shared, address, running })
    }
}

impl Handle {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL, for `AWS_ENDPOINT_URL_LIGHTSAIL`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What has been exported so far.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        self.shared.world().ledger(self.shared.now())
    }

    /// Every call that has arrived, in order.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.shared.world().calls.clone()
    }

    /// The calls that have arrived after the first `place` of them.
    #[must_use]
    pub fn calls_from(&self, place: usize) -> Vec<Call> {
        self.shared.world().calls.get(place..).unwrap_or_default().to_vec()
    }

    /// How many calls have arrived; it can be waited upon.
    #[must_use]
    pub fn arrived(&self) -> watch::Receiver<usize> {
        self.shared.arrived.subscribe()
    }

    /// Waits until all that disconnected clients have sent has arrived, and no connection is left.
    ///
    /// # Errors
    /// When the simulator does not listen any more.
    pub async fn quiet(&self) -> io::Result<()> {
        // Connections are taken in their order: once this one is answered, those before it have been taken.
        let mut last = TcpStream::connect(self.address).await?;
        last.write_all(b"GET /_quiet HTTP/1.0\r\n\r\n").await?;
        last.read_to_end(&mut Vec::new()).await?;
        drop(last);
        self.shared.open.closed().await;
        Ok(())
    }

    /// Replaces what goes wrong.
    pub fn set_faults(&self, faults: Faults) {
        self.shared.world().config.faults = faults;
    }

    /// Replaces the allowed rates.
    pub fn set_limits(&self, limits: Limits) {
        self.shared.world().config.limits = limits;
    }

    /// Begins an export as somebody in the console would: no call, no limit, no fault.
    ///
    /// # Errors
    /// [`ChangeError::Refused`] where Lightsail would refuse it.
    pub fn export_by_hand(&self, export: &ByHand) -> Result<(), ChangeError> {
        self.shared.world().export_by_hand(export, self.shared.now())
    }

    /// Adds, replaces or deletes a snapshot.
    ///
    /// # Errors
    /// [`ChangeError`] where the entry names no Region, or its name is taken or missing.
    pub fn change_snapshot(&self, change: SnapshotChange) -> Result<(), ChangeError> {
        self.shared.world().change(change, self.shared.now())
    }

    /// Closes the listener and every connection; calls and ledger can still be read.
    pub async fn stop(&self) {
        self.running.send_replace(());
        self.running.closed().await;
    }
}

impl Service {
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Now {
        Now {
            wall_ms: i64::try_from(self.clock.since_1970().as_millis()).unwrap_or(i64::MAX),
            elapsed: self.clock.elapsed().saturating_sub(self.began),
        }
    }
}

async fn accept(listener: TcpListener, shared: Arc<Service>, mut stopped: watch::Receiver<()>) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            // The handle says so, or has gone.
            _ = stopped.changed() => return,
            Some(_) = connections.join_next() => continue,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        // An answer that waits for more to send would only be late.
        let _ = stream.set_nodelay(true);
        let (shared, open) = (Arc::clone(&shared), shared.open.subscribe());
        connections.spawn(async move {
            let _open = open;
            let service = service_fn(|request| serve(&shared, request));
            // A connection's error is a fault on purpose, or a client that left.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn serve(shared: &Service, request: Request<RequestBody>) -> Result<Response<AnswerBody>, Lost> {
    let (head, body) = request.into_parts();
    // A request that breaks off has no effect, and no client waits for its answer.
    let body = Limited::new(body, MAX_REQUEST).collect().await.map_err(|_| Lost)?.to_bytes();
    let path = head.uri.path();
    if head.method != Method::POST || path != "/" {
        let mut world = shared.world();
        return Ok(control::answer(&mut world, &head.method, path, &body, shared.now()));
    }
    let service_time;
    let (outcome, error_header) = {
        let mut world = shared.world();
        // Read under the lock, so that time never goes back from one call to the next.
        let now = shared.now();
        service_time = world.config.faults.clock_ahead_seconds.map(|ahead| now.wall_ms / 1000 + ahead);
        let address = wire::address(&head.headers, &world.config.default_account)
            .and_then(|address| wire::signed_in_time(&head.headers, service_time).map(|()| address));
        let incoming = Incoming { operation: wire::operation(&head.headers), address, body };
        let outcome = world.serve(incoming, now);
        shared.arrived.send_replace(world.calls.len());
        (outcome, world.config.error_header)
    };
    if !outcome.delay.is_zero() {
        shared.clock.sleep(outcome.delay).await;
    }
    wire::response(outcome, error_header, service_time)
}
