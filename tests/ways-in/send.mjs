// Sends logs with the clients that people use, and tells what it sent, as JSON on standard output.
//
// @elastic/elasticsearch: handshake, the bulk helper, items that must fail. winston-loki: Loki's push API as protobuf in
// snappy, and as JSON. cloudevents: structured, batched and binary.
import { parseArgs } from 'node:util';
import { Client } from '@elastic/elasticsearch';
import { CloudEvent, HTTP } from 'cloudevents';
import winston from 'winston';
import LokiTransport from 'winston-loki';

const { values } = parseArgs({
  options: { url: { type: 'string' }, key: { type: 'string' }, count: { type: 'string', default: '10000' } },
});
const { url, key } = values;
const count = Number(values.count);
const sum = (n) => (n * (n - 1)) / 2;
const assert = (condition, what) => {
  if (!condition) throw new Error(what);
};

async function elastic() {
  const service = '@elastic/elasticsearch';
  const client = new Client({ node: `${url}/elastic`, auth: { apiKey: key }, compression: true });
  const info = await client.info();
  assert(info.tagline === 'You Know, for Search', 'the handshake');
  const documents = Array.from({ length: count }, (_, i) => ({
    '@timestamp': new Date(1795249800000 + i).toISOString(),
    message: `order ${i} paid "quoted" 中文 😀`,
    level: i % 10 === 0 ? 'warn' : 'info',
    service,
    i,
    f: i / 4,
    odd: i % 2 === 1,
  }));
  const result = await client.helpers.bulk({
    datasource: documents,
    onDocument: () => ({ create: { _index: 'logs-shop-default' } }),
    onDrop: (dropped) => assert(false, `dropped ${JSON.stringify(dropped)}`),
    flushBytes: 200_000,
  });
  assert(result.successful === count && result.failed === 0, JSON.stringify(result));
  const answer = await client.bulk({
    operations: [{ delete: { _index: 'orders', _id: '1' } }, { index: { _index: 'orders' } }, { service: `${service}-item`, message: 'one', i: 0 }],
  });
  assert(answer.errors && answer.items[0].delete.status === 400 && answer.items[1].index.status === 201, JSON.stringify(answer));
  return [
    {
      service,
      count,
      sum_i: sum(count),
      sum_f: sum(count) / 4,
      odd: Math.floor(count / 2),
      warnings: Math.ceil(count / 10),
      last: `order ${count - 1} paid "quoted" 中文 😀`,
    },
    { service: `${service}-item`, count: 1, last: 'one' },
  ];
}

async function loki(service, json) {
  const total = 2000;
  const errors = [];
  const transport = new LokiTransport({
    host: url,
    json,
    basicAuth: `any:${key}`,
    labels: { service_name: service },
    interval: 1,
    batching: true,
    replaceTimestamp: false,
    useWinstonMetaAsLabels: false,
    format: winston.format.printf(({ message }) => String(message)),
    onConnectionError: (error) => errors.push(String(error)),
  });
  const logger = winston.createLogger({ level: 'info', transports: [transport] });
  for (let i = 0; i < total; i += 1) logger.log({ level: i % 10 === 0 ? 'warn' : 'info', message: `order ${i} 中文` });
  await transport.flush();
  assert(errors.length === 0, errors.join());
  logger.close();
  return [{ service, count: total, warnings: total / 10, last: `order ${total - 1} 中文` }];
}

async function cloudevents() {
  const event = (mode, i) =>
    new CloudEvent({ source: '/orders', type: `order.${mode}`, id: `${mode}-${i}`, time: new Date(1795249800000 + i).toISOString(), data: { i, mode } });
  const send = async (message) => {
    const headers = { ...message.headers, authorization: `Bearer ${key}` };
    const answer = await fetch(`${url}/v1/cloudevents`, { method: 'POST', headers, body: message.body });
    assert(answer.status === 204, `${answer.status} ${await answer.text()}`);
  };
  for (let i = 0; i < 50; i += 1) {
    await send(HTTP.binary(event('binary', i)));
    await send(HTTP.structured(event('structured', i)));
  }
  const batch = Array.from({ length: 50 }, (_, i) => event('batch', i).toJSON());
  await send({ headers: { 'content-type': 'application/cloudevents-batch+json' }, body: JSON.stringify(batch) });
  return ['binary', 'structured', 'batch'].map((mode) => ({ event: `order.${mode}`, count: 50, data_i: sum(50) }));
}

const sent = [...(await elastic()), ...(await loki('winston-loki-protobuf', false)), ...(await loki('winston-loki-json', true)), ...(await cloudevents())];
console.log(JSON.stringify({ sent }));
process.exit(0);
