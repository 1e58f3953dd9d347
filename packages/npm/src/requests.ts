// The thread that sends the requests of one instance of the plugin. A request that the plugin drops
// ends with its connection.
import { Agent as HttpAgent, request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { parentPort, workerData } from 'node:worker_threads';
import type { Failure, RequestMessage, RequestsSetup, ResponseMessage } from './exchange.js';
import { httpsAgent, neverSent } from './network.js';

// How much of a response the plugin reads, and of a page the reader.
const MAX_BODY_BYTES = 65_536;
const MAX_PAGE_BYTES = 8 << 20;
// How many 1xx responses a request may have. A service sends one or two; a flood costs time to
// parse.
const MAX_INFORMATIONAL = 100;

const { responses, arrived } = workerData as RequestsSetup;
const counter = new Int32Array(arrived);
// `http` is for loopback only, which needs no proxy.
const agents = { http: new HttpAgent({ keepAlive: true }), https: httpsAgent() };
// The requests that the plugin has not dropped.
const requests = new Map<number, State>();

interface State {
  readonly request: ClientRequest;
  response?: IncomingMessage;
}

parentPort?.on('message', (message: RequestMessage) => {
  if (message.kind === 'abandon') return abandon(message.id);
  try {
    send(message);
  } catch (error) {
    post({ id: message.id, kind: 'failed', failure: { tag: 'internal-error', val: String(error) } });
  }
});
parentPort?.postMessage('ready');

function send({ id, method, isHttps, authority, path, headers, body }: Extract<RequestMessage, { kind: 'send' }>): void {
  const { hostname, port } = new URL(`http${isHttps ? 's' : ''}://${authority}`);
  const host = hostname.replace(/^\[|\]$/g, '');
  const options = { method, host, path, ...(port === '' ? {} : { port }) };
  const request = isHttps ? httpsRequest({ agent: agents.https, ...options }) : httpRequest({ agent: agents.http, ...options });
  const state: State = { request };
  requests.set(id, state);
  let isOver = false;
  const end = (message: ResponseMessage): void => {
    if (!isOver && requests.has(id)) post(message);
    isOver = true;
  };
  const fail = (error: unknown): void => {
    if (isOver || state.response !== undefined) return; // The response tells how it ends.
    const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
    const unsent = first === undefined ? undefined : neverSent(first as NodeJS.ErrnoException, host);
    if (unsent?.status === undefined) return end({ id, kind: 'failed', advice: unsent?.advice, failure: unsent?.failure ?? failureOf(first) });
    if (requests.has(id)) post({ id, kind: 'head', status: unsent.status, headers: [] });
    end({ id, kind: 'end', advice: unsent.advice });
  };
  let informational = 0;
  const count = (): void => {
    informational += 1;
    if (informational > MAX_INFORMATIONAL) request.destroy(new Error('too many informational responses'));
  };
  request.on('continue', count);
  request.on('information', count);
  request.on('error', fail);
  request.on('close', () => fail(undefined));
  request.on('response', (response) => {
    state.response = response;
    post({ id, kind: 'head', status: response.statusCode ?? 0, headers: headersOf(response) });
    const mostBytes = method === 'GET' ? MAX_PAGE_BYTES : MAX_BODY_BYTES;
    let received = 0;
    response.on('data', (bytes: Buffer) => {
      received += bytes.length;
      post({ id, kind: 'data', bytes });
      if (received > mostBytes) response.pause(); // It is dropped.
    });
    response.on('end', () => end({ id, kind: 'end' }));
    const breakOff = (): void => end({ id, kind: 'failed', failure: { tag: 'connection-terminated' } });
    response.on('error', breakOff);
    response.on('close', breakOff);
  });
  for (const [name, value] of headers) request.appendHeader(name, value);
  request.end(body);
}

// Gives up a request. After a complete exchange, the next request uses its connection.
function abandon(id: number): void {
  const state = requests.get(id);
  if (state === undefined) return;
  requests.delete(id);
  const { request, response } = state;
  if (response?.complete === true && request.writableFinished) response.resume();
  else request.destroy();
}

function post(message: ResponseMessage): void {
  responses.postMessage(message);
  Atomics.add(counter, 0, 1);
  Atomics.notify(counter, 0);
}

function headersOf({ headers }: IncomingMessage): [string, string][] {
  return Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)] as [string, string]]));
}

// What became of a request that may have been sent. Without an error, its connection was closed.
function failureOf(error: unknown): Failure {
  if (error === undefined) return { tag: 'connection-terminated' };
  if ((error as NodeJS.ErrnoException).code === 'ECONNRESET') return { tag: 'HTTP-protocol-error' };
  return { tag: 'internal-error', val: String(error) };
}
