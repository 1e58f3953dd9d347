// Whether the event loop runs during a call.
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { EntraRisk } from 'entra-risk';
import { someIds, withModel } from './model.js';

const IDS = someIds(10_000);
const LIMIT = ['--limit', '200'];
const OPTIONS = { rateLimit: { requests: 200, windowSeconds: 1 } };
const LONGEST_GAP_MS = 50;
// Other programs can delay a run, but hardly each of them.
const RUNS = 5;

/** The longest time in milliseconds for which the event loop does not run while `work` does. */
async function longestGap(work: () => Promise<unknown>): Promise<number> {
  let longest = 0;
  let working = true;
  const ended = (async () => {
    await sleep(10); // The event loop runs before the work begins.
    await work();
  })().finally(() => (working = false));
  let last = performance.now();
  while (working) {
    await sleep(1);
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  }
  await ended;
  return longest;
}

test('the event loop runs during a call of 10,000 ids', async () => {
  const gaps: number[] = [];
  while (gaps.length < RUNS && !gaps.some((gap) => gap <= LONGEST_GAP_MS)) {
    await withModel(LIMIT, async (model) => {
      const risk = new EntraRisk('token', { endpoint: model.endpoint, ...OPTIONS });
      gaps.push(await longestGap(() => risk.dismissRiskyUsers(IDS)));
      assert.equal(model.applied().length, IDS.length);
    });
  }
  console.log(`longest gap of the event loop: ${gaps.map((gap) => gap.toFixed(1)).join(', ')} ms`);
  assert.ok(Math.min(...gaps) <= LONGEST_GAP_MS);
});

test('the measurement notices a call in the main thread', async () => {
  const folder = new URL('./main-thread/', import.meta.url);
  mkdirSync(folder, { recursive: true });
  for (const part of ['plugin/', 'wasi-http.js', 'wasi-io.js', 'sender.js', 'requests.js', 'network.js']) {
    const installed = new URL(part, import.meta.resolve('entra-risk'));
    cpSync(fileURLToPath(installed), fileURLToPath(new URL(part, folder)), { recursive: true });
  }
  writeFileSync(new URL('get-token.js', folder), "export const getToken = () => ({ bearer: 'token' });\n");
  try {
    const { startSender } = (await import(new URL('sender.js', folder).href)) as { startSender: () => Promise<void> };
    await startSender();
    const plugin = new URL('plugin/entra-risk.js', folder).href;
    const { actions } = (await import(plugin)) as { actions: Record<string, (...args: unknown[]) => unknown> };
    await withModel(LIMIT, async (model) => {
      const gap = await longestGap(async () => actions['dismissRiskyUsers']?.(IDS, { endpoint: model.endpoint, rateLimit: { requests: 200, windowMs: 1000 } }));
      console.log(`the same in the main thread: ${gap.toFixed(1)} ms`);
      assert.equal(model.applied().length, IDS.length);
      assert.ok(gap > LONGEST_GAP_MS);
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
