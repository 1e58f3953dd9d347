// Texts of responses and arguments in what is printed.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { EntraRisk, type CallOptions } from 'entra-risk';
import { listening } from './listening.js';
import { PRESENT } from './model.js';
import { thrownBy } from './thrown.js';

const UNSAFE = '\x1b[31m\r\n\t\0\x7f\x85\x9b\u200e\u202e\u2066\u2028\u2029\ufeff\u{e0041}';
const NOT_PRINTABLE = /[\0-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\u{e0000}-\u{e0fff}\ud800-\udfff]/u;

test('what a response says is one line of printable text', async () => {
  const server = createServer((_, response) => {
    response.writeHead(404, { 'request-id': 'a\tb\x85c', 'content-type': 'application/json' });
    response.end(JSON.stringify({ error: { code: `code${UNSAFE}`, message: `message${UNSAFE}end, Ünïcode 日本語 👩🏽` } }));
  });
  await listening(server, async (endpoint) => {
    const risk = new EntraRisk('token', { endpoint });
    const report = await risk.dismissRiskyUsers([PRESENT]);
    const [batch] = report.batches;
    const { code = '', message = '', requestId = '' } = batch?.error?.response ?? {};
    const error = (await thrownBy((async () => report.raiseForFailure())())) as Error;
    for (const text of [code, message, requestId, batch?.error?.message ?? '', String(report), error.message]) assert.doesNotMatch(text, NOT_PRINTABLE);
    assert.match(message, /^message\ufffd\[31m .*end, Ünïcode 日本語 👩🏽$/);
    await risk.close();
  });
});

test('what an argument contains is printable in the message', async () => {
  const risk = new EntraRisk('token', { endpoint: 'http://127.0.0.1:9' });
  const wrong: [unknown, unknown][] = [
    [[PRESENT], { [`x${UNSAFE}`]: 1 }],
    [[PRESENT], { tenant: `x${UNSAFE}` }],
    [[PRESENT], { tenant: '\ufffd\ud800' }],
    [[PRESENT], { apiVersion: `x${UNSAFE}` }],
    [[PRESENT], { maxAttempts: Symbol(UNSAFE) }],
    [[PRESENT, `x${UNSAFE}`], {}],
  ];
  for (const [ids, options] of wrong) {
    const { message } = (await thrownBy(risk.dismissRiskyUsers(ids as string[], options as CallOptions))) as Error;
    assert.doesNotMatch(message, NOT_PRINTABLE);
    assert.match(message, /\ufffd|symbol|Symbol/);
    assert.ok(message.length < 400, message);
  }
  const start = (): unknown => risk.start(`x${UNSAFE}` as 'dismiss-risky-users', []);
  assert.throws(start, (error: Error) => !NOT_PRINTABLE.test(error.message) && error.message.startsWith("unknown action 'x"));
});

test('what an exception is called is printable', async () => {
  const thrown = Object.defineProperty(new Error('x'), 'name', { value: `Evil${UNSAFE}${'x'.repeat(9999)}` });
  const credential = (): never => {
    throw thrown;
  };
  const error = (await thrownBy(new EntraRisk(credential, { endpoint: 'http://127.0.0.1:9' }).dismissRiskyUsers([PRESENT]))) as Error;
  assert.doesNotMatch(error.message, NOT_PRINTABLE);
  assert.ok(error.message.startsWith('Evil\ufffd[31m') && error.message.length < 600, error.message);
});
