use anyhow::{Context, bail};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// An HTTP client that has nothing of the product's. It speaks to this machine without TLS: reading the system's
/// authorities would cost 40 ms for each, and tests make thousands.
#[expect(clippy::disallowed_methods, reason = "a test's own client, apart from the product's")]
pub fn client() -> reqwest::Client {
    // Only fails if a provider is already installed, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().tls_certs_only([]).build().expect("a client without authorities can be made")
}

/// The HTTP API as a plain client sees it: JSON in, JSON out.
#[derive(Clone)]
pub struct Api {
    client: reqwest::Client,
    base: String,
    key: String,
}

impl Api {
    pub fn new(base: &str, key: &str) -> Self {
        Self { client: client(), base: base.to_owned(), key: key.to_owned() }
    }

    /// The raw answer: status and body.
    pub async fn call(
        &self,
        method: &str,
        path: &str,
        body: Option<(&str, Vec<u8>)>,
    ) -> anyhow::Result<(u16, Value)> {
        let method = reqwest::Method::from_bytes(method.as_bytes())?;
        let mut request = self.client.request(method, format!("{}{path}", self.base)).bearer_auth(&self.key);
        if let Some((content_type, bytes)) = body {
            request = request.header("content-type", content_type).body(bytes);
        }
        let response = request.send().await?;
        let status = response.status().as_u16();
        let text = response.text().await?;
        Ok((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
    }

    /// The body as text, asked for in a form of its own: NDJSON, CSV.
    pub async fn text(&self, path: &str, body: &Value, accept: &str) -> anyhow::Result<String> {
        let request = self.client.post(format!("{}{path}", self.base)).bearer_auth(&self.key);
        let response = request
            .header("content-type", "application/json")
            .header("accept", accept)
            .body(body.to_string())
            .send()
            .await?;
        let status = response.status();
        let text = response.text().await?;
        if !status.is_success() {
            bail!("{path} answered {status}: {text}");
        }
        Ok(text)
    }

    /// A stream of server-sent events, to be read with [`Events::next`].
    pub async fn events(&self, path: &str) -> anyhow::Result<Events> {
        let response = self.client.get(format!("{}{path}", self.base)).bearer_auth(&self.key).send().await?;
        if !response.status().is_success() {
            bail!("{path} answered {}", response.status());
        }
        Ok(Events { response, rest: String::new() })
    }

    /// The raw answer to a request with headers of one's own.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> anyhow::Result<(u16, Value)> {
        let method = reqwest::Method::from_bytes(method.as_bytes())?;
        let mut request = self.client.request(method, format!("{}{path}", self.base)).bearer_auth(&self.key);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.body(body).send().await?;
        let status = response.status().as_u16();
        let text = response.text().await?;
        Ok((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
    }

    /// Only the status; the body is not awaited, so this works on streams too.
    pub async fn status(
        &self,
        method: &str,
        path: &str,
        body: Option<(&str, Vec<u8>)>,
    ) -> anyhow::Result<u16> {
        let method = reqwest::Method::from_bytes(method.as_bytes())?;
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        if !self.key.is_empty() {
            request = request.bearer_auth(&self.key);
        }
        if let Some((content_type, bytes)) = body {
            request = request.header("content-type", content_type).body(bytes);
        }
        Ok(request.send().await?.status().as_u16())
    }

    /// The status of a request whose path goes out byte for byte, without a client tidying it up; without a key.
    pub async fn raw_status(&self, method: &str, path: &str) -> anyhow::Result<u16> {
        let head = self.raw(method, path).await?;
        let status = head.split(' ').nth(1).context("a response begins with its status")?;
        Ok(status.parse()?)
    }

    /// Whether the answer to a raw GET is a page or an asset of the web application.
    pub async fn is_page(&self, path: &str) -> anyhow::Result<bool> {
        Ok(self.raw("GET", path).await?.to_ascii_lowercase().contains("content-type: text/html"))
    }

    async fn raw(&self, method: &str, path: &str) -> anyhow::Result<String> {
        let host = self.base.trim_start_matches("http://");
        let mut stream = tokio::net::TcpStream::connect(host).await?;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut head = vec![0; 4096];
        let mut filled = 0;
        while filled < head.len() {
            let read = stream.read(&mut head[filled..]).await?;
            filled += read;
            if read == 0 || head[..filled].windows(4).any(|window| window == b"\r\n\r\n") {
                break;
            }
        }
        Ok(String::from_utf8_lossy(&head[..filled]).into_owned())
    }

    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        Self::expect_success(path, self.call("GET", path, None).await?)
    }

    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        Self::expect_success(
            path,
            self.call("POST", path, Some(("application/json", body.to_string().into_bytes()))).await?,
        )
    }

    pub async fn apply(&self, yaml: &str) -> anyhow::Result<Value> {
        let body = Some(("application/yaml", yaml.as_bytes().to_vec()));
        Self::expect_success("apply", self.call("POST", "/api/v1/apply", body).await?)
    }

    /// The rows of a query.
    pub async fn sql(&self, query: &str) -> anyhow::Result<Vec<Vec<Value>>> {
        let answer = self.post("/api/v1/sql", &json!({ "query": query, "limit": 10_000 })).await?;
        let partial = answer["stats"]["partial"].as_array().context("stats.partial is missing")?;
        if !partial.is_empty() {
            bail!("the answer is not whole: {partial:?}");
        }
        let rows = answer["rows"].as_array().context("rows are missing")?;
        rows.iter().map(|row| row.as_array().cloned().context("a row is an array")).collect()
    }

    /// The one number that a query answers.
    pub async fn sql_number(&self, query: &str) -> anyhow::Result<f64> {
        let rows = self.sql(query).await?;
        let cell = rows.first().and_then(|row| row.first()).context("no row")?;
        Ok(cell.as_f64().unwrap_or_default())
    }

    fn expect_success(what: &str, (status, body): (u16, Value)) -> anyhow::Result<Value> {
        if !(200..300).contains(&status) {
            bail!("{what} answered {status}: {body}");
        }
        Ok(body)
    }
}

/// Server-sent events as they come.
pub struct Events {
    response: reqwest::Response,
    rest: String,
}

impl Events {
    /// The data of the next event that has some.
    pub async fn next(&mut self) -> anyhow::Result<Value> {
        loop {
            while let Some(end) = self.rest.find("\n\n") {
                let event: String = self.rest.drain(..end + 2).collect();
                if let Some(data) = event.lines().find_map(|line| line.strip_prefix("data: ")) {
                    return Ok(serde_json::from_str(data)?);
                }
            }
            let chunk = self.response.chunk().await?.context("the stream ended")?;
            self.rest.push_str(&String::from_utf8_lossy(&chunk));
        }
    }
}
