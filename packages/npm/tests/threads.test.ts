// Worker threads and tenants.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { EntraRisk, InvalidArgument, type CallOptions, type TokenRequest } from 'entra-risk';
import { ABSENT, FAST, PRESENT, someIds, withModel } from './model.js';
import { errorOf } from './thrown.js';

test('calls of a tenant share one rate limit and lose no id', async () => {
  const parts = Array.from({ length: 16 }, (_, part) => someIds(60, 1 + 60 * part));
  await withModel([], async (model) => {
    const risk = new EntraRisk('token', { endpoint: model.endpoint, rateLimit: { requests: 5, windowSeconds: 1 } });
    const reports = await Promise.all(parts.map((part) => risk.dismissRiskyUsers(part)));
    assert.deepEqual(reports.map(({ accepted }) => accepted), parts);
    assert.deepEqual(model.applied(), parts.flat());
    assert.deepEqual(model.statuses(), Array(16).fill(204));
    const times = model.arrivals().map((arrival) => arrival.at);
    // The rate limit allows the last one after 3 s. With one for each call, the model receives all
    // of them within a second.
    assert.ok(Math.max(...times) - Math.min(...times) > 2);
  });
});

test('tenants run at the same time, in an instance each', async () => {
  let waiting = 0;
  let release = (): void => undefined;
  const together = new Promise<void>((resolve) => (release = resolve));
  const credential = async (): Promise<string> => {
    waiting += 1;
    if (waiting === 4) release();
    await together; // For ever, unless all four calls are in progress.
    return 'token';
  };
  await withModel([], async (model) => {
    const risk = new EntraRisk(credential, { endpoint: model.endpoint, rateLimit: FAST });
    const calls = [1, 2, 3, 4].map((tenant) => risk.dismissRiskyUsers([PRESENT], { tenant: `tenant-${tenant}` }));
    assert.equal((await Promise.all(calls)).length, 4);
  });
});

test('an aborted call does not wait for another call of its tenant, and sends nothing', async () => {
  let leave = (): void => undefined;
  const entered = new Promise<void>((resolve) => (leave = resolve));
  const controller = new AbortController();
  await withModel([], async (model) => {
    const credential = async (): Promise<string> => {
      await entered;
      return 'token';
    };
    const risk = new EntraRisk(credential, { endpoint: model.endpoint });
    const first = risk.dismissRiskyUsers([PRESENT]);
    const second = risk.dismissRiskyUsers([ABSENT, ABSENT.toUpperCase()], { signal: controller.signal });
    const third = risk.dismissRiskyUsers(someIds(1));
    controller.abort();
    const { name, report } = await errorOf(second);
    assert.equal(name, 'AbortError');
    assert.deepEqual(report.batches.map(({ ids, outcome }) => [ids, outcome]), [[[ABSENT], 'not-applied']]);
    leave();
    await first;
    await third;
    assert.deepEqual(model.applied(), [...someIds(1), PRESENT]);
  });
});

test('a thread that fails ends the call in progress, and the next call starts a new one', async () => {
  await withModel(['--latency-ms', '60000'], async (model) => {
    let terminate = (): void => undefined;
    const { postMessage } = Worker.prototype;
    Worker.prototype.postMessage = function (this: Worker, ...message) {
      terminate = () => void this.terminate();
      return postMessage.apply(this, message);
    };
    try {
      const risk = new EntraRisk('token', { endpoint: model.endpoint });
      const report = await risk.dismissRiskyUsers(someIds(120), { onProgress: ({ requests }) => void (requests > 0 && terminate()) });
      assert.deepEqual([report.cause?.kind, report.cause?.message], ['other', 'The plugin ended: the worker thread ended with exit code 1']);
      assert.deepEqual(report.batches.map(({ ids, outcome }) => [ids, outcome]), [[someIds(120), 'unknown']]);
      const next = await risk.dismissRiskyUsers([PRESENT], { deadlineSeconds: 1 });
      assert.equal(next.cause?.kind, 'deadline-exceeded');
    } finally {
      Worker.prototype.postMessage = postMessage;
    }
  });
});

test('idle threads do not keep the process running', async () => {
  await withModel([], async (model) => {
    const program = `
      import { EntraRisk } from 'entra-risk';
      const risk = new EntraRisk('token', { endpoint: '${model.endpoint}' });
      await risk.dismissRiskyUsers(['${PRESENT}']);
      console.log('done');`;
    const options = { cwd: new URL('.', import.meta.url), timeout: 30_000 };
    const { status, stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', program], options);
    assert.deepEqual([status, String(stdout)], [0, 'done\n']);
  });
});

test('close ends the threads after the calls in progress, and later calls start new ones', async () => {
  await withModel([], async (model) => {
    const risk = new EntraRisk('token', { endpoint: model.endpoint, rateLimit: FAST });
    const before = threads();
    const calls = [risk.dismissRiskyUsers([PRESENT]), risk.dismissRiskyUsers([PRESENT], { tenant: 'another' })];
    await risk.close();
    assert.deepEqual((await Promise.all(calls)).map(({ accepted }) => accepted), [[PRESENT], [PRESENT]]);
    assert.ok(threads() <= before, `${threads()} threads instead of ${before}`);
    await risk.dismissRiskyUsers([PRESENT]);
    assert.ok(threads() > before);
    await risk.close();
  });
});

test('the threads of the tenants used least recently end', async () => {
  await withModel([], async (model) => {
    const before = threads();
    const risk = new EntraRisk('token', { endpoint: model.endpoint, maxInstances: 2 });
    for (const tenant of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) await risk.dismissRiskyUsers([PRESENT], { tenant });
    // Two threads each; those of the one before may be about to end.
    assert.ok(threads() - before <= 6, `${threads() - before} threads`);
    await risk.close();
    assert.ok(threads() <= before + 2, `${threads()} threads instead of ${before}`);
  });
});

test('wrong arguments start no thread', async () => {
  const risk = new EntraRisk('token', { endpoint: 'http://127.0.0.1:9' });
  const before = threads();
  const wrong: [string[], CallOptions][] = [
    [[PRESENT], { tenant: '' }],
    [[PRESENT], { tenant: 'x'.repeat(257) }],
    [[PRESENT], { tenant: 'a b' }],
    [['no-guid'], { tenant: 'contoso' }],
    [['00000000-0000-0000-0000-000000000000'], {}],
    [[PRESENT], { maxAttempts: 11 }],
    [[PRESENT], { idsPerRequest: 61 }],
    [[PRESENT], { rateLimit: { requests: 100_001, windowSeconds: 1 } }],
  ];
  for (let tenant = 0; tenant < 40; tenant += 1) wrong.push([[PRESENT], { tenant: `tenant ${tenant}` }]);
  for (const [ids, options] of wrong) await assert.rejects(risk.dismissRiskyUsers(ids, options), InvalidArgument);
  await assert.rejects(new EntraRisk('token', { endpoint: 'http://example.com' }).dismissRiskyUsers([PRESENT]), InvalidArgument);
  assert.ok(threads() <= before, `${threads() - before} more threads`);
});

test('40 tenants one after another keep eight instances', async () => {
  await withModel([], async (model) => {
    const before = threads();
    const risk = new EntraRisk('token', { endpoint: model.endpoint });
    for (let tenant = 0; tenant < 40; tenant += 1) {
      (await risk.dismissRiskyUsers([PRESENT], { tenant: `tenant-${tenant}` })).raiseForFailure();
    }
    // Two threads each; those of the one before may be about to end.
    assert.ok(threads() - before <= 18, `${threads() - before} threads`);
    await risk.close();
  });
});

test('a tenant that was used last keeps its rate-limit state', async () => {
  await withModel([], async (model) => {
    const rateLimit = { requests: 1, windowSeconds: 2 };
    const risk = new EntraRisk('token', { endpoint: model.endpoint, maxInstances: 2, rateLimit });
    for (const tenant of ['a', 'b', 'a', 'c', 'a']) await risk.dismissRiskyUsers([PRESENT], { tenant });
    const [first, , second, , third] = model.arrivals().map(({ at }) => at) as [number, number, number, number, number];
    assert.ok(second - first > 1 && third - second > 1, `${second - first} s, ${third - second} s`);
  });
});

test('a tenant with a call keeps its instance', async () => {
  let leave = (): void => undefined;
  const entered = new Promise<void>((resolve) => (leave = resolve));
  let asked = 0;
  await withModel([], async (model) => {
    const credential = async ({ tenant }: TokenRequest): Promise<string> => {
      if (tenant !== 'slow') return 'token';
      asked += 1;
      await entered;
      return 'token';
    };
    const risk = new EntraRisk(credential, { endpoint: model.endpoint, maxInstances: 1 });
    const slow = [risk.dismissRiskyUsers([PRESENT], { tenant: 'slow' })];
    for (const tenant of ['a', 'b', 'c']) (await risk.dismissRiskyUsers([PRESENT], { tenant })).raiseForFailure();
    // In another instance, this call would not wait for the first one.
    slow.push(risk.dismissRiskyUsers([ABSENT], { tenant: 'slow' }));
    (await risk.dismissRiskyUsers([PRESENT], { tenant: 'd' })).raiseForFailure();
    assert.equal(asked, 1);
    leave();
    for (const report of await Promise.all(slow)) report.raiseForFailure();
    await risk.close();
  });
});

test('requests share a connection', async () => {
  await withModel([], async (model) => {
    const risk = new EntraRisk('token', { endpoint: model.endpoint, rateLimit: FAST, maxInFlight: 1, idsPerRequest: 1 });
    await risk.dismissRiskyUsers(someIds(1));
    const before = sockets();
    (await risk.dismissRiskyUsers(someIds(50))).raiseForFailure();
    assert.ok(sockets() - before < 5, `${sockets() - before} more connections`);
    await risk.close();
  });
});

function sockets(): number {
  const paths = readdirSync('/proc/self/fd').map((fd) => `/proc/self/fd/${fd}`);
  // One of them was the folder itself, and is closed.
  return paths.filter((path) => existsSync(path) && readlinkSync(path).startsWith('socket:')).length;
}

function threads(): number {
  return readdirSync('/proc/self/task').length;
}
