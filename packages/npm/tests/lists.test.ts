// Lists of what is at risk, and whether actions have taken effect, against the model.
import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { EntraRisk, InvalidArgument, ListError, type Entry, type ListOptions, type TokenRequest } from 'entra-risk';
import { Shell } from './command.js';
import { listening } from './listening.js';
import { FAST, withModel } from './model.js';
import { thrownBy } from './thrown.js';

const TOKEN = 'canary-b7c1d09e5f3a4c62-is-long-enough';
const AT_RISK = "riskState eq 'atRisk'";
const PATH = '/v1.0/identityProtection/riskyUsers';

/** The ids of the model: they differ in their last digits, which are hexadecimal. */
const ids = (count: number): string[] => Array.from({ length: count }, (_, n) => `00000000-0000-0000-0000-${(n + 1).toString(16).padStart(12, '0')}`);

async function all(entries: AsyncIterable<Entry>): Promise<Entry[]> {
  const list: Entry[] = [];
  for await (const entry of entries) list.push(entry);
  return list;
}

test('every page is read', async () => {
  await withModel(['--risky-users', '1200'], async (model) => {
    const risk = new EntraRisk(TOKEN, { endpoint: model.endpoint, rateLimit: FAST });
    const entries = await all(risk.listRiskyUsers(AT_RISK));
    assert.deepEqual(entries.map(({ id }) => id).sort(), ids(1200));
    const high = await all(risk.listRiskyUsers(`${AT_RISK} and riskLevel eq 'high'`, { pageSize: 100 }));
    assert.deepEqual([...new Set(high.map(({ riskLevel }) => riskLevel))], ['high']);
    assert.deepEqual(model.statuses(), Array<number>(3 + 4).fill(200));
    const first = entries.find(({ id }) => id === ids(1)[0]);
    const { lastUpdated, ...others } = first!;
    const expected = { id: ids(1)[0], name: 'user1@contoso.example', riskLevel: 'high', riskState: 'atRisk', riskDetail: 'none', deleted: false, processing: false };
    assert.deepEqual(others, expected);
    assert.match(lastUpdated, /^\d{4}-\d\d-\d\dT/);
    await risk.close();
  });
});

test('sign-ins and service principals are listed, simultaneously', async () => {
  await withModel(['--risky-sign-ins', '2', '--risky-service-principals', '3'], async (model) => {
    const risk = new EntraRisk(TOKEN, { endpoint: model.endpoint, rateLimit: FAST });
    const [signIns, principals] = await Promise.all([all(risk.listSignIns()), all(risk.listRiskyServicePrincipals())]);
    assert.deepEqual([signIns.length, principals.length], [2, 3]);
  });
});

test('a page is requested when it is wanted', async () => {
  await withModel(['--risky-users', '20'], async (model) => {
    const entries = new EntraRisk(TOKEN, { endpoint: model.endpoint, rateLimit: FAST }).listRiskyUsers(undefined, { pageSize: 10 });
    await sleep(300);
    assert.deepEqual(model.statuses(), []);
    for (let read = 0; read < 10; read += 1) await entries.next();
    await sleep(300);
    assert.deepEqual(model.statuses(), [200]);
    await entries.return();
    assert.deepEqual(await entries.next(), { done: true, value: undefined });
  });
});

test('what is not permitted is no empty list', async () => {
  await withModel(['--read-permission', 'reader', '--risky-users', '5'], async (model) => {
    const error = await thrownBy(all(new EntraRisk(TOKEN, { endpoint: model.endpoint }).listRiskyUsers()));
    assert.ok(error instanceof ListError, String(error));
    assert.deepEqual([error.error.kind, error.error.response?.status], ['forbidden', 403]);
  });
});

test('invalid arguments and exceptions of the credential are thrown', async () => {
  const sealed = new RangeError('sealed');
  const risk = new EntraRisk(() => {
    throw sealed;
  });
  assert.match(String(await thrownBy(all(risk.listRiskyUsers(undefined, { pageSize: 501 })))), /^InvalidArgument: pageSize: /);
  assert.throws(() => risk.listRiskyUsers(5 as unknown as string), /filter: expected a string; got number/);
  assert.throws(() => risk.listRiskyUsers(undefined, { maxInFlight: 5 } as ListOptions), InvalidArgument);
  const error = await thrownBy(all(risk.listRiskyUsers()));
  assert.ok(error instanceof ListError && error.cause === sealed && error.error.kind === 'no-token', String(error));
});

test('a signal ends a list, also while the credential waits', async () => {
  const risk = new EntraRisk(() => new Promise<string>(() => undefined));
  const controller = new AbortController();
  setTimeout(() => controller.abort(new RangeError('enough')), 300);
  assert.equal(String(await thrownBy(all(risk.listRiskyUsers(undefined, { signal: controller.signal })))), 'RangeError: enough');
  assert.equal(String(await thrownBy(risk.verify('dismiss-risky-users', ids(1), { signal: controller.signal }))), 'RangeError: enough');
  await risk.close();
});

test('the credential is asked for the permissions to read', async () => {
  const asked: TokenRequest[] = [];
  await withModel(['--risky-users', '1', '--risky-sign-ins', '1'], async (model) => {
    const credential = (request: TokenRequest): string => {
      asked.push(request);
      return TOKEN;
    };
    const risk = new EntraRisk(credential, { endpoint: model.endpoint });
    await all(risk.listRiskyUsers());
    await all(risk.listSignIns());
  });
  assert.deepEqual(asked.map(({ permissions }) => permissions), [['IdentityRiskyUser.Read.All'], ['AuditLog.Read.All', 'Directory.Read.All']]);
});

/** Lists what a service responds. */
async function read(
  respond: (request: IncomingMessage, response: ServerResponse) => void,
  seen: string[] = [],
  patienceSeconds = 1,
): Promise<Entry[]> {
  const server = createServer((request, response) => {
    seen.push(request.url ?? '');
    respond(request, response);
  });
  let entries: Entry[] = [];
  await listening(server, async (endpoint) => {
    const risk = new EntraRisk(TOKEN, { endpoint, rateLimit: FAST, patienceSeconds });
    entries = await all(risk.listRiskyUsers()).finally(() => risk.close());
  });
  return entries;
}

function page(count: number, next?: string, name = 'a'): string {
  const value = ids(count).map((id) => ({ id, userPrincipalName: name, riskState: 'atRisk' }));
  return JSON.stringify({ value, '@odata.nextLink': next });
}

test('a long page is read, and a longer one is an error', async () => {
  const entries = await read((_, response) => response.end(page(50, undefined, 'a'.repeat(160_000))));
  assert.deepEqual([entries.length, entries[0]?.name.length], [50, 256]);
  assert.ok((await thrownBy(read((_, response) => response.end(page(50, undefined, 'a'.repeat(170_000)))))) instanceof ListError);
});

test('a page that breaks off is requested again', async () => {
  for (const headers of [{ 'content-length': page(50).length }, {}]) {
    const seen: string[] = [];
    const entries = await read(
      (_, response) => {
        if (seen.length > 1) response.end(page(50));
        else response.writeHead(200, headers).write(page(50).slice(0, 100), () => response.destroy());
      },
      seen,
      60,
    );
    assert.deepEqual([entries.length, seen.length], [50, 2]);
  }
});

test('a link to the endpoint is followed, and no other', async () => {
  const seen: string[] = [];
  const here = await read(({ url, headers }, response) => {
    response.end(page(1, url?.includes('$skiptoken') ? undefined : `http://${headers.host}${PATH}?$skiptoken=2%20x`));
  }, seen);
  assert.deepEqual([here.length, seen[1]], [2, `${PATH}?$skiptoken=2%20x`]);
  for (const link of [`http://attacker.test${PATH}?a=b`, `http://127.0.0.1:9${PATH}?a=b`]) {
    const seenBefore: string[] = [];
    assert.match(String(await thrownBy(read((_, response) => response.end(page(1, link)), seenBefore))), /next link leads to another host/);
    assert.equal(seenBefore.length, 1);
  }
});

test('the token does not come back, and texts are printable', async () => {
  const [entry] = await read(({ headers }, response) => response.end(page(1, undefined, `${headers.authorization}\x1b[2J`)));
  assert.equal(entry?.name, 'Bearer [token]\ufffd[2J');
});

test('what has not changed is named', async () => {
  const [first = '', second = '', ...others] = ids(10);
  await withModel(['--risky-users', '10', '--unchanged', first, '--changes-after-ms', '1000'], async (model) => {
    const risk = new EntraRisk(TOKEN, { endpoint: model.endpoint, rateLimit: FAST });
    (await risk.dismissRiskyUsers(ids(10))).raiseForFailure();
    const early = await risk.verify('dismiss-risky-users', [second], { withinSeconds: 0.001 });
    assert.deepEqual(early, { done: [], processing: [second], unchanged: [] });
    const late = await risk.verify('dismiss-risky-users', [first.toUpperCase(), second, ...others], { withinSeconds: 2.5 });
    assert.deepEqual(late, { done: [second, ...others], processing: [], unchanged: [first.toUpperCase()] });
    await risk.confirmRiskyUsersCompromised(ids(2));
    const confirmed = await risk.verify('confirm-risky-users-compromised', ids(2), { withinSeconds: 2.5 });
    assert.deepEqual(confirmed, { done: [second], processing: [], unchanged: [first] });
    await assert.rejects(risk.verify('dismiss-risky-agents', ids(1)), /agents cannot be listed/);
  });
});

test('the command lists, acts and verifies with one credential', async () => {
  const shell = new Shell();
  await withModel(['--risky-users', '130', '--changes-after-ms', '500'], async (model) => {
    const variables = { GRAPH_TOKEN: TOKEN, ENTRA_RISK_ALLOWED_ENDPOINTS: model.endpoint };
    const fast = ['--endpoint', model.endpoint, '--rate-limit', '100/1s'];
    const listed = await shell.run(['list-risky-users', '--state', 'at-risk', ...fast], variables);
    assert.deepEqual([listed.code, listed.output.split('\n').length], [0, 1 + 130 + 1], listed.errors);
    const run = await shell.run(['dismiss-risky-users', ...fast, '--verify', '--verify-for', '10s', '--yes'], variables, listed.output);
    assert.equal(run.code, 0, run.output + run.errors);
    assert.equal(model.applied().length, 130);
  });
  shell.remove();
});
