//! One running instance of a service.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::routing::post;
use nines_base::{Random, SharedClock, Shutdown};
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::telemetry::Telemetry;
use super::topology::{Identity, Region, Release, Service};
use super::{ShopError, World, call, checkout, gateway, inventory, payment, recommendation};

pub(crate) struct Pod {
    pub(crate) identity: Identity,
    pub(crate) address: SocketAddr,
    pub(super) world: Arc<World>,
    pub(super) random: Random,
    pub(super) telemetry: Telemetry,
    /// Connections to the database (payment only uses them).
    pub(super) connections: Semaphore,
    shutdown: Shutdown,
    server: Mutex<Option<JoinHandle<()>>>,
}

impl Pod {
    pub(super) async fn start(
        world: &Arc<World>,
        service: Service,
        region: Region,
        release: Release,
    ) -> Result<Arc<Self>, ShopError> {
        let identity = Identity::new(service, region, release, &world.random);
        let failed = |source| ShopError::Listen { service: service.as_str(), source };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.map_err(failed)?;
        let pod = Arc::new(Self {
            address: listener.local_addr().map_err(failed)?,
            telemetry: Telemetry::start(&identity, &world.sender)?,
            random: Random::from_seed(world.random.next_u64()),
            world: world.clone(),
            connections: Semaphore::new(payment::POOL_SIZE),
            shutdown: Shutdown::new(),
            server: Mutex::default(),
            identity,
        });
        let router = routes(service).layer(axum::middleware::from_fn_with_state(pod.clone(), call::serve));
        let stopping = pod.shutdown.clone();
        let server = tokio::spawn(async move {
            // It ends only by being told to; an error of one connection stays with that connection.
            let _ = axum::serve(listener, router)
                .with_graceful_shutdown(async move { stopping.begun().await })
                .await;
        });
        *pod.server.lock() = Some(server);
        Ok(pod)
    }

    pub(super) fn clock(&self) -> &SharedClock {
        &self.world.clock
    }

    /// Answers what it has begun, then sends the telemetry of it.
    pub(super) async fn stop(&self) {
        self.shutdown.begin();
        let server = self.server.lock().take();
        if let Some(server) = server {
            let abort = server.abort_handle();
            tokio::select! {
                _ = server => {}
                // Idle connections of the callers' pools may keep it open.
                () = self.world.clock.sleep(DRAIN_WAIT_MAX) => abort.abort(),
            }
        }
        self.telemetry.stop().await;
    }
}

/// The slowest request of the shop takes less than this.
const DRAIN_WAIT_MAX: std::time::Duration = std::time::Duration::from_millis(2500);

fn routes(service: Service) -> Router {
    match service {
        Service::Gateway => Router::new()
            .route(gateway::BROWSE, post(gateway::browse))
            .route(gateway::SEARCH, post(gateway::search))
            .route(gateway::CHECKOUT, post(gateway::checkout)),
        Service::Checkout => Router::new().route(checkout::ORDERS, post(checkout::order)),
        Service::Payment => Router::new().route(payment::CHARGES, post(payment::charge)),
        Service::Inventory => Router::new()
            .route(inventory::STOCK, post(inventory::stock))
            .route(inventory::RESERVATIONS, post(inventory::reserve)),
        Service::Recommendation => {
            Router::new().route(recommendation::ROUTE, post(recommendation::recommend))
        }
    }
}
