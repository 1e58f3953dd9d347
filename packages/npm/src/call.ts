// A call of an action: its tokens, its progress, and its end.
import { AsyncResource } from 'node:async_hooks';
import { debuglog } from 'node:util';
import { fetchToken, kindOf, NoToken, type Credential } from './credential.js';
import { attach, InvalidArgument, PartialFailure } from './errors.js';
import type { Instance } from './instance.js';
import type { ActionName, RawOptions, RawTokenRequest, TokenReply } from './messages.js';
import type { CallOptions } from './options.js';
import { batchesFrom, errorFrom, RiskError, type Batch } from './report.js';
import type { GetToken } from './thread.js';

const log = debuglog('entra-risk');

/** One call of an action. */
export class Call {
  readonly #action: ActionName;
  readonly #ids: readonly string[];
  readonly #options: RawOptions;
  readonly #credential: Credential;
  readonly #signal: AbortSignal | undefined;
  readonly #onProgress: CallOptions['onProgress'];
  // The credential and `onProgress` run in the asynchronous context of the caller, such as a trace.
  readonly #getToken: GetToken = AsyncResource.bind((request: RawTokenRequest) => this.#reply(request));
  readonly #least: number;
  #attempts = 0;
  // Why there is no token. From then on the credential is not asked again.
  #refusal: TokenReply | undefined;
  // What the credential or `onProgress` threw. An object, because anything can be thrown.
  #thrown: { readonly value: unknown } | undefined;

  constructor(
    action: ActionName,
    ids: Iterable<string>,
    options: RawOptions,
    credential: Credential,
    signal: AbortSignal | undefined,
    onProgress: CallOptions['onProgress'],
  ) {
    this.#action = action;
    this.#ids = listOf(ids);
    this.#options = options;
    this.#credential = credential;
    this.#signal = signal;
    this.#onProgress = onProgress;
    this.#least = Math.ceil(this.#ids.length / (options.idsPerRequest || 60));
  }

  /** Performs the action, and returns the batches if every id was accepted. */
  async perform(instance: Instance): Promise<Batch[]> {
    log('%s: %d ids, tenant %j', this.#action, this.#ids.length, this.#options.tenant);
    const message = { action: this.#action, ids: this.#ids, options: this.#options };
    const result = await instance.call(message, this.#getToken, this.#signal);
    if (result === undefined) {
      const batches = this.#everyId(new RiskError('not-attempted'));
      throw this.#ended(new PartialFailure(new RiskError('cancelled'), batches));
    }
    if (result.kind === 'accepted') {
      log('%s: every id accepted, %d attempts', this.#action, this.#attempts);
      return batchesFrom(result.batches);
    }
    if (result.kind === 'broken') {
      const error = new RiskError('other', `the plugin ended: ${nameOf(result.error, 'message')}`);
      throw this.#ended(new PartialFailure(error, this.#everyId(error), result.error));
    }
    const cause = errorFrom(result.failure.cause);
    if (cause.kind === 'invalid-argument') throw new InvalidArgument(inJavaScript(cause.text));
    throw this.#ended(new PartialFailure(cause, batchesFrom(result.failure.batches)));
  }

  // What the call rejects with.
  #ended(failure: PartialFailure): unknown {
    // Not the texts of the responses: they could imitate lines of the log.
    log(
      '%s: %d ids accepted, %d refused, %d to retry, cause %s, %d attempts',
      this.#action,
      failure.accepted.length,
      failure.refused.length,
      failure.toRetry.length,
      failure.cause.kind,
      this.#attempts,
    );
    return this.#thrown === undefined ? failure : attach(this.#thrown.value, failure);
  }

  // Every id once, where the plugin has not reported them. Without an attempt, nothing was sent.
  #everyId(error: RiskError): Batch[] {
    const ids = new Map<string, string>();
    for (const id of this.#ids) {
      if (!ids.has(id.toLowerCase())) ids.set(id.toLowerCase(), id);
    }
    const outcome = this.#attempts === 0 ? 'not-applied' : 'unknown';
    return [{ ids: [...ids.values()], attempts: this.#attempts, outcome, error }];
  }

  async #reply(request: RawTokenRequest): Promise<TokenReply> {
    if (this.#signal?.aborted) return CANCELLED;
    if (this.#refusal !== undefined) return this.#refusal;
    try {
      const token = await unlessAborted(this.#token(request), this.#signal);
      if (token === undefined) return CANCELLED;
      this.#attempts += 1;
      return { token };
    } catch (thrown) {
      // A credential may reject because of the signal.
      if (this.#signal?.aborted) return CANCELLED;
      if (!(thrown instanceof NoToken)) this.#thrown = { value: thrown };
      // The text of an exception may contain a secret, and reaches the caller in the exception itself.
      const reason = thrown instanceof NoToken ? thrown.message : `${nameOf(thrown, 'name')} was thrown`;
      return (this.#refusal = { error: { tag: 'denied', val: reason } });
    }
  }

  async #token({ tenant, audience, endpoint, refresh, claims }: RawTokenRequest): Promise<string> {
    await this.#onProgress?.({ attempts: this.#attempts, least: this.#least });
    const details = `${refresh ? ', refreshed' : ''}${claims === undefined ? '' : ', with a claims challenge'}`;
    log('%s: attempt %d, token%s', this.#action, this.#attempts + 1, details);
    const scope = `${audience}/.default`;
    return await fetchToken(this.#credential, { scope, tenant, endpoint, refresh, claims, signal: this.#signal });
  }
}

const CANCELLED: TokenReply = { error: { tag: 'cancelled' } };

function listOf(ids: Iterable<string>): string[] {
  if (typeof ids === 'string' || typeof (ids as Partial<Iterable<string>> | null)?.[Symbol.iterator] !== 'function') {
    throw new InvalidArgument(`ids: expected an iterable of strings; got ${kindOf(ids)}`);
  }
  const list = [...ids];
  const other = list.findIndex((id) => typeof id !== 'string');
  if (other !== -1) throw new InvalidArgument(`ids[${other}]: expected a string; got ${kindOf(list[other])}`);
  return list;
}

// What `promise` resolves to; undefined once `signal` is aborted.
async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T | undefined> {
  if (signal === undefined) return await promise;
  let stop = (): void => undefined;
  const aborted = new Promise<undefined>((resolve) => (stop = () => resolve(undefined)));
  signal.addEventListener('abort', stop);
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

function nameOf(thrown: unknown, property: 'name' | 'message'): string {
  return thrown instanceof Error ? thrown[property] : kindOf(thrown);
}

// Spells the argument in a message of the plugin as in JavaScript: `options.max-in-flight: …` as `maxInFlight: …`.
function inJavaScript(text: string): string {
  const [argument = '', ...rest] = text.split(': ');
  const name = argument.replace(/^options\./, '').replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
  return [name, ...rest].join(': ');
}
