//! A simulator with one printer, and the calls an app makes.

use printbell_simulator::{AppConnection, Control, NewPrinter, Options, Registration, Route, Simulator};
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

pub struct World {
    pub simulator: Simulator,
    pub control: Control,
    pub printer: AppConnection,
    pub http: reqwest::Client,
}

impl World {
    /// Takes http:// webhooks, since the tests' receivers have no certificates.
    pub async fn new() -> Self {
        Self::with(Options {
            allow_http: true,
            ..Options::default()
        })
        .await
    }

    pub async fn with(options: Options) -> Self {
        let simulator = Simulator::start(options).await.unwrap();
        let control = simulator.control();
        let printer = control.issue_printer(&NewPrinter::named("Ender 3")).await.unwrap();
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls())
            .no_proxy()
            .build()
            .unwrap();
        Self {
            simulator,
            control,
            printer,
            http,
        }
    }

    pub fn url(&self, route: Route) -> String {
        format!("{}{}", self.simulator.url(), route.path())
    }

    /// A call of the printer's app, the token in the header.
    pub async fn call(&self, route: Route, body: Option<Value>) -> reqwest::Result<Response> {
        self.call_as(self.printer.token.expose(), route, body).await
    }

    pub async fn call_as(&self, token: &str, route: Route, body: Option<Value>) -> reqwest::Result<Response> {
        let request = self
            .http
            .request(route.method(), self.url(route))
            .header("AppToken", token);
        match body {
            Some(body) => request.json(&body).send().await,
            None => request.send().await,
        }
    }

    /// Sets the printer's webhook, which must succeed.
    pub async fn set(&self, url: &str, filter: &[i32]) {
        let body = json!({"WebhookUrl": url, "InclusiveEventTypesFilter": filter});
        let response = self.call(Route::Set, Some(body)).await.unwrap();
        assert_eq!(response.status(), 200, "{}", response.text().await.unwrap());
    }

    pub async fn registration(&self) -> Registration {
        self.control.registration(&self.printer.printer_id).await.unwrap()
    }
}

/// The status and the JSON body of an answer.
pub async fn status_and_json(response: Response) -> (u16, Value) {
    let status: StatusCode = response.status();
    assert_eq!(response.headers()["content-type"], "application/json");
    (status.as_u16(), response.json().await.unwrap())
}

fn tls() -> rustls::ClientConfig {
    rustls::ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth()
}
