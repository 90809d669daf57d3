"""Sends a known amount of telemetry with OpenTelemetry's Python SDK and prints what was sent, as JSON.

Each protocol gets `--count` items: two fifths spans, two fifths log records, one fifth metric points. Values follow
from the index `i`, so that a query can check counts and sums exactly; `service.name` keeps protocols apart. The exit
status is 1 if any batch was refused.

    target/otlp-venv/bin/python tests/otlp/send.py --grpc http://127.0.0.1:4317 --http http://127.0.0.1:4318
"""

import argparse
import json
import sys
import threading
import time

from opentelemetry._logs import SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc import _log_exporter as grpc_logs
from opentelemetry.exporter.otlp.proto.grpc import metric_exporter as grpc_metrics
from opentelemetry.exporter.otlp.proto.grpc import trace_exporter as grpc_traces
from opentelemetry.exporter.otlp.proto.http import Compression as HttpCompression
from opentelemetry.exporter.otlp.proto.http import _log_exporter as http_logs
from opentelemetry.exporter.otlp.proto.http import metric_exporter as http_metrics
from opentelemetry.exporter.otlp.proto.http import trace_exporter as http_traces
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import Counter, MeterProvider
from opentelemetry.sdk.metrics import _Gauge as Gauge
from opentelemetry.sdk.metrics.export import AggregationTemporality, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode

# Items of one request: with these attributes well under gRPC's 4 MiB.
BATCH = 2048
FLUSH_TIMEOUT_MS = 120_000


class Checked:
    """Counts the batches that an exporter does not report as exported; the SDK itself only logs them."""

    failed = 0

    def __init__(self, exporter):
        self._exporter = exporter
        self._lock = threading.Lock()

    def export(self, batch, *args, **kwargs):
        result = self._exporter.export(batch, *args, **kwargs)
        if result.name != "SUCCESS":
            with self._lock:
                Checked.failed += 1
        return result

    def __getattr__(self, name):
        return getattr(self._exporter, name)


def exporters(protocol, endpoint, compression, key):
    """The span, log and metric exporter of a protocol."""
    delta = {Counter: AggregationTemporality.DELTA}
    headers = {"authorization": f"Bearer {key}"} if key else {}
    metrics = {"preferred_temporality": delta, "max_export_batch_size": BATCH}
    if protocol == "grpc":
        from grpc import Compression as GrpcCompression

        common = {
            "endpoint": endpoint,
            "insecure": True,
            "headers": headers,
            "compression": GrpcCompression.Gzip if compression == "gzip" else GrpcCompression.NoCompression,
        }
        return (
            grpc_traces.OTLPSpanExporter(**common),
            grpc_logs.OTLPLogExporter(**common),
            grpc_metrics.OTLPMetricExporter(**common, **metrics),
        )
    common = {
        "headers": headers,
        "compression": HttpCompression.Gzip if compression == "gzip" else HttpCompression.NoCompression,
    }
    return (
        http_traces.OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces", **common),
        http_logs.OTLPLogExporter(endpoint=f"{endpoint}/v1/logs", **common),
        http_metrics.OTLPMetricExporter(endpoint=f"{endpoint}/v1/metrics", **common, **metrics),
    )


def attributes(i):
    return {"i": i, "f": i / 4, "b": i % 2 == 0, "text": f"item-{i}", "list": [i, i + 1]}


def send_spans(resource, exporter, count, base):
    provider = TracerProvider(resource=resource)
    processor = BatchSpanProcessor(Checked(exporter), max_queue_size=max(count, BATCH) + 1, max_export_batch_size=BATCH)
    provider.add_span_processor(processor)
    tracer = provider.get_tracer("nines.send", "1.0.0")
    for i in range(count):
        start = base + i * 1000
        span = tracer.start_span(f"span-{i % 10}", kind=SpanKind.SERVER, attributes=attributes(i), start_time=start)
        if i % 10 == 0:
            span.set_status(Status(StatusCode.ERROR, "every tenth"))
        span.end(end_time=start + 1000 + i)
    provider.force_flush(FLUSH_TIMEOUT_MS)
    provider.shutdown()
    return {
        "count": count,
        "sum_i": sum(range(count)),
        "sum_f": sum(i / 4 for i in range(count)),
        "sum_duration_ns": sum(1000 + i for i in range(count)),
        "errors": len(range(0, count, 10)),
    }


def send_logs(resource, exporter, count, base):
    provider = LoggerProvider(resource=resource)
    processor = BatchLogRecordProcessor(Checked(exporter), max_queue_size=max(count, BATCH) + 1, max_export_batch_size=BATCH)
    provider.add_log_record_processor(processor)
    logger = provider.get_logger("nines.send", "1.0.0")
    for i in range(count):
        logger.emit(
            timestamp=base + i * 1000,
            severity_number=SeverityNumber.WARN if i % 10 == 0 else SeverityNumber.INFO,
            severity_text="WARN" if i % 10 == 0 else "INFO",
            body=f"log {i}",
            attributes=attributes(i),
        )
    provider.force_flush(FLUSH_TIMEOUT_MS)
    provider.shutdown()
    return {
        "count": count,
        "sum_i": sum(range(count)),
        "sum_f": sum(i / 4 for i in range(count)),
        "warnings": len(range(0, count, 10)),
    }


def send_points(resource, exporter, count):
    """Half of the points are of an integer counter, the rest of a float gauge; one point for each attribute set."""
    reader = PeriodicExportingMetricReader(
        Checked(exporter),
        export_interval_millis=float("inf"),
        export_timeout_millis=FLUSH_TIMEOUT_MS,
        # Beyond its limit (2000 by default) the SDK would merge points.
        cardinality_limits={Counter: count + 1, Gauge: count + 1},
    )
    provider = MeterProvider(resource=resource, metric_readers=[reader])
    meter = provider.get_meter("nines.send", "1.0.0")
    counter = meter.create_counter("send.int", unit="1")
    gauge = meter.create_gauge("send.float", unit="s")
    integers = count // 2
    floats = count - integers
    for i in range(integers):
        counter.add(i, {"i": i})
    for i in range(floats):
        gauge.set(i + 0.5, {"i": i})
    provider.force_flush(FLUSH_TIMEOUT_MS)
    provider.shutdown()
    return {
        "count": count,
        "sum_i": sum(range(integers)) + sum(range(floats)),
        "sum_value": sum(range(integers)) + sum(i + 0.5 for i in range(floats)),
    }


def send(protocol, endpoint, options):
    service = f"otlp-python-{protocol}{options.suffix}"
    resource = Resource.create({"service.name": service, "test.run": options.run})
    spans, logs, metrics = exporters(protocol, endpoint, options.compression, options.key)
    points = options.count // 5
    started = time.monotonic()
    base = 1_700_000_000_000_000_000 if options.old else time.time_ns() - 60_000_000_000
    sent = {
        "client": "python",
        "protocol": protocol,
        "service": service,
        "run": options.run,
        "spans": send_spans(resource, spans, (options.count - points) // 2, base),
        "logs": send_logs(resource, logs, options.count - points - (options.count - points) // 2, base),
        "points": send_points(resource, metrics, points),
    }
    sent["seconds"] = round(time.monotonic() - started, 3)
    return sent


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--grpc", metavar="URL", help="send by gRPC to this endpoint")
    parser.add_argument("--http", metavar="URL", help="send by HTTP to this endpoint")
    parser.add_argument("--count", type=int, default=100_000, help="items of each protocol (default 100000)")
    parser.add_argument("--compression", choices=["none", "gzip"], default="gzip")
    parser.add_argument("--key", help="ingest key, sent as a bearer token")
    parser.add_argument("--run", default="0", help="value of the resource attribute test.run")
    parser.add_argument("--suffix", default="", help="added to service.name")
    parser.add_argument("--old", action="store_true", help="use fixed times of 2023 instead of the last minute")
    options = parser.parse_args()
    if not options.grpc and not options.http:
        parser.error("nothing to do: give --grpc, --http or both")
    sent = []
    if options.grpc:
        sent.append(send("grpc", options.grpc, options))
    if options.http:
        sent.append(send("http", options.http, options))
    json.dump({"sent": sent, "failed_batches": Checked.failed}, sys.stdout, indent=2)
    print()
    return 1 if Checked.failed else 0


if __name__ == "__main__":
    sys.exit(main())
