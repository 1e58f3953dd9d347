// What a call logs of its waits.
import { debuglog, format } from 'node:util';
import type { ActionName } from './action.js';
import type { RawProgress } from './messages.js';
import { printable } from './printable.js';

const debug = debuglog('entra-risk');

/** Logs a line to standard error with `NODE_DEBUG=entra-risk`. */
export function log(text: string, ...values: unknown[]): void {
  if (debug.enabled) debug('%s', printable(format(text, ...values)));
}

const LONG_WAIT_MS = 5000;

/** Logs what a call waits for, once for each failure and for each long wait. */
export class Waits {
  readonly #action: ActionName;
  #last = '';

  constructor(action: ActionName) {
    this.#action = action;
  }

  note({ error, nextSendMs = 0, requests, inFlight }: RawProgress): void {
    if (error === undefined && nextSendMs < LONG_WAIT_MS) return;
    const status = error?.response === undefined ? '' : ` (${error.response.status})`;
    const reason = error === undefined ? 'the rate limit' : `${error.kind}${status}`;
    // Another failure may have the same reason, but it changes how many requests have ended.
    const wait = `${reason} ${requests - inFlight}`;
    if (wait !== this.#last) log('%s: waiting %s s: %s', this.#action, (nextSendMs / 1000).toFixed(1), reason);
    this.#last = wait;
  }
}
