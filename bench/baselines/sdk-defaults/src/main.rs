//! The webhook's job as one writes it from the SDK's front page: every crate with its default features,
//! `aws_config::load`, `serde_json::Value` for the payload. No second way out, no limits, no deadlines.

use aws_config::BehaviorVersion;
use aws_sdk_sns::types::MessageAttributeValue;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use lambda_http::{Body, Error, Request, RequestExt, Response, run, service_fn, tracing};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

struct Webhook {
    sns: aws_sdk_sns::Client,
    topic: String,
    key: String,
    key_id: String,
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let secrets = aws_sdk_secretsmanager::Client::new(&config);
    let secret = secrets.get_secret_value().secret_id(std::env::var("CALLBACK_SECRET_ARN")?).send().await?;
    let webhook = Webhook {
        sns: aws_sdk_sns::Client::new(&config),
        topic: std::env::var("TOPIC_ARN")?,
        key: secret.secret_string().unwrap_or_default().to_owned(),
        key_id: secret.version_id().unwrap_or_default().chars().take(8).collect(),
    };
    run(service_fn(|request| webhook.receive(request))).await
}

impl Webhook {
    async fn receive(&self, request: Request) -> Result<Response<Body>, Error> {
        let query = request.query_string_parameters();
        let of_query = |name| query.first(name).unwrap_or_default();
        let (tenant, printer, token) = (of_query("tenantId"), of_query("printerRef"), of_query("callbackToken"));
        if !self.verifies(tenant, printer, token) {
            return Ok(Response::builder().status(401).body(Body::Empty)?);
        }
        let body = request.body().as_ref();
        let mut payload: Value = serde_json::from_slice(body)?;
        let number = payload["EventType"].as_i64().unwrap_or_default();
        let printer_id = payload["PrinterId"].as_str().unwrap_or_default().to_owned();
        let print_id = payload["PrintId"].as_str().unwrap_or_default().to_owned();
        if let Some(fields) = payload.as_object_mut() {
            fields.remove("SecretKey");
        }
        let digest = Sha256::new().chain_update(tenant).chain_update([0]).chain_update(printer);
        let digest = digest.chain_update([0]).chain_update(body).finalize();
        let id: String = digest[..16].iter().map(|byte| format!("{byte:02x}")).collect();
        let message = json!({
            "specversion": "1.0", "id": id, "source": format!("https://octoeverywhere.com/printers/{printer_id}"),
            "type": format!("com.octoeverywhere.event.{number}"), "subject": print_id,
            "datacontenttype": "application/json", "tenantid": tenant, "printerref": printer, "data": payload,
        });
        let attribute = |kind: &str, value: &str| {
            MessageAttributeValue::builder().data_type(kind).string_value(value).build()
        };
        self.sns
            .publish()
            .topic_arn(&self.topic)
            .message(message.to_string())
            .message_attributes("tenantId", attribute("String", tenant)?)
            .message_attributes("printerRef", attribute("String", printer)?)
            .message_attributes("printerId", attribute("String", &printer_id)?)
            .message_attributes("eventType", attribute("Number", &number.to_string())?)
            .send()
            .await?;
        let answer = Response::builder().header("Content-Type", "application/json");
        Ok(answer.body(json!({ "id": id }).to_string().into())?)
    }

    fn verifies(&self, tenant: &str, printer: &str, token: &str) -> bool {
        let Some((key_id, signature)) = token.split_once('.') else { return false };
        let Ok(signature) = URL_SAFE_NO_PAD.decode(signature) else { return false };
        let Ok(mac) = Hmac::<Sha256>::new_from_slice(self.key.as_bytes()) else { return false };
        let mac = mac.chain_update(tenant).chain_update([0]).chain_update(printer);
        key_id == self.key_id && mac.verify_slice(&signature).is_ok()
    }
}
