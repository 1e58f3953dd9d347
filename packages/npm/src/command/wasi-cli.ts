// What the command imports of wasi:cli, for jco: the streams of this process, and what is set here
// before each run.
import { isatty } from 'node:tty';
import { ask } from '../ask.js';
import { InputStream, OutputStream, type Source } from '../wasi-io.js';
import type { Input } from './messages.js';
import { writeTo } from './write.js';

/** A run of the component. */
export interface Run {
  /** The arguments, without the name of the program. */
  readonly args: readonly string[];
  /** Receives what the component prints to standard output. */
  readonly print: (bytes: Uint8Array) => void;
}

let current: Run = { args: [], print: () => undefined };

/** Sets what the component sees from now on. */
export function begin(run: Run): void {
  current = run;
}

/** `wasi:cli/environment.get-arguments` */
export function getArguments(): string[] {
  return ['entra-risk', ...current.args];
}

/** `wasi:cli/environment.get-environment` */
export function getEnvironment(): [string, string][] {
  return [['ENTRA_RISK_PACKAGE', 'npm']];
}

/** Thrown to end a run with this exit code. */
export class Exit {
  constructor(readonly code: number) {}
}

/** `wasi:cli/exit.exit-with-code` */
export function exitWithCode(code: number): never {
  throw new Exit(code);
}

// Standard input is read by the main thread: a thread that waits in the operating system could not
// be ended by Ctrl-C.
let arrived: Uint8Array = new Uint8Array();
const input: Source = {
  isReady: () => true,
  read(length) {
    if (arrived.length === 0) {
      const { bytes, error } = ask({ kind: 'input' }) as Input;
      if (error !== undefined) throw new Error(error);
      if (bytes === undefined) return undefined;
      arrived = bytes;
    }
    const part = arrived.subarray(0, length);
    arrived = arrived.subarray(length);
    return part;
  },
};
const streams = {
  input: new InputStream(input),
  output: new OutputStream((bytes) => current.print(bytes)),
  error: new OutputStream((bytes) => writeTo(2, bytes)),
};

/** `wasi:cli/stdin.get-stdin` */
export function getStdin(): InputStream {
  return streams.input;
}

/** `wasi:cli/stdout.get-stdout` */
export function getStdout(): OutputStream {
  return streams.output;
}

/** `wasi:cli/stderr.get-stderr` */
export function getStderr(): OutputStream {
  return streams.error;
}

/** `wasi:cli/terminal-input.terminal-input` */
export class TerminalInput {}

/** `wasi:cli/terminal-output.terminal-output` */
export class TerminalOutput {}

/** `wasi:cli/terminal-stdin.get-terminal-stdin` */
export function getTerminalStdin(): TerminalInput | undefined {
  return isatty(0) ? new TerminalInput() : undefined;
}

/** `wasi:cli/terminal-stderr.get-terminal-stderr` */
export function getTerminalStderr(): TerminalOutput | undefined {
  return isatty(2) ? new TerminalOutput() : undefined;
}
