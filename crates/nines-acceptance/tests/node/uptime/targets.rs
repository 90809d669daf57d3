//! Real servers to be probed, a proxy that leads to whatever node there is, and a network that can be cut.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use anyhow::{Context, ensure};
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http_body_util::{BodyExt, Full};
use nines_acceptance::{PATIENCE, binary, run_tool};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::process::Child;

/// A shop with a health page, a redirect, and gRPC health, over HTTP/1.1 and HTTP/2.
pub struct Shop {
    pub url: String,
    pub address: SocketAddr,
    state: Arc<ShopState>,
}

struct ShopState {
    is_healthy: AtomicBool,
    seen: AtomicUsize,
}

impl Shop {
    pub async fn open(address: &str) -> anyhow::Result<Self> {
        let state = Arc::new(ShopState { is_healthy: AtomicBool::new(true), seen: AtomicUsize::new(0) });
        let router = axum::Router::new()
            .route("/health", get(health))
            .route("/redirect", get(redirect))
            .route("/stats/summary", get(|| async { KUBELET }))
            .route("/grpc.health.v1.Health/Check", post(grpc))
            .with_state(Arc::clone(&state));
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { url: format!("http://{address}"), address, state })
    }

    pub fn set_healthy(&self, is: bool) {
        self.state.is_healthy.store(is, Ordering::Relaxed);
    }

    /// Requests of its health page.
    pub fn seen(&self) -> usize {
        self.state.seen.load(Ordering::Relaxed)
    }
}

/// What a kubelet tells of a node with one pod.
const KUBELET: &str = r#"{"node": {"nodeName": "n1", "cpu": {"usageCoreNanoSeconds": 5000000000}}, "pods": [{
    "podRef": {"name": "cart-1", "namespace": "shop", "uid": "u"},
    "cpu": {"usageCoreNanoSeconds": 2000000000}, "memory": {"usageBytes": 9000000, "workingSetBytes": 8000000}}]}"#;

/// 302, as most redirects of this world.
async fn redirect() -> Response {
    (StatusCode::FOUND, [(header::LOCATION, "/health")]).into_response()
}

async fn health(State(state): State<Arc<ShopState>>) -> Response {
    state.seen.fetch_add(1, Ordering::Relaxed);
    let json = [(header::CONTENT_TYPE, "application/json")];
    match state.is_healthy.load(Ordering::Relaxed) {
        true => (json, r#"{"state": "ok"}"#).into_response(),
        false => (StatusCode::INTERNAL_SERVER_ERROR, json, r#"{"state": "down"}"#).into_response(),
    }
}

/// SERVING for `shop.Cart`, NOT_SERVING for everything else.
async fn grpc(body: Bytes) -> Response {
    let is_cart = body.windows(9).any(|window| window == b"shop.Cart");
    let message = Bytes::from(vec![0, 0, 0, 0, 2, 8, if is_cart { 1 } else { 2 }]);
    let trailers = HeaderMap::from_iter([(
        header::HeaderName::from_static("grpc-status"),
        HeaderValue::from_static("0"),
    )]);
    let body = Full::new(message).with_trailers(async move { Some(Ok::<_, Infallible>(trailers)) });
    ([(header::CONTENT_TYPE, "application/grpc")], Body::new(body)).into_response()
}

/// `openssl s_server` with a certificate of its own for localhost, in `cert.pem`. Its port.
pub async fn tls(folder: &Path) -> anyhow::Result<u16> {
    let new = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 30 \
               -subj /CN=localhost -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE";
    run_tool("openssl", &new.split_whitespace().collect::<Vec<_>>(), folder).await?;
    let serve = "s_server -accept 127.0.0.1:0 -cert cert.pem -key key.pem -www";
    let mut child = nines_base::spawn::program("/usr/bin/openssl")
        .args(serve.split_whitespace())
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    // It says which port the system gave it, and goes on saying things: it is read to its end.
    let mut said = BufReader::new(child.stdout.take().context("openssl says nothing")?).lines();
    let port = loop {
        let line =
            tokio::time::timeout(PATIENCE, said.next_line()).await.context("openssl does not listen")??;
        let line = line.context("openssl ended before it listened")?;
        if let Some(address) = line.strip_prefix("ACCEPT ") {
            break address.parse::<SocketAddr>()?.port();
        }
    };
    tokio::spawn(async move {
        while let Ok(Some(_)) = said.next_line().await {}
        child.wait().await
    });
    Ok(port)
}

/// Answers PONG to PING.
pub async fn banner() -> anyhow::Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut asked = [0; 6];
                stream.read_exact(&mut asked).await?;
                stream.write_all(if &asked == b"PING\r\n" { b"+PONG\r\n" } else { b"-ERR\r\n" }).await
            });
        }
    });
    Ok(port)
}

/// Answers every question with 192.0.2.7.
pub async fn dns() -> anyhow::Result<u16> {
    let socket = UdpSocket::bind("127.0.0.1:0").await?;
    let port = socket.local_addr()?.port();
    tokio::spawn(async move {
        let mut buffer = [0; 512];
        while let Ok((read, from)) = socket.recv_from(&mut buffer).await {
            let mut answer = buffer[..read].to_vec();
            // A response without error, with one answer: a pointer to the name, type A, class IN, a minute, four bytes.
            answer[2..4].copy_from_slice(&[0x81, 0x80]);
            answer[7] = 1;
            answer.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 7]);
            let _ = socket.send_to(&answer, from).await;
        }
    });
    Ok(port)
}

/// One address that leads to whatever node there is.
pub struct Proxy {
    pub url: String,
    target: Arc<Mutex<String>>,
}

impl Proxy {
    pub async fn open(address: &str, node: &str) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let proxy = Self { url, target: Arc::default() };
        proxy.lead_to(node);
        let target = Arc::clone(&proxy.target);
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let to = target.lock().unwrap().clone();
                tokio::spawn(async move {
                    let mut far = TcpStream::connect(to).await?;
                    tokio::io::copy_bidirectional(&mut near, &mut far).await
                });
            }
        });
        Ok(proxy)
    }

    pub fn lead_to(&self, node: &str) {
        node.trim_start_matches("http://").clone_into(&mut self.target.lock().unwrap());
    }
}

/// A network of its own, with a cable to this one.
pub struct NetworkSpace {
    name: &'static str,
    far: String,
}

impl NetworkSpace {
    /// `None` where that is not permitted.
    pub async fn make(name: &'static str, here: &str, there: &str) -> anyhow::Result<Option<Self>> {
        let space = Self { name, far: "nines-p1".to_owned() };
        space.remove().await;
        if ip(&format!("netns add {name}")).await.is_err() {
            return Ok(None);
        }
        for command in [
            "link add nines-p0 type veth peer name nines-p1".to_owned(),
            format!("link set nines-p1 netns {name}"),
            format!("addr add {here}/24 dev nines-p0"),
            "link set nines-p0 up".to_owned(),
            format!("netns exec {name} ip addr add {there}/24 dev nines-p1"),
            format!("netns exec {name} ip link set nines-p1 up"),
            format!("netns exec {name} ip link set lo up"),
        ] {
            if let Err(error) = ip(&command).await {
                println!("ip {command}: {error}");
                space.remove().await;
                return Ok(None);
            }
        }
        Ok(Some(space))
    }

    pub async fn cut(&self) -> anyhow::Result<()> {
        ip(&format!("netns exec {} ip link set {} down", self.name, self.far)).await
    }

    pub async fn mend(&self) -> anyhow::Result<()> {
        ip(&format!("netns exec {} ip link set {} up", self.name, self.far)).await
    }

    /// A node inside, and its address there.
    pub async fn serve(&self, data: &Path) -> anyhow::Result<(Child, String)> {
        let nines = binary()?;
        let data = data.to_str().context("a path")?;
        let mut child = nines_base::spawn::program("/usr/sbin/ip")
            .args(["netns", "exec", self.name, nines.to_str().context("a path")?, "serve", "--data", data])
            .args(["--listen", "127.0.0.1:0", "--otlp-grpc", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0"])
            .args(["--allow-egress", "10.231.77.0/24"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let stdout = child.stdout.take().context("standard output is piped")?;
        let mut lines = BufReader::new(stdout).lines();
        let mut url = String::new();
        let ready = tokio::time::timeout(PATIENCE, async {
            while let Some(line) = lines.next_line().await? {
                if line.contains("web and API") {
                    line.split_whitespace().last().unwrap_or_default().clone_into(&mut url);
                }
                if line.starts_with("ready") {
                    return Ok(());
                }
            }
            anyhow::bail!("nines ended before it was ready")
        });
        ready.await.context("nines was not ready in time")??;
        ensure!(!url.is_empty(), "nines printed no address");
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok((child, url))
    }

    async fn remove(&self) {
        // What is not there need not go.
        let _ = ip("link del nines-p0").await;
        let _ = ip(&format!("netns del {}", self.name)).await;
    }
}

impl Drop for NetworkSpace {
    fn drop(&mut self) {
        let name = self.name;
        // The cable goes with the end that was inside.
        let mut command = nines_base::spawn::program("/usr/sbin/ip");
        command.args(["netns", "del", name]).kill_on_drop(false);
        drop(command.spawn());
    }
}

async fn ip(arguments: &str) -> anyhow::Result<()> {
    let arguments: Vec<&str> = arguments.split_whitespace().collect();
    run_tool("/usr/sbin/ip", &arguments, Path::new("/")).await.map(drop)
}
