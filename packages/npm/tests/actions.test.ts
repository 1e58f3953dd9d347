// What the actions send, report and throw.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { EntraRisk, EntraRiskError, InvalidArgument } from 'entra-risk';
import { ABSENT, CANARY, FAST, PRESENT, someIds, withModel, type Model } from './model.js';
import { thrownBy } from './thrown.js';

function client(model: Model): EntraRisk {
  return new EntraRisk(CANARY, { endpoint: model.endpoint, rateLimit: FAST });
}

test('every action reports accepted ids', async () => {
  await withModel([], async (model) => {
    const risk = client(model);
    const reports = [
      await risk.dismissSignIns([PRESENT]),
      await risk.confirmSignInsSafe([PRESENT]),
      await risk.confirmSignInsCompromised([PRESENT]),
      await risk.dismissRiskyUsers([PRESENT]),
      await risk.confirmRiskyUsersSafe([PRESENT]),
      await risk.confirmRiskyUsersCompromised([PRESENT]),
      await risk.dismissRiskyServicePrincipals([PRESENT]),
      await risk.confirmRiskyServicePrincipalsCompromised([PRESENT]),
      await risk.dismissRiskyAgents([PRESENT]),
      await risk.confirmRiskyAgentsSafe([PRESENT]),
      await risk.confirmRiskyAgentsCompromised([PRESENT]),
    ];
    for (const { accepted, batches, cause } of reports) {
      assert.deepEqual([accepted, cause], [[PRESENT], undefined]);
      assert.deepEqual(batches.map(({ ids, outcome, attempts }) => [ids, outcome, attempts]), [[[PRESENT], 'accepted', 1]]);
      assert.ok(batches[0]?.receipt?.clientRequestId);
    }
    assert.deepEqual(model.statuses(), Array(11).fill(204));
    assert.deepEqual(model.targets(), [
      '/v1.0/auditLogs/signIns/dismiss',
      '/beta/auditLogs/signIns/confirmSafe',
      '/beta/auditLogs/signIns/confirmCompromised',
      '/v1.0/identityProtection/riskyUsers/dismiss',
      '/v1.0/identityProtection/riskyUsers/confirmSafe',
      '/v1.0/identityProtection/riskyUsers/confirmCompromised',
      '/v1.0/identityProtection/riskyServicePrincipals/dismiss',
      '/v1.0/identityProtection/riskyServicePrincipals/confirmCompromised',
      '/beta/identityProtection/riskyAgents/dismiss',
      '/beta/identityProtection/riskyAgents/confirmSafe',
      '/beta/identityProtection/riskyAgents/confirmCompromised',
    ]);
  });
});

test('ids may come from a generator', async () => {
  await withModel([], async (model) => {
    await client(model).dismissRiskyUsers(new Set(someIds(70)).values());
    assert.deepEqual(model.arrivals().map((arrival) => arrival.ids.length), [60, 10]);
  });
});

test('an empty list is a report without batches, and requests no token', async () => {
  await withModel([], async (model) => {
    const risk = new EntraRisk(() => assert.fail('a token was requested'), { endpoint: model.endpoint });
    const { accepted, refused, toRetry, batches, cause } = (await risk.dismissRiskyUsers([])).raiseForFailure();
    assert.deepEqual([accepted, refused, toRetry, batches, cause], [[], [], [], [], undefined]);
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

test('a report contains every id once, in order, and the reason of a refusal', async () => {
  const ids = [...someIds(70), ABSENT, ...someIds(20, 100)];
  await withModel(['--absent', ABSENT], async (model) => {
    const report = await client(model).dismissRiskyUsers([...ids, ABSENT.toUpperCase()]);
    assert.deepEqual(report.batches.flatMap((batch) => batch.ids), ids);
    assert.deepEqual(report.refused, [ABSENT]);
    assert.deepEqual(report.accepted, ids.filter((id) => id !== ABSENT));
    assert.deepEqual(report.toRetry, []);
    assert.equal(report.cause?.kind, 'client-error');
    const [refused] = report.batches.filter((batch) => batch.outcome === 'refused');
    const { status, code, retryAfterSeconds } = refused?.error?.response ?? {};
    assert.deepEqual([status, code, retryAfterSeconds], [404, 'Request_ResourceNotFound', undefined]);
    assert.match(String(report), /^90 of 91 ids accepted, 1 refused, 0 to retry; cause: client-error: /);
  });
});

test('raiseForFailure throws unless every id was accepted', async () => {
  await withModel(['--absent', ABSENT], async (model) => {
    const accepted = await client(model).dismissRiskyUsers([PRESENT]);
    assert.equal(accepted.raiseForFailure(), accepted);
    const report = await client(model).dismissRiskyUsers([PRESENT, ABSENT]);
    const thrown = await thrownBy((async () => report.raiseForFailure())());
    assert.ok(thrown instanceof EntraRiskError);
    assert.equal(thrown.report, report);
    assert.match(thrown.message, /^1 of 2 ids accepted, 1 refused, 0 to retry; cause: client-error: /);
    assert.ok(!inspect(thrown).includes(PRESENT), 'thousands of ids would be printed');
  });
});

test('deadline leaves ids to retry', async () => {
  const ids = someIds(300);
  await withModel([], async (model) => {
    const risk = new EntraRisk(CANARY, { endpoint: model.endpoint, rateLimit: { requests: 1, windowSeconds: 60 } });
    const report = await risk.dismissRiskyUsers(ids, { deadlineSeconds: 2 });
    assert.deepEqual([...report.accepted, ...report.toRetry], ids);
    assert.deepEqual(model.applied(), report.accepted);
    assert.equal(report.cause?.kind, 'deadline-exceeded');
  });
});

test('durations are seconds', async () => {
  await withModel(['--latency-ms', '1500'], async (model) => {
    const short = await client(model).dismissRiskyUsers([PRESENT], { attemptTimeoutSeconds: 0.5, maxAttempts: 1 });
    assert.equal(short.cause?.kind, 'no-response');
    const enough = await client(model).dismissRiskyUsers([PRESENT], { attemptTimeoutSeconds: 30, deadlineSeconds: 60 });
    assert.equal(enough.cause, undefined);
  });
});

test('invalid arguments are errors that name the argument', async () => {
  await withModel([], async (model) => {
    const risk = client(model);
    const cases: [string, unknown, object][] = [
      ['ids[1]: ', [PRESENT, 'no-guid'], {}],
      ['ids[0]: ', ['\ud800'], {}],
      ['ids[0]: ', ['00000000-0000-0000-0000-000000000000'], {}],
      ['ids: expected an iterable', PRESENT, {}],
      ['ids: expected an iterable', null, {}],
      ['ids[1]: expected a string; got number', [PRESENT, 5], {}],
      ['idsPerRequest: 61', [PRESENT], { idsPerRequest: 61 }],
      ['maxInFlight: 33', [PRESENT], { maxInFlight: 33 }],
      ['maxAttempts: expected a whole number', [PRESENT], { maxAttempts: 0 }],
      ['deadlineSeconds', [PRESENT], { deadlineSeconds: -1 }],
      ['patienceSeconds', [PRESENT], { patienceSeconds: 2 ** 32 }],
      ['attemptTimeoutSeconds: expected 0.001 to 600 seconds; got 601', [PRESENT], { attemptTimeoutSeconds: 601 }],
      ['attemptTimeoutSeconds', [PRESENT], { attemptTimeoutSeconds: NaN }],
      ['isolateRefused', [PRESENT], { isolateRefused: 1 }],
      ['apiVersion', [PRESENT], { apiVersion: 'v2' }],
      ['tenant', [PRESENT], { tenant: '\ud800' }],
      ['rateLimit.requests: 100001', [PRESENT], { rateLimit: { requests: 100_001, windowSeconds: 1 } }],
      ['rateLimit.windowSeconds', [PRESENT], { rateLimit: { requests: 1 } }],
      ['rateLimit: expected', [PRESENT], { rateLimit: 1000 }],
      ['signal', [PRESENT], { signal: true }],
      ['onProgress', [PRESENT], { onProgress: true }],
      ["unexpected option 'tennant'", [PRESENT], { tennant: 'contoso' }],
      // Where the token goes belongs to the credential.
      ["unexpected option 'endpoint'", [PRESENT], { endpoint: 'https://example.com' }],
      ['options: expected an object', [PRESENT], null as unknown as object],
    ];
    for (const [text, ids, options] of cases) {
      const error = await thrownBy(risk.dismissRiskyUsers(ids as string[], options));
      assert.ok(error instanceof InvalidArgument, `${text}: ${String(error)}`);
      assert.ok(error.message.startsWith(text), `${error.message} does not begin with ${text}`);
    }
    assert.deepEqual(model.arrivals(), []);
  });
});

test('invalid settings are errors', async () => {
  assert.throws(() => new EntraRisk(CANARY, { cloud: 'moon' as 'china' }), /^InvalidArgument: cloud: expected one of global/);
  assert.throws(() => new EntraRisk(CANARY, { maxInstances: 0 }), /^InvalidArgument: maxInstances: /);
  assert.throws(() => new EntraRisk(CANARY, { tennant: 'x' } as object), /^InvalidArgument: .*'tennant'/);
  const risk = new EntraRisk(CANARY, { endpoint: 'http://example.com' });
  await assert.rejects(risk.dismissRiskyUsers([PRESENT]), /^InvalidArgument: endpoint: /);
});

test('an unknown action is named before anything else is checked', () => {
  const risk = new EntraRisk(CANARY);
  assert.throws(() => risk.start('dismiss' as 'dismiss-risky-users', 5 as unknown as string[], { tennant: 'x' } as object), {
    name: 'InvalidArgument',
    message: /^unknown action 'dismiss'; the actions are dismiss-sign-ins, .*, confirm-risky-agents-compromised$/,
  });
});

test('nothing printed contains the token', async () => {
  await withModel(['--token', 'another'], async (model) => {
    const risk = client(model);
    const report = await risk.dismissRiskyUsers([PRESENT]);
    assert.match(report.cause?.message ?? '', /cannot be renewed/);
    const logged = run(model, `await risk.dismissRiskyUsers(['${PRESENT}']);`);
    assert.match(logged.stderr, /dismiss-risky-users: 0 ids accepted, 0 refused, 1 to retry, cause no-token\n/);
    const printed = inspect([risk, report], { depth: 9, showHidden: true }) + logged.stdout + logged.stderr;
    assert.ok(!printed.includes(CANARY));
  });
});

test('the log says why something is repeated', async () => {
  await withModel(['--unavailable', '1'], async (model) => {
    const { stderr } = run(model, `await risk.dismissRiskyUsers(['${PRESENT}'], { deadlineSeconds: 5 });`);
    assert.match(stderr, /dismiss-risky-users: waiting \d\.\d s: server-error \(503\)\n/);
    assert.ok(!stderr.includes(PRESENT));
  });
});

test('the log tells a long wait for the rate limit', async () => {
  await withModel([], async (model) => {
    const options = '{ deadlineSeconds: 30, rateLimit: { requests: 1, windowSeconds: 6 } }';
    const { stderr } = run(model, `await risk.dismissRiskyUsers(${JSON.stringify(someIds(61))}, ${options});`);
    assert.match(stderr, /dismiss-risky-users: waiting [56]\.\d s: the rate limit\n/);
  });
});

/** Runs a program in a process with the log. */
function run(model: Model, program: string): { stdout: string; stderr: string } {
  const before = `
    import { EntraRisk } from 'entra-risk';
    const risk = new EntraRisk('${CANARY}', { endpoint: '${model.endpoint}' });`;
  const env = { ...process.env, NODE_DEBUG: 'entra-risk' };
  const cwd = new URL('.', import.meta.url);
  return spawnSync(process.execPath, ['--input-type=module', '-e', before + program], { cwd, env, encoding: 'utf8' });
}
