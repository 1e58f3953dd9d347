// The command, as a process.
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { CANARY, type Model } from './model.js';

const PROGRAM = fileURLToPath(new URL('command/main.js', import.meta.resolve('entra-risk')));

/** What a process printed, and its exit code. */
export interface Ended {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

/** A process in a folder of its own. */
export interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
}

/** A folder in which the command runs. */
export class Shell {
  readonly folder = mkdtempSync(join(tmpdir(), 'entra-risk-command-'));
  /** The command and its first arguments. */
  program: readonly string[] = [process.execPath, PROGRAM];

  /** Starts the command. Only these variables are set. */
  start(args: readonly string[], variables: Record<string, string> = {}): Started {
    const [command = '', ...first] = this.program;
    const env = { PATH: process.env['PATH'], ...variables };
    const child = spawn(command, [...first, ...args], { cwd: this.folder, env, stdio: ['pipe', 'pipe', 'pipe'] });
    const ended = (async () => {
      const [output, errors, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit') as Promise<[number | null]>]);
      assert.ok(!(output + errors).includes(CANARY));
      return { code, output, errors };
    })();
    return { child, ended };
  }

  /** Runs the command, with this text as its standard input. */
  async run(args: readonly string[], variables: Record<string, string> = {}, input = ''): Promise<Ended> {
    const { child, ended } = this.start(args, variables);
    child.stdin?.on('error', () => undefined); // It may end without reading.
    child.stdin?.end(input);
    return await ended;
  }

  /** Returns the arguments and variables of a dismissal that is sent to the model with a token. */
  to(model: Model, ...args: string[]): [string[], Record<string, string>] {
    const variables = { GRAPH_TOKEN: CANARY, ENTRA_RISK_ALLOWED_ENDPOINTS: model.endpoint };
    return [['dismiss-risky-users', '--endpoint', model.endpoint, ...args], variables];
  }

  write(name: string, ids: readonly string[]): string {
    writeFileSync(join(this.folder, name), ['User ID', ...ids, ''].join('\n'));
    return name;
  }

  /** Returns the lines of a file, or none if it does not exist. */
  lines(name: string): string[] {
    try {
      return readFileSync(join(this.folder, name), 'utf8').split('\n').slice(0, -1);
    } catch {
      return [];
    }
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }
}

/** Waits until something holds. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await sleep(10);
}
