// What the actions send, return and throw.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { EntraRisk, EntraRiskError, InvalidArgument, PartialFailure, partialFailure, type Progress } from 'entra-risk';
import { failureOf, thrownBy } from './failure.js';
import { ABSENT, CANARY, FAST, PRESENT, someIds, withModel, type Model } from './model.js';

function client(model: Model): EntraRisk {
  return new EntraRisk(CANARY, { endpoint: model.endpoint, rateLimit: FAST });
}

test('every action reports accepted ids', async () => {
  await withModel([], async (model) => {
    const risk = client(model);
    const results = [
      await risk.dismissSignIns([PRESENT]),
      await risk.confirmSignInsSafe([PRESENT]),
      await risk.confirmSignInsCompromised([PRESENT]),
      await risk.dismissRiskyUsers([PRESENT]),
    ];
    for (const batches of results) {
      assert.deepEqual(batches.map(({ ids, outcome }) => [ids, outcome]), [[[PRESENT], 'accepted']]);
      assert.ok(batches[0]?.receipt);
      assert.equal(batches[0].error, undefined);
    }
    assert.deepEqual(model.statuses(), [204, 204, 204, 204]);
  });
});

test('ids may come from a generator', async () => {
  await withModel([], async (model) => {
    await client(model).dismissRiskyUsers(new Set(someIds(70)).values());
    assert.deepEqual(model.arrivals().map((arrival) => arrival.ids.length), [60, 10]);
  });
});

test('options of a call replace those of the object', async () => {
  await withModel([], async (model) => {
    const risk = new EntraRisk(CANARY, { endpoint: model.endpoint, rateLimit: FAST, idsPerRequest: 5 });
    await risk.dismissRiskyUsers(someIds(10), { idsPerRequest: undefined });
    await risk.dismissRiskyUsers(someIds(10), { idsPerRequest: 10 });
    assert.deepEqual(model.arrivals().map((arrival) => arrival.ids.length), [5, 5, 10]);
  });
});

test('partial failure contains every id once, in order', async () => {
  const ids = [...someIds(70), ABSENT, ...someIds(20, 100)];
  await withModel(['--absent', ABSENT], async (model) => {
    const failure = await failureOf(client(model).dismissRiskyUsers(ids));
    assert.ok(failure instanceof PartialFailure && failure instanceof EntraRiskError);
    assert.deepEqual(failure.batches.flatMap((batch) => batch.ids), ids);
    assert.deepEqual(failure.refused, [ABSENT]);
    assert.deepEqual(failure.accepted, ids.filter((id) => id !== ABSENT));
    assert.deepEqual(failure.toRetry, []);
    assert.equal(failure.cause.kind, 'client-error');
    const [refused] = failure.batches.filter((batch) => batch.outcome === 'refused');
    assert.deepEqual([refused?.error?.graph?.status, refused?.error?.graph?.code], [404, 'Request_ResourceNotFound']);
    assert.match(failure.message, /^90 of 91 ids accepted, 1 refused, 0 to retry; cause: client-error: 404 Request_/);
    assert.equal(partialFailure(failure), failure);
  });
});

test('deadline leaves ids to retry', async () => {
  const ids = someIds(300);
  await withModel([], async (model) => {
    const risk = new EntraRisk(CANARY, { endpoint: model.endpoint, rateLimit: { requests: 1, windowMs: 60_000 } });
    const failure = await failureOf(risk.dismissRiskyUsers(ids, { deadlineMs: 2000 }));
    assert.deepEqual([...failure.accepted, ...failure.toRetry], ids);
    assert.deepEqual(model.applied(), failure.accepted);
    assert.equal(failure.cause.kind, 'deadline-exceeded');
  });
});

test('invalid arguments are errors that name the argument', async () => {
  await withModel([], async (model) => {
    const risk = client(model);
    const cases: [string, unknown, object][] = [
      ['userIds[1]', [PRESENT, 'no-guid'], {}],
      ['userIds[0]', ['\ud800'], {}],
      ['userIds: empty', [], {}],
      ['ids: expected an iterable', PRESENT, {}],
      ['ids: expected an iterable', null, {}],
      ['ids[1]: expected a string; got number', [PRESENT, 5], {}],
      ['idsPerRequest: 61', [PRESENT], { idsPerRequest: 61 }],
      ['maxInFlight: 33', [PRESENT], { maxInFlight: 33 }],
      ['maxAttempts: 0', [PRESENT], { maxAttempts: 0 }],
      ['deadlineMs', [PRESENT], { deadlineMs: -1 }],
      ['patienceMs', [PRESENT], { patienceMs: 2 ** 32 }],
      ['attemptTimeoutMs', [PRESENT], { attemptTimeoutMs: 1.5 }],
      ['isolateRefused', [PRESENT], { isolateRefused: 1 }],
      ['apiVersion', [PRESENT], { apiVersion: 'v2' }],
      ['tenant', [PRESENT], { tenant: '\ud800' }],
      ['rateLimit.requests: 0', [PRESENT], { rateLimit: { requests: 0, windowMs: 1 } }],
      ['rateLimit.windowMs', [PRESENT], { rateLimit: { requests: 1 } }],
      ['rateLimit', [PRESENT], { rateLimit: 1000 }],
      ['signal', [PRESENT], { signal: true }],
      ['onProgress', [PRESENT], { onProgress: true }],
    ];
    for (const [text, ids, options] of cases) {
      const error = await thrownBy(risk.dismissRiskyUsers(ids as string[], options));
      assert.ok(error instanceof InvalidArgument, text);
      assert.ok(error.message.startsWith(text), `${error.message} does not begin with ${text}`);
    }
    assert.deepEqual(model.arrivals(), []);
  });
});

test('invalid settings are errors', async () => {
  assert.throws(() => new EntraRisk(CANARY, { cloud: 'moon' as 'china' }), /^InvalidArgument: cloud: expected one of global/);
  const risk = new EntraRisk(CANARY, { endpoint: 'http://example.com' });
  await assert.rejects(risk.dismissRiskyUsers([PRESENT]), /^InvalidArgument: endpoint: /);
});

test('a call cannot choose where the token goes', async () => {
  const options = { endpoint: 'https://example.com' };
  await assert.rejects(new EntraRisk(CANARY).dismissRiskyUsers([PRESENT], options as object), /^TypeError: .*'endpoint'/);
});

test('unknown options are type errors', async () => {
  assert.throws(() => new EntraRisk(CANARY, { tennant: 'x' } as object), /^TypeError: .*'tennant'/);
  await assert.rejects(new EntraRisk(CANARY).dismissRiskyUsers([PRESENT], { tennant: 'x' } as object), /'tennant'/);
});

test('progress is reported before each attempt', async () => {
  const seen: Progress[] = [];
  await withModel([], async (model) => {
    await client(model).dismissRiskyUsers(someIds(180), { onProgress: (progress) => void seen.push(progress) });
  });
  assert.deepEqual(seen, [0, 1, 2].map((attempts) => ({ attempts, least: 3 })));
});

test('an exception of onProgress ends the call', async () => {
  await withModel([], async (model) => {
    const enough = new RangeError('enough');
    const onProgress = async ({ attempts }: Progress): Promise<void> => {
      if (attempts === 2) throw enough;
    };
    const error = await thrownBy(client(model).dismissRiskyUsers(someIds(300), { onProgress }));
    assert.equal(error, enough);
    const failure = partialFailure(error);
    assert.deepEqual(failure?.accepted, model.applied());
    assert.deepEqual([failure?.accepted.length, failure?.toRetry.length], [120, 180]);
  });
});

test('nothing printed contains the token', async () => {
  await withModel(['--token', 'another'], async (model) => {
    const risk = client(model);
    const failure = await failureOf(risk.dismissRiskyUsers([PRESENT]));
    assert.match(failure.message, /cannot be renewed/);
    const program = `
      import { EntraRisk } from 'entra-risk';
      const risk = new EntraRisk('${CANARY}', { endpoint: '${model.endpoint}' });
      await risk.dismissRiskyUsers(['${PRESENT}']).catch(() => undefined);`;
    const env = { ...process.env, NODE_DEBUG: 'entra-risk' };
    const cwd = new URL('.', import.meta.url);
    const logged = spawnSync(process.execPath, ['--input-type=module', '-e', program], { cwd, env, encoding: 'utf8' });
    assert.match(logged.stderr, /dismissRiskyUsers: attempt 1, token\n/);
    assert.match(logged.stderr, /0 ids accepted, 0 refused, 1 to retry, cause no-token, 1 attempts/);
    const printed = inspect([risk, failure], { depth: 9, showHidden: true }) + logged.stdout + logged.stderr;
    assert.ok(!printed.includes(CANARY));
  });
});
