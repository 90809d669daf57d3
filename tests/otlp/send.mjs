// Sends a known amount of telemetry with OpenTelemetry's Node SDK and prints what was sent, as JSON.
//
// The same items and sums as send.py, by three protocols: gRPC, HTTP with protobuf and HTTP with JSON. The exit status
// is 1 if any batch was refused.
//
//   node tests/otlp/send.mjs --grpc http://127.0.0.1:4317 --http http://127.0.0.1:4318

import { parseArgs } from 'node:util';
import { Metadata, credentials } from '@grpc/grpc-js';
import { ROOT_CONTEXT, SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { SeverityNumber } from '@opentelemetry/api-logs';
import { OTLPLogExporter as GrpcLogs } from '@opentelemetry/exporter-logs-otlp-grpc';
import { OTLPLogExporter as JsonLogs } from '@opentelemetry/exporter-logs-otlp-http';
import { OTLPLogExporter as ProtoLogs } from '@opentelemetry/exporter-logs-otlp-proto';
import { OTLPMetricExporter as GrpcMetrics } from '@opentelemetry/exporter-metrics-otlp-grpc';
import {
  AggregationTemporalityPreference,
  OTLPMetricExporter as JsonMetrics,
} from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPMetricExporter as ProtoMetrics } from '@opentelemetry/exporter-metrics-otlp-proto';
import { OTLPTraceExporter as GrpcTraces } from '@opentelemetry/exporter-trace-otlp-grpc';
import { OTLPTraceExporter as JsonTraces } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtoTraces } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchLogRecordProcessor, LoggerProvider } from '@opentelemetry/sdk-logs';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';

// Items of one request: with these attributes well under gRPC's 4 MiB.
const BATCH = 2048;
const FLUSH_TIMEOUT_MS = 120_000;
// The SDK collects by itself after this; here only the flush at the end does.
const NEVER_MS = 2 ** 31 - 1;

const { values: options } = parseArgs({
  options: {
    grpc: { type: 'string' },
    http: { type: 'string' },
    count: { type: 'string', default: '100000' },
    compression: { type: 'string', default: 'gzip' },
    key: { type: 'string' },
    run: { type: 'string', default: '0' },
    suffix: { type: 'string', default: '' },
    old: { type: 'boolean', default: false },
  },
});

let failedBatches = 0;

/** The SDK only logs a batch that is refused; this counts it. */
function checked(exporter) {
  const send = exporter.export.bind(exporter);
  exporter.export = (batch, done) =>
    send(batch, (result) => {
      if (result.code !== 0) {
        failedBatches += 1;
        console.error('batch refused:', result.error?.message ?? result);
      }
      done(result);
    });
  return exporter;
}

function exporters(protocol, endpoint) {
  const { compression, key } = options;
  const temporality = { temporalityPreference: AggregationTemporalityPreference.DELTA };
  if (protocol === 'grpc') {
    const metadata = new Metadata();
    if (key) metadata.set('authorization', `Bearer ${key}`);
    const common = { url: endpoint, credentials: credentials.createInsecure(), metadata, compression };
    return [new GrpcTraces(common), new GrpcLogs(common), new GrpcMetrics({ ...common, ...temporality })];
  }
  const [Traces, Logs, Metrics] =
    protocol === 'http-json' ? [JsonTraces, JsonLogs, JsonMetrics] : [ProtoTraces, ProtoLogs, ProtoMetrics];
  const headers = key ? { authorization: `Bearer ${key}` } : {};
  const at = (path) => ({ url: `${endpoint}/v1/${path}`, headers, compression });
  return [new Traces(at('traces')), new Logs(at('logs')), new Metrics({ ...at('metrics'), ...temporality })];
}

const attributes = (i) => ({ i, f: i / 4, b: i % 2 === 0, text: `item-${i}`, list: [i, i + 1] });

/** Nanoseconds as the SDK's [seconds, nanoseconds]. */
const time = (nanos) => [Number(nanos / 1_000_000_000n), Number(nanos % 1_000_000_000n)];

/** 0 + 1 + … + (count - 1) */
const triangle = (count) => (count * (count - 1)) / 2;

/** One batch at a time, as the processors would over time: a flush of all at once would be many requests in parallel. */
async function inBatches(count, make, flush) {
  for (let i = 0; i < count; i += 1) {
    make(i);
    if ((i + 1) % BATCH === 0) await flush();
  }
  await flush();
}

async function sendSpans(resource, exporter, count, base) {
  const processor = new BatchSpanProcessor(checked(exporter), {
    maxQueueSize: Math.max(count, BATCH) + 1,
    maxExportBatchSize: BATCH,
    exportTimeoutMillis: FLUSH_TIMEOUT_MS,
  });
  const provider = new BasicTracerProvider({ resource, spanProcessors: [processor] });
  const tracer = provider.getTracer('nines.send', '1.0.0');
  const make = (i) => {
    const start = base + BigInt(i) * 1000n;
    const span = tracer.startSpan(
      `span-${i % 10}`,
      { kind: SpanKind.SERVER, attributes: attributes(i), startTime: time(start) },
      ROOT_CONTEXT,
    );
    if (i % 10 === 0) span.setStatus({ code: SpanStatusCode.ERROR, message: 'every tenth' });
    span.end(time(start + 1000n + BigInt(i)));
  };
  await inBatches(count, make, () => provider.forceFlush());
  await provider.shutdown();
  return {
    count,
    sum_i: triangle(count),
    sum_f: triangle(count) / 4,
    sum_duration_ns: 1000 * count + triangle(count),
    errors: Math.ceil(count / 10),
  };
}

async function sendLogs(resource, exporter, count, base) {
  const processor = new BatchLogRecordProcessor({
    exporter: checked(exporter),
    maxQueueSize: Math.max(count, BATCH) + 1,
    maxExportBatchSize: BATCH,
    exportTimeoutMillis: FLUSH_TIMEOUT_MS,
  });
  const provider = new LoggerProvider({ resource, processors: [processor] });
  const logger = provider.getLogger('nines.send', '1.0.0');
  const make = (i) =>
    logger.emit({
      timestamp: time(base + BigInt(i) * 1000n),
      severityNumber: i % 10 === 0 ? SeverityNumber.WARN : SeverityNumber.INFO,
      severityText: i % 10 === 0 ? 'WARN' : 'INFO',
      body: `log ${i}`,
      attributes: attributes(i),
      context: ROOT_CONTEXT,
    });
  await inBatches(count, make, () => provider.forceFlush());
  await provider.shutdown();
  return { count, sum_i: triangle(count), sum_f: triangle(count) / 4, warnings: Math.ceil(count / 10) };
}

/** Half of the points are of an integer counter, the rest of a float gauge; one point for each attribute set. */
async function sendPoints(resource, exporter, count) {
  const reader = new PeriodicExportingMetricReader({
    exporter: checked(exporter),
    exportIntervalMillis: NEVER_MS,
    exportTimeoutMillis: FLUSH_TIMEOUT_MS,
    // Beyond its limit (2000 by default) the SDK would merge points.
    cardinalityLimits: { default: count + 1 },
    maxExportBatchSize: BATCH,
  });
  const provider = new MeterProvider({ resource, readers: [reader] });
  const meter = provider.getMeter('nines.send', '1.0.0');
  const counter = meter.createCounter('send.int', { unit: '1' });
  const gauge = meter.createGauge('send.float', { unit: 's' });
  const integers = Math.floor(count / 2);
  const floats = count - integers;
  for (let i = 0; i < integers; i += 1) counter.add(i, { i });
  for (let i = 0; i < floats; i += 1) gauge.record(i + 0.5, { i });
  await provider.forceFlush();
  await provider.shutdown();
  return {
    count,
    sum_i: triangle(integers) + triangle(floats),
    sum_value: triangle(integers) + triangle(floats) + floats / 2,
  };
}

async function send(protocol, endpoint) {
  const service = `otlp-node-${protocol}${options.suffix}`;
  const resource = resourceFromAttributes({ 'service.name': service, 'test.run': options.run });
  const [traces, logs, metrics] = exporters(protocol, endpoint);
  const count = Number(options.count);
  const points = Math.floor(count / 5);
  const spans = Math.floor((count - points) / 2);
  const base = options.old ? 1_700_000_000_000_000_000n : (BigInt(Date.now()) - 60_000n) * 1_000_000n;
  const started = performance.now();
  const sent = {
    client: 'node',
    protocol,
    service,
    run: options.run,
    spans: await sendSpans(resource, traces, spans, base),
    logs: await sendLogs(resource, logs, count - points - spans, base),
    points: await sendPoints(resource, metrics, points),
  };
  sent.seconds = Math.round(performance.now() - started) / 1000;
  return sent;
}

if (!options.grpc && !options.http) {
  console.error('nothing to do: give --grpc, --http or both');
  process.exit(2);
}
const sent = [];
if (options.grpc) sent.push(await send('grpc', options.grpc));
if (options.http) {
  sent.push(await send('http-protobuf', options.http));
  sent.push(await send('http-json', options.http));
}
console.log(JSON.stringify({ sent, failed_batches: failedBatches }, null, 2));
process.exit(failedBatches > 0 ? 1 : 0);
