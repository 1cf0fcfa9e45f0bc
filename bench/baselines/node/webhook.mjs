// The webhook's job in Node.js: the AWS SDK v3. No second way out, no limits, no deadlines.

import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { PublishCommand, SNSClient } from "@aws-sdk/client-sns";

const TopicArn = process.env.TOPIC_ARN;
const sns = new SNSClient({});
const secret = await new SecretsManagerClient({}).send(
  new GetSecretValueCommand({ SecretId: process.env.CALLBACK_SECRET_ARN }),
);
const [key, keyId] = [secret.SecretString, secret.VersionId.slice(0, 8)];

function verifies(tenant, printer, token) {
  const [id, signature = ""] = token.split(".");
  const expected = createHmac("sha256", key).update(`${tenant}\0${printer}`).digest();
  const given = Buffer.from(signature, "base64url");
  return id === keyId && given.length === expected.length && timingSafeEqual(given, expected);
}

export async function receive(event) {
  const query = new URLSearchParams(event.rawQueryString);
  const [tenant, printer, token] = ["tenantId", "printerRef", "callbackToken"].map((name) => query.get(name) ?? "");
  if (!verifies(tenant, printer, token)) return { statusCode: 401 };
  const { SecretKey, ...data } = JSON.parse(event.body);
  const id = createHash("sha256").update(`${tenant}\0${printer}\0${event.body}`).digest("hex").slice(0, 32);
  const message = {
    specversion: "1.0",
    id,
    source: `https://octoeverywhere.com/printers/${data.PrinterId}`,
    type: `com.octoeverywhere.event.${data.EventType}`,
    subject: data.PrintId,
    datacontenttype: "application/json",
    tenantid: tenant,
    printerref: printer,
    data,
  };
  const text = (StringValue) => ({ DataType: "String", StringValue });
  await sns.send(
    new PublishCommand({
      TopicArn,
      Message: JSON.stringify(message),
      MessageAttributes: {
        tenantId: text(tenant),
        printerRef: text(printer),
        printerId: text(data.PrinterId),
        eventType: { DataType: "Number", StringValue: String(data.EventType) },
      },
    }),
  );
  return { statusCode: 200, headers: { "Content-Type": "application/json" }, body: JSON.stringify({ id }) };
}
