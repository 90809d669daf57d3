"""Sends logs with the clients that people use, and tells what it sent, as JSON on standard output.

elasticsearch-py: handshake, bulk with and without gzip, single documents, items that must fail.
python-logging-loki: Loki's push API in JSON. splunk-handler: Splunk's HTTP Event Collector.
"""
import argparse
import json
import logging
import sys
import time

P = argparse.ArgumentParser()
P.add_argument("--url", required=True, help="of the node's web listener")
P.add_argument("--key", required=True)
P.add_argument("--count", type=int, default=10_000)
A = P.parse_args()
START_NS = 1_795_249_800_000_000_000  # 2026-11-21T08:30:00Z


def document(client, i):
    return {
        "@timestamp": f"2026-11-21T08:{30 + i // 60000:02d}:{i // 1000 % 60:02d}.{i % 1000:03d}Z",
        "message": f'order {i} paid "quoted" \u4e2d\u6587 \U0001f600',
        "log": {"level": "WARN" if i % 10 == 0 else "info"},
        "service": {"name": client},
        "trace": {"id": f"{i + 1:032x}"},
        "i": i,
        "f": i / 4,
        "odd": i % 2 == 1,
        "tags": ["a", i],
    }


def totals(client, count):
    return {
        "service": client,
        "count": count,
        "sum_i": sum(range(count)),
        "sum_f": sum(i / 4 for i in range(count)),
        "odd": count // 2,
        "warnings": (count + 9) // 10,
        "last": f'order {count - 1} paid "quoted" \u4e2d\u6587 \U0001f600',
    }


def elastic():
    from elasticsearch import Elasticsearch, helpers

    sent = []
    for name, options in [
        ("elasticsearch-py-gzip", {"http_compress": True, "basic_auth": ("elastic", A.key)}),
        ("elasticsearch-py-apikey", {"http_compress": False, "api_key": ("an-id", A.key)}),
    ]:
        client = Elasticsearch(f"{A.url}/elastic", **options)
        assert client.info()["version"]["number"].startswith("9."), "the handshake"
        assert client.cluster.health()["status"] == "green"
        assert client.license.get()["license"]["status"] == "active"
        client.indices.put_index_template(name="logs", index_patterns=["logs-*"], template={"settings": {}})
        actions = ({"_op_type": "create", "_index": "logs-shop-default", **document(name, i)} for i in range(A.count))
        succeeded, errors = helpers.bulk(client, actions, chunk_size=2000)
        assert (succeeded, errors) == (A.count, []), (succeeded, errors)
        sent.append(totals(name, A.count))

    name = "elasticsearch-py-items"
    operations = []
    for i in range(10):
        operations += [{"index": {"_index": "orders", "_id": f"id-{i}"}}, document(name, i)]
    operations += [{"update": {"_index": "orders", "_id": "id-1"}}, {"doc": {"a": 1}}]
    operations += [{"delete": {"_index": "orders", "_id": "id-1"}}]
    answer = client.bulk(operations=operations)
    assert answer["errors"] is True
    statuses = [next(iter(item.values()))["status"] for item in answer["items"]]
    assert statuses == [201] * 10 + [400, 400], statuses
    assert answer["items"][3]["index"]["_id"] == "id-3"
    sent.append(totals(name, 10))

    name = "elasticsearch-py-single"
    for i in range(5):
        assert client.index(index="orders", document=document(name, i))["result"] == "created"
    sent.append(totals(name, 5))
    return sent


def loki():
    import logging_loki

    logging_loki.emitter.LokiEmitter.level_tag = "level"
    handler = logging_loki.LokiHandler(
        url=f"{A.url}/loki/api/v1/push", tags={"service_name": "python-logging-loki"}, auth=("any", A.key), version="1"
    )
    # A handler hides its errors; this one must not.
    handler.handleError = lambda record: sys.exit(f"loki: {sys.exc_info()[1]}")
    logger = logging.getLogger("loki")
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    for i in range(200):
        level = logging.WARNING if i % 10 == 0 else logging.INFO
        logger.log(level, "order %d", i, extra={"tags": {"i": str(i)}})
    return [{"service": "python-logging-loki", "count": 200, "warnings": 20, "last": "order 199", "text_i": sum(range(200))}]


def splunk():
    import splunk_handler

    host = A.url.split("//")[1]
    handler = splunk_handler.SplunkHandler(
        host=host.split(":")[0], port=host.split(":")[1], token=A.key, index="main", protocol="http",
        source="splunk-handler", sourcetype="json", flush_interval=1.0, verify=False, allow_overrides=True,
    )
    logger = logging.getLogger("splunk")
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    for i in range(1000):
        logger.info(json.dumps({"service": "splunk-handler", "message": f"order {i}", "i": i}))
    splunk_handler.force_flush()
    time.sleep(0.1)
    return [{"service": None, "source": "splunk-handler", "count": 1000}]


print(json.dumps({"sent": elastic() + loki() + splunk()}))
