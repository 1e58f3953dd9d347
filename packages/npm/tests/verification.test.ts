// What counts as done, and when the list that shows it is read.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { EntraRisk, type ActionName } from 'entra-risk';
import { listening } from './listening.js';
import { FAST, someIds } from './model.js';
import { part } from './part.js';

const { ruleOf, Verifier } = await part('verification');
const { checkAction } = await part('action');
const [FIRST = '', SECOND = ''] = someIds(2);

/** What the engine of the command is tested with as well. */
const truth = JSON.parse(readFileSync(new URL('../verification.json', import.meta.url), 'utf8')) as {
  rules: { action: ActionName; collection: string | null; filter: string; listed: string }[];
  cases: { action: ActionName; readings: string[]; status: string[] }[];
};

test('the rules are those of every language', () => {
  for (const { action, collection, filter, listed } of truth.rules) {
    if (collection === null) assert.throws(() => ruleOf(action), /agents cannot be listed/);
    else assert.deepEqual(ruleOf(action), { collection, filter, isDoneIfListed: listed === 'done' });
  }
  const actions = truth.rules.map(({ action }) => action).join(', ');
  assert.throws(() => checkAction('none'), (error: Error) => error.message.endsWith(`; the actions are ${actions}`));
});

test('the statuses are those of every language', () => {
  for (const { action, readings, status } of truth.cases) {
    const verifier = new Verifier(ruleOf(action), new Map([[FIRST, FIRST]]), 300_000);
    readings.forEach((reading, n) => {
      verifier.begin();
      if (reading !== 'absent') verifier.saw({ id: FIRST.toUpperCase(), processing: reading === 'processing' });
      verifier.end();
      assert.deepEqual(verifier.result()[status[n]!], [FIRST], `${action}: ${readings.slice(0, n + 1)}`);
    });
  }
});

test('the first reading waits for one window of the limit, and leaves time for another', () => {
  const wait = (action: ActionName, withinMs: number, windowSeconds?: number): number =>
    new Verifier(ruleOf(action), new Map([[FIRST, FIRST]]), withinMs, windowSeconds).wait();
  assert.deepEqual([wait('dismiss-sign-ins', 300_000), wait('dismiss-risky-users', 300_000)], [10_000, 1000]);
  assert.deepEqual([wait('dismiss-sign-ins', 300_000, 2), wait('dismiss-sign-ins', 8000)], [2000, 4000]);
});

test('a reading that does not end ends with the time, and what is known is returned', async () => {
  let requests = 0;
  const server = createServer((_, response) => {
    requests += 1;
    // The second reading has no end.
    if (requests === 1) response.end(JSON.stringify({ value: [{ id: FIRST, riskState: 'atRisk' }] }));
  });
  await listening(server, async (endpoint) => {
    const risk = new EntraRisk('token', { endpoint, rateLimit: FAST, attemptTimeoutSeconds: 600 });
    const verified = await risk.verify('dismiss-risky-users', [FIRST, SECOND], { withinSeconds: 1 });
    assert.deepEqual(verified, { done: [], processing: [SECOND], unchanged: [FIRST] });
    await risk.close();
  });
});
