// Worker threads, tenants and signals.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { EntraRisk, type Progress } from 'entra-risk';
import { failureOf } from './failure.js';
import { ABSENT, FAST, PRESENT, someIds, withModel } from './model.js';

test('calls of a tenant share one rate limit and lose no id', async () => {
  const parts = Array.from({ length: 16 }, (_, part) => someIds(60, 1 + 60 * part));
  await withModel([], async (model) => {
    const risk = new EntraRisk('token', { endpoint: model.endpoint, rateLimit: { requests: 5, windowMs: 1000 } });
    const results = await Promise.all(parts.map((part) => risk.dismissRiskyUsers(part)));
    assert.deepEqual(results.map((batches) => batches.flatMap((batch) => batch.ids)), parts);
    assert.deepEqual(model.applied(), parts.flat());
    assert.deepEqual(model.statuses(), Array(16).fill(204));
    const times = model.arrivals().map((arrival) => arrival.at);
    // The rate limit allows the last one after 3 s. With one for each call, the model receives all of them within a second.
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

test('an aborted signal ends the call with every outcome', async () => {
  const ids = someIds(6000);
  const controller = new AbortController();
  const onProgress = ({ attempts }: Progress): void => {
    if (attempts === 2) setTimeout(() => controller.abort(), 50);
  };
  await withModel([], async (model) => {
    const risk = new EntraRisk('token', { endpoint: model.endpoint });
    const failure = await failureOf(risk.dismissRiskyUsers(ids, { onProgress, signal: controller.signal }));
    assert.equal(failure.cause.kind, 'cancelled');
    assert.deepEqual([...failure.accepted, ...failure.toRetry], ids);
    assert.deepEqual(model.applied(), failure.accepted);
    assert.equal(failure.accepted.length, 180);
  });
});

test('an aborted signal does not wait for a credential', async () => {
  const controller = new AbortController();
  const credential = (): Promise<string> => {
    setTimeout(() => controller.abort(), 50);
    return new Promise(() => undefined);
  };
  await withModel([], async (model) => {
    const risk = new EntraRisk(credential, { endpoint: model.endpoint });
    const failure = await failureOf(risk.dismissRiskyUsers([PRESENT], { signal: controller.signal }));
    assert.equal(failure.cause.kind, 'cancelled');
    assert.deepEqual(failure.toRetry, [PRESENT]);
  });
});

test('what a credential throws because of the signal is not the error of the call', async () => {
  const controller = new AbortController();
  await withModel([], async (model) => {
    const credential = async (): Promise<string> => {
      controller.abort();
      throw controller.signal.reason;
    };
    const risk = new EntraRisk(credential, { endpoint: model.endpoint });
    const failure = await failureOf(risk.dismissRiskyUsers([PRESENT], { signal: controller.signal }));
    assert.equal(failure.cause.kind, 'cancelled');
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
    const failure = await failureOf(second);
    assert.equal(failure.cause.kind, 'cancelled');
    assert.deepEqual(failure.batches.map(({ ids, outcome }) => [ids, outcome]), [[[ABSENT], 'not-applied']]);
    leave();
    await first;
    await third;
    assert.deepEqual(model.applied(), [...someIds(1), PRESENT]);
  });
});

test('a thread that fails rejects the call in progress, and the next call starts a new one', async () => {
  await withModel([], async (model) => {
    const terminate: Worker['terminate'][] = [];
    const { postMessage } = Worker.prototype;
    Worker.prototype.postMessage = function (this: Worker, ...message) {
      terminate.push(() => this.terminate());
      return postMessage.apply(this, message);
    };
    try {
      const risk = new EntraRisk('token', { endpoint: model.endpoint });
      const kill = ({ attempts }: Progress): void => void (attempts === 1 && terminate[0]?.());
      const call = risk.dismissRiskyUsers(someIds(120), { onProgress: kill });
      const next = risk.dismissRiskyUsers([PRESENT]);
      const failure = await failureOf(call);
      assert.equal(failure.cause.kind, 'other');
      assert.match(failure.message, /the plugin ended: the worker thread ended with exit code 1/);
      assert.deepEqual(failure.batches.map(({ ids, outcome }) => [ids, outcome]), [[someIds(120), 'unknown']]);
      assert.equal((await next)[0]?.outcome, 'accepted');
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
    assert.deepEqual((await Promise.all(calls)).map(([batch]) => batch?.outcome), ['accepted', 'accepted']);
    assert.ok(threads() <= before, `${threads()} threads instead of ${before}`);
    await risk.dismissRiskyUsers([PRESENT]);
    assert.ok(threads() > before);
    await risk.close();
  });
});

function threads(): number {
  return readdirSync('/proc/self/task').length;
}
