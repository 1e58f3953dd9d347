// A service that repeats tokens everywhere: no token of a call is in anything that the package
// returns, throws, tells or logs.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { EntraRisk, type CallOptions } from 'entra-risk';
import { listening } from './listening.js';
import { someIds } from './model.js';
import { thrownBy } from './thrown.js';

const REQUESTS = 120;
// How many earlier tokens the service repeats with that of a request.
const REMEMBERED = 40;
const RUN = 24;
const HEADERS = ['request-id', 'client-request-id', 'date', 'x-ms-ags-diagnostic', 'location', 'server', 'set-cookie', 'etag', 'content-language'];

/** Serves responses that repeat the tokens, with different statuses, while `use` runs. */
async function withEcho(use: (endpoint: string, received: Set<string>) => Promise<void>): Promise<void> {
  const received = new Set<string>();
  let requests = 0;
  const server = createServer((request, response) => {
    request.resume();
    const own = request.headers.authorization?.replace('Bearer ', '') ?? '';
    received.add(own);
    const known = [...received].slice(-REMEMBERED - 1);
    requests += 1;
    // The oldest one, its own, and one between them in the headers; all of them in the body.
    const some = [known[0], own, known[(requests * 7) % known.length]];
    const text = (n: number): string => `${some[n % 3]} "${some[(n + 1) % 3]}"\\${some[(n + 2) % 3]}`;
    for (const [n, name] of HEADERS.entries()) response.setHeader(name, text(n));
    response.statusCode = [204, 404, 204, 400, 204, 422, 204, 409, 204, 410][requests % 10] ?? 204;
    if (requests % 25 === 24) {
      response.statusCode = 429;
      response.setHeader('retry-after', '0');
    }
    if (requests % 25 === 12) {
      response.statusCode = 401;
      const challenge = Buffer.from(JSON.stringify({ access_token: { x: known } })).toString('base64');
      response.setHeader('www-authenticate', `Bearer error="insufficient_claims", error_description="${own}", claims="${challenge}"`);
    }
    response.end(response.statusCode === 204 ? undefined : JSON.stringify({ error: { code: own, message: known.join(' '), innerError: { 'request-id': own } } }));
  });
  await listening(server, async (endpoint) => await use(endpoint, received));
}

function assertWithout(tokens: Set<string>, printed: string): void {
  const runs = new Set([...tokens].flatMap((token) => Array.from({ length: token.length - RUN + 1 }, (_, at) => token.slice(at, at + RUN))));
  for (let at = 0; at + RUN <= printed.length; at += 1) {
    const run = printed.slice(at, at + RUN);
    assert.ok(!runs.has(run), `${run} of a token in: ${printed.slice(Math.max(0, at - 80), at + 80)}`);
  }
}

const OPTIONS: CallOptions = { idsPerRequest: 1, maxInFlight: 4, rateLimit: { requests: 1000, windowSeconds: 1 } };

test('no run of a token is in what is returned, thrown or told', async () => {
  await withEcho(async (endpoint, received) => {
    const printed: unknown[] = [];
    const credential = (): string => `eyJ0eXAi.${randomBytes(60).toString('base64url')}.${randomBytes(40).toString('base64url')}`;
    const risk = new EntraRisk(credential, { endpoint });
    const call = risk.start('dismiss-risky-users', someIds(REQUESTS), { ...OPTIONS, onProgress: (progress) => void printed.push(progress) });
    for await (const batch of call) printed.push(batch);
    const report = call.report();
    printed.push(report, await thrownBy((async () => report.raiseForFailure())()));
    assert.ok(received.size >= REQUESTS, `${received.size} tokens`);
    assert.ok(report.accepted.length > 0 && report.refused.length > 0, String(report));
    const texts = printed.flatMap((value) => [String(value), JSON.stringify(value), inspect(value, { depth: 9, showHidden: true, maxArrayLength: null })]);
    assertWithout(received, texts.join('\n'));
    // The measurement notices a token.
    assert.throws(() => assertWithout(received, `${texts.join('\n')}${[...received][0]?.slice(5, 5 + RUN)}`));
    await risk.close();
  });
});

test('no run of a token is in the log', async () => {
  // The service runs in the process with the log, because that of the tests waits for it.
  const program = `
    import { createHash } from 'node:crypto';
    import { createServer } from 'node:http';
    import { once } from 'node:events';
    import { EntraRisk } from 'entra-risk';
    let known = [], asked = 0, served = 0;
    const server = createServer((request, response) => {
      const own = request.headers.authorization.replace('Bearer ', '');
      known = [...known, own].slice(-${REMEMBERED + 1});
      for (const name of ${JSON.stringify(HEADERS)}) response.setHeader(name, own + ' ' + known[0]);
      served += 1;
      response.statusCode = served === 3 ? 503 : served === 9 ? 429 : [204, 404, 204, 400][served % 4];
      response.setHeader('retry-after', '0');
      response.end(response.statusCode === 204 ? undefined : JSON.stringify({ error: { code: own, message: known.join(' ') } }));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const credential = () => createHash('sha512').update(String(asked += 1)).digest('hex');
    const risk = new EntraRisk(credential, { endpoint: 'http://127.0.0.1:' + server.address().port });
    const options = ${JSON.stringify({ ...OPTIONS, deadlineSeconds: 25, attemptTimeoutSeconds: 5 })};
    const report = await risk.dismissRiskyUsers(${JSON.stringify(someIds(40))}, options);
    console.log(JSON.stringify(report), String(report), report);
    server.closeAllConnections();
    server.close();
    console.log(asked);`;
  const env = { ...process.env, NODE_DEBUG: 'entra-risk' };
  const cwd = new URL('.', import.meta.url);
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { cwd, env, encoding: 'utf8', timeout: 60_000 });
  const asked = Number(stdout.trimEnd().split('\n').at(-1));
  assert.ok(asked >= 40, stderr);
  assert.match(stderr, /dismiss-risky-users: \d+ ids accepted, \d+ refused/);
  const { createHash } = await import('node:crypto');
  const tokens = Array.from({ length: asked }, (_, n) => createHash('sha512').update(String(n + 1)).digest('hex'));
  assertWithout(new Set(tokens), stdout + stderr);
});
