// What the command is made of: folders and files, the lock, `GRAPH_TOKEN`, and where a token may go.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { part } from './part.js';

const { foldersOf, argumentsForComponent } = await part('command/folders');
const { lock } = await part('command/lock');
const { graphToken, notPermitted } = await part('command/graph-token');

const GRAPH = 'https://graph.microsoft.com';
const file = (argument: number, path: string, access = 'read'): object => ({ argument, path, access });

test('each folder is opened once, and for writing only where something is written', () => {
  const lists = tmpdir();
  const files = [file(0, 'a.csv'), file(1, './b.txt', 'write'), file(2, `${lists}/c.csv`), file(3, '/d'), file(4, `${lists}/e`), file(5, '../f')];
  assert.deepEqual(foldersOf(files), [
    { path: process.cwd(), name: '.', isWritable: true },
    { path: lists, name: lists, isWritable: false },
    { path: '/', name: '/', isWritable: false },
    { path: join(process.cwd(), '..'), name: '..', isWritable: false },
  ]);
});

test('Windows paths are mapped', () => {
  // The rules of Windows, which nothing here was run on.
  const files = [file(1, 'C:\\data\\a.csv'), file(2, 'C:\\b.csv'), file(3, 'C:\\data\\logs\\c.jsonl', 'write')];
  const args = ['dismiss-risky-users', '--file=C:\\data\\a.csv', 'C:\\b.csv', 'C:\\data\\logs\\c.jsonl', 'a\\b'];
  assert.deepEqual(foldersOf(files, 'win32'), [
    { path: 'C:\\data', name: 'C:/data', isWritable: false },
    { path: 'C:\\', name: 'C:', isWritable: false },
    { path: 'C:\\data\\logs', name: 'C:/data/logs', isWritable: true },
  ]);
  const spelled = ['dismiss-risky-users', '--file=C:/data/a.csv', 'C:/b.csv', 'C:/data/logs/c.jsonl', 'a\\b'];
  assert.deepEqual(argumentsForComponent(args, files, 'win32'), spelled);
});

test('one run has the lock, and leaves nothing', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'entra-risk-lock-'));
  assert.equal(await lock(join(folder, 'left.txt')), true);
  assert.equal(await lock(join(folder, '.', 'left.txt')), false);
  assert.equal(await lock(join(folder, 'other.txt')), true);
  assert.deepEqual(readdirSync(folder), []);
  rmSync(folder, { recursive: true });
});

/** Appends 5,000 lines to a file, together with another thread. */
const APPEND = `
  const { workerData: { module, folder, name, ready } } = require('node:worker_threads');
  import(module).then(({ Descriptor }) => {
    const file = Descriptor.ofFolder(folder, true).openAt({}, 'log.jsonl', { create: true }, { read: true, write: true });
    const stream = file.appendViaStream();
    Atomics.add(ready, 0, 1);
    while (Atomics.load(ready, 0) < 2);
    for (let n = 0; n < 5000; n += 1) stream.write(Buffer.from(name + n + '\\n'));
    file[Symbol.dispose]();
  });`;

test('two runs append to one log', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'entra-risk-log-'));
  const module = new URL('command/wasi-filesystem.js', import.meta.resolve('entra-risk')).href;
  const ready = new Int32Array(new SharedArrayBuffer(4));
  const runs = ['a', 'b'].map((name) => new Worker(APPEND, { eval: true, workerData: { module, folder, name, ready } }));
  await Promise.all(runs.map((run) => once(run, 'exit')));
  const expected = ['a', 'b'].flatMap((name) => Array.from({ length: 5000 }, (_, n) => `${name}${n}`));
  assert.deepEqual(readFileSync(join(folder, 'log.jsonl'), 'utf8').trimEnd().split('\n').sort(), expected.sort());
  rmSync(folder, { recursive: true });
});

test('what is copied with a token is removed', () => {
  const values = [' canary-3e9d\n', '"canary-3e9d"', 'Bearer canary-3e9d', '"bearer  canary-3e9d" ', 'canary\r\n -3e9d'];
  for (const value of [...values, '{"accessToken": "canary-3e9d"}', '{"Token":"canary-3e9d","TenantId":"t"}']) {
    assert.equal(graphToken(value, GRAPH, false), 'canary-3e9d', value);
  }
});

test('what is no token is named, and not repeated', () => {
  const values: [string, boolean, RegExp][] = [
    ['""', false, /^GRAPH_TOKEN is not set: set it to an access token for https:\/\/graph\.microsoft\.com$/],
    ['System.Security.SecureString', false, /ConvertFrom-SecureString/],
    ['{"canary":1}', false, /JSON without a token/],
    ['canary', true, /fresh access token/],
  ];
  for (const [value, isRejected, message] of values) {
    const { reason } = graphToken(value, GRAPH, isRejected);
    assert.match(reason, message);
    assert.doesNotMatch(reason, /canary/);
  }
});

test('a token goes to Microsoft Graph, and to what is listed', () => {
  const listed = 'https://A.test:443/, http://LocalHost:80\thttp://127.0.0.1:8000\n https://b.test:8443';
  process.env['ENTRA_RISK_ALLOWED_ENDPOINTS'] = listed;
  for (const endpoint of [GRAPH, 'https://a.test', 'http://localhost', 'http://127.0.0.1:8000', 'https://b.test:8443']) {
    assert.equal(notPermitted(endpoint, GRAPH), undefined, endpoint);
  }
  for (const endpoint of ['', 'https://graph.microsoft.us', 'http://graph.microsoft.com', 'http://b.test', 'https://c.b.test', 'https://b.test']) {
    assert.match(notPermitted(endpoint, GRAPH).reason, /^ENTRA_RISK_ALLOWED_ENDPOINTS does not list /);
  }
  for (const entry of ['https://user:canary@a.test', 'http://a.test', 'a.test', 'https://a.test/path', 'https://*.test', 'https://a.test:443:443']) {
    process.env['ENTRA_RISK_ALLOWED_ENDPOINTS'] = `https://b.test,${entry}`;
    const { reason } = notPermitted('https://b.test', GRAPH);
    assert.match(reason, /contains an address that is not valid/);
    assert.doesNotMatch(reason, /canary/);
    assert.equal(notPermitted(GRAPH, GRAPH), undefined, 'a cloud needs no list');
  }
});
