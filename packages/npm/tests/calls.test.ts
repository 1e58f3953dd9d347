// Calls while they run: outcomes, progress, and how they are stopped.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { EntraRisk, InvalidArgument, type Batch, type Progress } from 'entra-risk';
import { ABSENT, FAST, PRESENT, someIds, withModel } from './model.js';
import { errorOf, thrownBy } from './thrown.js';

async function collected(call: AsyncIterable<Batch>): Promise<Batch[]> {
  const batches: Batch[] = [];
  for await (const batch of call) batches.push(batch);
  return batches;
}

test('a loop gets each batch as it ends', async () => {
  const ids = someIds(180);
  await withModel([], async (model) => {
    const call = new EntraRisk('token', { endpoint: model.endpoint }).start('dismiss-risky-users', ids);
    const arrived: number[] = [];
    for await (const { outcome, receipt } of call) {
      assert.deepEqual([outcome, receipt === undefined], ['accepted', false]);
      arrived.push(model.arrivals().length);
    }
    assert.deepEqual(arrived, [1, 2, 3]);
    assert.deepEqual(call.report().raiseForFailure().accepted, ids);
  });
});

test('a report of a call that runs contains what has ended so far', async () => {
  const ids = someIds(120);
  await withModel([], async (model) => {
    const call = new EntraRisk('token', { endpoint: model.endpoint }).start('dismiss-risky-users', ids);
    assert.deepEqual(call.report().batches, []);
    for await (const _ of call) {
      const report = call.report();
      if (report.accepted.length === 120) continue;
      assert.deepEqual([report.accepted, report.cause], [ids.slice(0, 60), undefined]);
      assert.throws(() => report.raiseForFailure(), /^EntraRiskError: 60 of 120 ids accepted, 60 without an outcome yet$/);
    }
    assert.deepEqual(call.report().accepted, ids);
  });
});

test('a call runs without a loop, and every loop gets all batches', async () => {
  await withModel([], async (model) => {
    const risk = new EntraRisk('token', { endpoint: model.endpoint, rateLimit: FAST });
    const call = risk.start('dismiss-risky-users', someIds(120));
    await risk.close(); // Once its calls have ended.
    assert.equal(call.report().accepted.length, 120);
    assert.deepEqual((await collected(call)).flatMap(({ ids }) => ids), someIds(120));
    assert.deepEqual((await collected(call)).flatMap(({ ids }) => ids), someIds(120));
  });
});

test('leaving the loop abandons requests in flight and sends nothing more', async () => {
  const ids = someIds(6000);
  await withModel(['--latency-ms', '100', '--slowest-ms', '4000'], async (model) => {
    const risk = new EntraRisk('token', { endpoint: model.endpoint, rateLimit: FAST });
    const call = risk.start('dismiss-risky-users', ids);
    let first: Batch | undefined;
    for await (first of call) break;
    const report = call.report();
    assert.equal(report.cause?.kind, 'cancelled');
    assert.equal(report.accepted.length + report.toRetry.length, ids.length);
    assert.ok(first !== undefined && report.accepted.includes(first.ids[0] ?? ''));
    assert.ok(report.batches.some(({ outcome, error }) => outcome === 'unknown' && error?.kind === 'no-response'));
    const sent = model.arrivals().length;
    await sleep(500);
    assert.equal(model.arrivals().length, sent);
  });
});

test('stop gives requests in flight time, and the loop yields the outcomes that remain', async () => {
  const ids = someIds(6000);
  await withModel(['--latency-ms', '700'], async (model) => {
    const risk = new EntraRisk('token', { endpoint: model.endpoint });
    const onProgress = ({ inFlight }: Progress): void => void (inFlight > 0 && call.stop());
    const call = risk.start('dismiss-risky-users', ids, { onProgress });
    const batches = await collected(call);
    assert.deepEqual(batches.flatMap((batch) => batch.ids).sort(), ids);
    const { accepted, toRetry, cause } = call.report();
    assert.deepEqual([accepted, cause?.kind], [model.applied(), 'cancelled']);
    assert.ok(accepted.length > 0 && toRetry.length > 0);
  });
});

test('stop without grace ends immediately', async () => {
  await withModel(['--latency-ms', '60000'], async (model) => {
    const onProgress = ({ inFlight }: Progress): void => void (inFlight > 0 && call.stop(0));
    const risk = new EntraRisk('token', { endpoint: model.endpoint });
    const call = risk.start('dismiss-risky-users', [PRESENT], { onProgress });
    const [batch] = await collected(call);
    assert.deepEqual([batch?.outcome, batch?.error?.kind], ['unknown', 'no-response']);
  });
});

test('a grace is a number of seconds', async () => {
  await withModel([], async (model) => {
    const call = new EntraRisk('token', { endpoint: model.endpoint }).start('dismiss-risky-users', [PRESENT]);
    for (const grace of [-1, NaN, '1' as unknown as number]) assert.throws(() => call.stop(grace), InvalidArgument);
    assert.equal((await collected(call))[0]?.outcome, 'accepted');
  });
});

test('an aborted signal rejects with the outcome of every id', async () => {
  const ids = someIds(6000);
  const controller = new AbortController();
  const reason = new RangeError('enough');
  const onProgress = ({ accepted }: Progress): void => {
    if (accepted === 120) controller.abort(reason);
  };
  await withModel([], async (model) => {
    const risk = new EntraRisk('token', { endpoint: model.endpoint });
    const error = await errorOf(risk.dismissRiskyUsers(ids, { onProgress, signal: controller.signal }));
    assert.deepEqual([error.name, error.cause, error.report.cause?.kind], ['AbortError', reason, 'cancelled']);
    assert.deepEqual([...error.report.accepted, ...error.report.toRetry], ids);
    assert.deepEqual(model.applied(), error.report.accepted);
    assert.ok(error.report.accepted.length < ids.length);
  });
});

test('an aborted signal ends a loop after the last outcome', async () => {
  const ids = someIds(600);
  const controller = new AbortController();
  await withModel([], async (model) => {
    const risk = new EntraRisk('token', { endpoint: model.endpoint });
    const seen: string[] = [];
    const error = await errorOf(
      (async () => {
        for await (const batch of risk.start('dismiss-risky-users', ids, { signal: controller.signal })) {
          seen.push(...batch.ids);
          controller.abort();
        }
      })(),
    );
    assert.equal(error.name, 'AbortError');
    assert.deepEqual(seen, ids);
  });
});

test('a signal that is aborted too late changes nothing', async () => {
  const controller = new AbortController();
  const onProgress = ({ left }: Progress): void => void (left === 0 && controller.abort());
  await withModel([], async (model) => {
    const risk = new EntraRisk('token', { endpoint: model.endpoint });
    const report = await risk.dismissRiskyUsers([PRESENT], { onProgress, signal: controller.signal });
    assert.deepEqual([report.accepted, controller.signal.aborted], [[PRESENT], true]);
  });
});

test('a signal that is aborted already sends nothing and asks for no token', async () => {
  const risk = new EntraRisk(() => assert.fail('a token was requested'), { endpoint: 'http://127.0.0.1:9' });
  const { report } = await errorOf(risk.dismissRiskyUsers([PRESENT, PRESENT.toUpperCase()], { signal: AbortSignal.abort() }));
  const batches = report.batches.map(({ ids, attempts, outcome, error }) => [ids, attempts, outcome, error?.kind]);
  assert.deepEqual(batches, [[[PRESENT], 0, 'not-applied', 'not-attempted']]);
});

test('an aborted signal does not wait for a credential', async () => {
  const controller = new AbortController();
  const credential = (): Promise<string> => {
    setTimeout(() => controller.abort(), 50);
    return new Promise(() => undefined);
  };
  await withModel([], async (model) => {
    const risk = new EntraRisk(credential, { endpoint: model.endpoint });
    const { name, report } = await errorOf(risk.dismissRiskyUsers([PRESENT], { signal: controller.signal }));
    assert.deepEqual([name, report.cause?.kind, report.toRetry], ['AbortError', 'cancelled', [PRESENT]]);
  });
});

test('stop does not wait for a credential, and loses no response', async () => {
  let tokens = 0;
  const credential = (): string | Promise<string> => {
    tokens += 1;
    return tokens === 1 ? 'token' : new Promise(() => undefined);
  };
  await withModel([], async (model) => {
    const risk = new EntraRisk(credential, { endpoint: model.endpoint });
    const call = risk.start('dismiss-risky-users', someIds(120));
    while (model.arrivals().length === 0 || tokens < 2) await sleep(10);
    await sleep(200); // The response has arrived.
    call.stop(0);
    await collected(call);
    assert.deepEqual([call.report().accepted, call.report().toRetry], [someIds(60), someIds(60, 61)]);
  });
});

test('progress ends with every id', async () => {
  const seen: Progress[] = [];
  await withModel(['--absent', ABSENT], async (model) => {
    const risk = new EntraRisk('token', { endpoint: model.endpoint, rateLimit: FAST });
    await risk.dismissRiskyUsers([...someIds(180), ABSENT], { onProgress: (progress) => void seen.push(progress) });
    for (const { done, left, accepted, refused, notApplied, unknown } of seen) {
      assert.equal(done + left, 181);
      assert.equal(done, accepted + refused + notApplied + unknown);
    }
    assert.deepEqual(seen.map(({ done }) => done), seen.map(({ done }) => done).sort((a, b) => a - b));
    const { left, accepted, refused, requests, inFlight, nextSendSeconds } = seen.at(-1)!;
    assert.deepEqual([left, accepted, refused, inFlight, nextSendSeconds], [0, 180, 1, 0, undefined]);
    assert.equal(requests, model.arrivals().length);
    assert.equal(seen.filter((progress) => progress.left === 0).length, 1);
  });
});

test('progress follows each batch', async () => {
  const seen: number[] = [];
  await withModel(['--latency-ms', '50'], async (model) => {
    const risk = new EntraRisk('token', { endpoint: model.endpoint, rateLimit: FAST, maxInFlight: 1 });
    await risk.dismissRiskyUsers(someIds(240), { onProgress: ({ done }) => void seen.push(done) });
  });
  assert.deepEqual(seen.filter((done) => done > 0), [60, 120, 180, 240]);
});

test('progress counts the request of a call that never waits', async () => {
  let last: Progress | undefined;
  await withModel([], async (model) => {
    const risk = new EntraRisk('token', { endpoint: model.endpoint });
    await risk.dismissRiskyUsers([PRESENT], { onProgress: (progress) => void (last = progress) });
  });
  assert.deepEqual([last?.done, last?.requests, last?.inFlight], [1, 1, 0]);
});

test('progress names what the call waits for', async () => {
  const seen: Progress[] = [];
  await withModel(['--unavailable', '1'], async (model) => {
    const risk = new EntraRisk('token', { endpoint: model.endpoint });
    await risk.dismissRiskyUsers([PRESENT], { deadlineSeconds: 6, onProgress: (progress) => void seen.push(progress) });
  });
  const waiting = seen.filter(({ error }) => error?.response?.status === 503);
  assert.ok(waiting.some(({ nextSendSeconds = 0 }) => nextSendSeconds > 0.5 && nextSendSeconds < 60));
});

test('progress comes about once a second while a call waits', async () => {
  const times: number[] = [];
  await withModel(['--latency-ms', '3300'], async (model) => {
    const risk = new EntraRisk('token', { endpoint: model.endpoint });
    const onProgress = ({ left }: Progress): void => void (left > 0 && times.push(performance.now()));
    await risk.dismissRiskyUsers([PRESENT], { onProgress });
  });
  assert.ok(times.length >= 2 && times.length <= 5, String(times));
});

test('an exception of onProgress stops the call', async () => {
  await withModel([], async (model) => {
    const enough = new RangeError('enough');
    for (const throws of [
      () => {
        throw enough;
      },
      async () => Promise.reject(enough),
    ]) {
      const onProgress = ({ accepted }: Progress): void | Promise<void> => (accepted >= 120 ? throws() : undefined);
      const risk = new EntraRisk('token', { endpoint: model.endpoint });
      const { cause, report } = await errorOf(risk.dismissRiskyUsers(someIds(6000), { onProgress }));
      assert.equal(cause, enough);
      assert.deepEqual([...report.accepted, ...report.toRetry], someIds(6000));
      assert.ok(report.accepted.length >= 120 && report.toRetry.length > 0);
    }
  });
});

test('a loop throws what is wrong with an id', async () => {
  await withModel([], async (model) => {
    const call = new EntraRisk('token', { endpoint: model.endpoint }).start('dismiss-risky-users', ['no-guid']);
    const error = await thrownBy(collected(call));
    assert.ok(error instanceof InvalidArgument && error.message.startsWith('ids[0]: '), String(error));
  });
});
