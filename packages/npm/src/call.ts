// A call of an action: its outcomes, its progress, its tokens, and its end.
import { AsyncResource } from 'node:async_hooks';
import { isAborted, reasonOf } from './abort.js';
import type { ActionName } from './action.js';
import type { Credential } from './credential.js';
import { AbortError, EntraRiskError, InvalidArgument } from './errors.js';
import { permissionFor } from './graph.js';
import { distinct, listOf } from './ids.js';
import type { Instances } from './instance.js';
import type { End, Event, RawOptions, RawTokenRequest } from './messages.js';
import { inJavaScript, type CallOptions } from './options.js';
import { nameOf, shown } from './printable.js';
import { Tally } from './progress.js';
import { batchFrom, errorFrom, Report, type Batch, type RiskError } from './report.js';
import type { Thread } from './thread.js';
import { Tokens } from './tokens.js';
import { log, Waits } from './waits.js';

/** The arguments of a call. */
export interface Given {
  readonly action: ActionName;
  readonly ids: Iterable<string>;
  readonly options: RawOptions;
  readonly credential: Credential;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: CallOptions['onProgress'];
}

/**
 * One call of an action. It runs by itself. Iterating over it yields the batches as they end, from
 * the first one on each time.
 *
 * Leaving the loop early stops the call without a grace. After the last batch, the loop throws what
 * the call rejects with: an `EntraRiskError` if `signal` was aborted or the credential threw
 * something, `InvalidArgument` if nothing was sent.
 */
export class Call implements AsyncIterable<Batch> {
  readonly #given: Given;
  // Each id once, in the order given: the form in which the plugin compares it, and its first
  // spelling.
  readonly #ids: ReadonlyMap<string, string>;
  readonly #batches: Batch[] = [];
  readonly #batchOf = new Map<string, Batch>();
  readonly #tally: Tally;
  readonly #waits: Waits;
  readonly #stopped = new AbortController();
  readonly #over: Promise<void>;
  // The credential and `onProgress` run in the asynchronous context of the caller, such as a trace.
  readonly #context = new AsyncResource('EntraRiskCall');
  #thread: Thread | undefined;
  #graceMs = 2 ** 31 - 1;
  #isOver = false;
  #cause: RiskError | undefined;
  // What is wrong with an argument, if something is.
  #invalid: string | undefined;
  // What the credential or `onProgress` threw first. It is an object, because anything can be
  // thrown.
  #thrown: { readonly value: unknown } | undefined;
  readonly #tokens: Tokens;
  #told: Promise<void> = Promise.resolve();
  #toldAt = -Infinity;
  #news: Promise<void> = Promise.resolve();
  #publish = (): void => undefined;

  /** Starts a call in an instance of its tenant. */
  constructor(given: Given, instances: Instances) {
    const ids = listOf(given.ids);
    this.#given = given;
    const { action, credential } = given;
    const permissions = [permissionFor(action, 'delegated')];
    this.#tokens = new Tokens({ credential, permissions, name: action }, this.#stopped.signal, (value) => (this.#thrown ??= { value }));
    this.#ids = distinct(ids);
    this.#tally = new Tally(this.#ids.size);
    this.#waits = new Waits(action);
    this.#renew();
    this.#over = this.#run(ids, instances);
  }

  /** Yields the batches as they end. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Batch, void, undefined> {
    try {
      for (let taken = 0; ; ) {
        for (let batch; (batch = this.#batches[taken]) !== undefined; taken += 1) yield batch;
        if (this.#isOver) break;
        await this.#news;
      }
    } finally {
      this.stop(0); // No effect, unless the loop was left early.
      await this.#over;
    }
    this.#throw();
  }

  /** Returns the report so far. It has the cause once the call is over. */
  report(): Report {
    const batches: Batch[] = [];
    let run: { readonly from: Batch; readonly ids: string[] } | undefined;
    for (const [key, id] of this.#ids) {
      const from = this.#batchOf.get(key);
      if (from === undefined) {
        run = undefined;
      } else if (run?.from === from) {
        run.ids.push(id);
      } else {
        run = { from, ids: [id] };
        batches.push({ ...from, ids: run.ids });
      }
    }
    return new Report(batches, this.#cause, this.#ids.size - this.#batchOf.size);
  }

  /**
   * Stops the call: nothing new is sent. The loop yields the outcomes that remain, and then ends
   * without an exception.
   *
   * @param graceSeconds How long requests in flight may still take: 10 s by default. A later call of
   *   `stop` can only shorten it.
   * @throws {InvalidArgument} If `graceSeconds` is no number of seconds.
   */
  stop(graceSeconds = GRACE_SECONDS): void {
    if (!(typeof graceSeconds === 'number' && graceSeconds >= 0)) {
      throw new InvalidArgument(`graceSeconds: expected at least 0 seconds; got ${shown(graceSeconds)}`);
    }
    if (this.#isOver) return;
    if (!this.#stopped.signal.aborted) log('%s: stopped', this.#given.action);
    this.#graceMs = Math.min(this.#graceMs, Math.ceil(graceSeconds * 1000));
    // Before the reply to a token request, which lets the plugin go on.
    this.#thread?.stop(this.#graceMs);
    this.#stopped.abort();
  }

  async #run(ids: string[], instances: Instances): Promise<void> {
    const { action, options, signal } = this.#given;
    const onAbort = (): void => this.stop();
    const start = { action, ids, options };
    const handlers = { getToken: this.#inContext((request: RawTokenRequest) => this.#tokens.reply(request)), onEvent: this.#inContext(this.#note) };
    const perform = (thread: Thread): Promise<End | undefined> => {
      log('%s: %d ids, tenant %j', action, this.#ids.size, options.tenant);
      this.#thread = thread;
      return thread.perform(start, handlers, this.#stopped.signal);
    };
    try {
      signal?.addEventListener('abort', onAbort);
    } catch (thrown) {
      this.#fail(thrown);
    }
    if (isAborted(signal)) onAbort();
    try {
      this.#end(await instances.perform(start, perform, this.#stopped.signal));
    } catch (error) {
      this.#end({ kind: 'broken', error });
    }
    await this.#told;
    try {
      signal?.removeEventListener('abort', onAbort);
    } catch {
      // It may call `onAbort` again, which has no effect any more.
    }
    this.#thread = undefined;
    this.#isOver = true;
    this.#renew();
    log('%s: %s', action, this.#summary());
  }

  #note(event: Event): void {
    if (event.kind === 'ended') {
      for (const batch of event.batches) this.#add(batchFrom(batch));
      this.#toldAt = -Infinity; // The progress follows immediately.
      this.#renew();
      return;
    }
    this.#tally.wait(event.progress);
    this.#waits.note(event.progress);
    if (performance.now() - this.#toldAt >= 1000) this.#tell();
  }

  #end(end: End | undefined): void {
    switch (end?.kind) {
      case undefined:
        this.#cause = this.#addRest({ kind: 'not-attempted', message: 'Never sent, because the call was stopped.' }) && {
          kind: 'cancelled',
          message: 'The call was stopped before it began.',
          response: undefined,
        };
        break;
      case 'over':
        this.#cause = end.cause && errorFrom(end.cause);
        break;
      case 'invalid':
        this.#invalid = inJavaScript(end.message);
        return; // Nothing has happened that `onProgress` could be told.
      case 'broken':
        this.#cause = this.#addRest({ kind: 'other', message: `The plugin ended: ${nameOf(end.error, 'message')}` });
        break;
    }
    this.#tally.wait(undefined);
    this.#tell();
  }

  #add(batch: Batch): void {
    const { ids, outcome, attempts } = batch;
    this.#batches.push(batch);
    for (const id of ids) this.#batchOf.set(id.toLowerCase(), batch);
    this.#tally.end(batch);
    log('%s: %d ids %s, attempts: %d', this.#given.action, ids.length, outcome, attempts);
  }

  // Adds the ids that the plugin has not reported. Without a token, nothing was sent.
  #addRest(detail: Omit<RiskError, 'response'>): RiskError | undefined {
    const ids = [...this.#ids].filter(([key]) => !this.#batchOf.has(key)).map(([, id]) => id);
    if (ids.length === 0) return undefined;
    const error = { ...detail, response: undefined };
    const sent = this.#tokens.wereSupplied;
    this.#add({ ids, attempts: sent ? 1 : 0, outcome: sent ? 'unknown' : 'not-applied', error });
    return error;
  }

  // Tells `onProgress` how far the call has come. The call is over once it has returned for the
  // last time.
  #tell(): void {
    this.#toldAt = performance.now();
    const { onProgress } = this.#given;
    if (onProgress === undefined) return;
    const told = this.#inContext(async () => await onProgress(this.#tally.progress()))();
    this.#told = told.catch((thrown: unknown) => this.#fail(thrown));
  }

  // Ends the call because of what the credential, `onProgress` or the signal threw.
  #fail(value: unknown): void {
    this.#thrown ??= { value };
    this.stop();
  }

  #throw(): void {
    if (this.#invalid !== undefined) throw new InvalidArgument(this.#invalid);
    const report = this.report();
    if (this.#thrown !== undefined) {
      const { value } = this.#thrown;
      throw new EntraRiskError(`${nameOf(value)} was thrown; ${report}`, report, { cause: value });
    }
    const { signal } = this.#given;
    if (signal !== undefined && isAborted(signal) && this.#cause?.kind === 'cancelled') {
      throw new AbortError(`the call was aborted; ${report}`, report, { cause: reasonOf(signal) });
    }
  }

  #renew(): void {
    this.#publish();
    this.#news = new Promise((resolve) => (this.#publish = resolve));
  }

  #inContext<A extends unknown[], R>(run: (...args: A) => R): (...args: A) => R {
    return (...args) => this.#context.runInAsyncScope(run, this, ...args);
  }

  // The texts of responses are left out: they could imitate lines of the log.
  #summary(): string {
    if (this.#invalid !== undefined) return 'invalid argument';
    const { accepted, refused, toRetry, cause } = this.report();
    const why = cause === undefined ? '' : `, cause ${cause.kind}`;
    return `${accepted.length} ids accepted, ${refused.length} refused, ${toRetry.length} to retry${why}`;
  }
}

const GRACE_SECONDS = 10;
