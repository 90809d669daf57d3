use anyhow::{Context, ensure};
use reqwest::header::{COOKIE, SET_COOKIE};
use serde_json::{Value, json};

use crate::{Api, Node, client};

/// A browser that somebody is signed in with: a cookie, and the token that every change needs.
pub struct Browser {
    client: reqwest::Client,
    base: String,
    cookie: String,
    csrf: String,
}

impl Browser {
    /// Makes an account as the owner, and opens its link.
    pub async fn invited(node: &Node, name: &str, role: &str) -> anyhow::Result<Self> {
        let invited = node.api()?.post("/api/v1/accounts", &json!({"name": name, "role": role})).await?;
        let link = invited["link"].as_str().context("an invitation has a link")?;
        let token = link.rsplit('/').next().unwrap_or_default();
        let (status, signed_in) = Self::sign_in(node, &json!({"token": token})).await?;
        signed_in.with_context(|| format!("the link of {name} was answered {status}"))
    }

    /// Tries to sign in with whatever proof; gives the answer beside the browser, which is there if it worked.
    pub async fn sign_in(node: &Node, proof: &Value) -> anyhow::Result<(Value, Option<Self>)> {
        let (client, base) = (client(), node.addresses.http.clone());
        let request =
            client.post(format!("{base}/api/v1/session")).header("content-type", "application/json");
        let response = request.body(proof.to_string()).send().await?;
        let cookie = response.headers().get(SET_COOKIE).and_then(|value| value.to_str().ok());
        let cookie = cookie.and_then(|text| text.split(';').next()).map(str::to_owned);
        let answer: Value = serde_json::from_str(&response.text().await?).unwrap_or_default();
        let csrf = answer["csrf_token"].as_str().map(str::to_owned);
        let signed_in = cookie.zip(csrf).map(|(cookie, csrf)| Self { client, base, cookie, csrf });
        Ok((answer, signed_in))
    }

    /// One whose cookie came by another way, such as an identity provider.
    pub async fn with_cookie(node: &Node, cookie: &str) -> anyhow::Result<Self> {
        let mut browser = Self {
            client: client(),
            base: node.addresses.http.clone(),
            cookie: cookie.to_owned(),
            csrf: String::new(),
        };
        let session = browser.get("/api/v1/session").await?;
        browser.csrf = session["csrf_token"].as_str().context("a session has a csrf token")?.to_owned();
        Ok(browser)
    }

    /// What the browser sends of its own accord.
    pub fn cookie(&self) -> &str {
        &self.cookie
    }

    pub async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> anyhow::Result<(u16, Value)> {
        let method = reqwest::Method::from_bytes(method.as_bytes())?;
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        request = request.header(COOKIE, &self.cookie).header("x-nines-csrf", &self.csrf);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let response = request.send().await?;
        let status = response.status().as_u16();
        let text = response.text().await?;
        Ok((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
    }

    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let (status, answer) = self.call("GET", path, None).await?;
        ensure!(status == 200, "{path} answered {status}: {answer}");
        Ok(answer)
    }

    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let (status, answer) = self.call("POST", path, Some(body)).await?;
        ensure!((200..300).contains(&status), "{path} answered {status}: {answer}");
        Ok(answer)
    }

    /// Lets a terminal in, and gives the API with the key that it got.
    pub async fn terminal(&self) -> anyhow::Result<Api> {
        let stranger = Api::new(&self.base, "");
        let begun = stranger.post("/api/v1/device", &json!({"client": "a test"})).await?;
        let code = begun["user_code"].as_str().context("a code is shown")?;
        self.post(&format!("/api/v1/device/{code}/answer"), &json!({"confirm": true})).await?;
        let token =
            stranger.post("/api/v1/device/token", &json!({"device_code": begun["device_code"]})).await?;
        Ok(Api::new(&self.base, token["secret"].as_str().context("the terminal gets a key")?))
    }
}
