"""Slack's own SDK beside the node: signs what people press, as Slack does, and checks the blocks that were posted."""

import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View
from slack_sdk.signature import SignatureVerifier


def send(base, secret, call):
    body = urllib.parse.urlencode(call["form"])
    at = str(int(time.time()) - call.get("age", 0))
    signature = SignatureVerifier(secret).generate_signature(timestamp=at, body=body)
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        "x-slack-request-timestamp": at,
        "x-slack-signature": call.get("signature", signature),
    }
    request = urllib.request.Request(base + call["path"], body.encode(), headers)
    answers = []
    for _ in range(1 + call.get("again", 0)):
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                answers.append([response.status, response.read().decode()])
        except urllib.error.HTTPError as error:
            answers.append([error.code, error.read().decode()])
    return answers


def check(posted):
    """Parses and validates as the SDK does before it sends; raises for what Slack would refuse."""
    for message in posted["messages"]:
        blocks = Block.parse_all(message.get("blocks", []))
        assert len(blocks) == len(message.get("blocks", [])) <= 50, message
        for block in blocks:
            block.validate_json()
    for view in posted["views"]:
        parsed = View(**view)
        parsed.validate_json()
        for block in parsed.blocks:
            block.validate_json()
    return [len(posted["messages"]), len(posted["views"])]


if __name__ == "__main__":
    asked = json.load(sys.stdin) if sys.argv[1] == "-" else json.loads(sys.argv[1])
    if "calls" in asked:
        print(json.dumps([send(asked["base"], asked["secret"], call) for call in asked["calls"]]))
    else:
        print(json.dumps(check(asked)))
