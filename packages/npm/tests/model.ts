// The model of Microsoft Graph as a server, and what it recorded.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { RateLimit } from 'entra-risk';

export const PRESENT = '8f0e4c0b-6ec1-4c1e-a9b8-2a4ee5ef0d11';
export const ABSENT = 'c3a1f9d2-0b57-4d8e-9c44-5b7f1e2a6d30';
/** Nothing that the package prints, logs or throws may contain it. */
export const CANARY = 'canary-b7c1d09e5f3a4c62';
/** Tests do not wait for the documented limit. */
export const FAST: RateLimit = { requests: 100, windowSeconds: 1 };

/** Ids that differ in their last digits. */
export function someIds(count: number, first = 1): string[] {
  return Array.from({ length: count }, (_, n) => `00000000-0000-0000-0000-${(first + n).toString().padStart(12, '0')}`);
}

/** What the model recorded of a request. */
export interface Arrival {
  readonly at: number;
  readonly status: number | null;
  readonly applied: boolean;
  readonly ids: string[];
}

/** A running model. */
export class Model {
  readonly #record: string;
  readonly #printed: readonly string[];

  constructor(readonly endpoint: string, record: string, printed: readonly string[]) {
    this.#record = record;
    this.#printed = printed;
  }

  arrivals(): Arrival[] {
    const lines = readFileSync(this.#record, 'utf8').split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line) as Arrival);
  }

  statuses(): (number | null)[] {
    return this.arrivals().map((arrival) => arrival.status);
  }

  /** The paths of the requests. */
  targets(): (string | undefined)[] {
    return this.#printed.map((line) => / POST (\S+)/.exec(line)?.[1]);
  }

  /** The ids to which an action was applied, sorted. */
  applied(): string[] {
    const ids = this.arrivals().flatMap((arrival) => (arrival.applied ? arrival.ids : []));
    return [...new Set(ids)].sort();
  }
}

/** Serves the model while `use` runs. */
export async function withModel(options: string[], use: (model: Model) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'entra-risk-'));
  const record = join(folder, 'record.jsonl');
  const defaults = [['--latency-ms', '5'], ['--limit', '200'], ['--for', '120'], ['--record', record]];
  // The last of two equal options must win, and the model refuses repetition.
  const others = defaults.filter(([name = '']) => !options.includes(name)).flat();
  const program = process.env['GRAPH_MODEL'] ?? 'graph-model';
  const server = spawn(program, [...others, ...options], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(server, 'exit');
  try {
    const lines = createInterface({ input: server.stdout });
    const [endpoint] = (await Promise.race([once(lines, 'line'), exited.then(() => assert.fail(`${program} ended`))])) as [string];
    const printed: string[] = [];
    lines.on('line', (line) => printed.push(line));
    await use(new Model(endpoint, record, printed));
  } finally {
    server.kill();
    await exited;
    rmSync(folder, { recursive: true });
  }
}
