"""The webhook's job in Python: boto3, on awslambdaric. No second way out, no limits, no deadlines."""

import base64
import hashlib
import hmac
import json
import os
from urllib.parse import parse_qs

import boto3

TOPIC = os.environ["TOPIC_ARN"]
secret = boto3.client("secretsmanager").get_secret_value(SecretId=os.environ["CALLBACK_SECRET_ARN"])
KEY, KEY_ID = secret["SecretString"].encode(), secret["VersionId"][:8]
sns = boto3.client("sns")


def verifies(tenant, printer, token):
    key_id, _, signature = token.partition(".")
    mac = hmac.new(KEY, f"{tenant}\0{printer}".encode(), hashlib.sha256).digest()
    expected = base64.urlsafe_b64encode(mac).rstrip(b"=").decode()
    return key_id == KEY_ID and hmac.compare_digest(expected, signature)


def receive(event, _context):
    query = parse_qs(event["rawQueryString"])
    tenant, printer, token = (query.get(name, [""])[0] for name in ("tenantId", "printerRef", "callbackToken"))
    if not verifies(tenant, printer, token):
        return {"statusCode": 401}
    body = event["body"]
    payload = json.loads(body)
    payload.pop("SecretKey", None)
    number = payload["EventType"]
    digest = hashlib.sha256(f"{tenant}\0{printer}\0{body}".encode()).hexdigest()[:32]
    message = {
        "specversion": "1.0",
        "id": digest,
        "source": f"https://octoeverywhere.com/printers/{payload['PrinterId']}",
        "type": f"com.octoeverywhere.event.{number}",
        "subject": payload["PrintId"],
        "datacontenttype": "application/json",
        "tenantid": tenant,
        "printerref": printer,
        "data": payload,
    }
    texts = {"tenantId": tenant, "printerRef": printer, "printerId": payload["PrinterId"]}
    attributes = {name: {"DataType": "String", "StringValue": text} for name, text in texts.items()}
    attributes["eventType"] = {"DataType": "Number", "StringValue": str(number)}
    sns.publish(TopicArn=TOPIC, Message=json.dumps(message), MessageAttributes=attributes)
    return {"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": json.dumps({"id": digest})}
