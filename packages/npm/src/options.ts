// The options of a call.
import { InvalidArgument } from './errors.js';
import type { RawOptions } from './messages.js';
import { kindOf, shown } from './printable.js';
import type { Progress } from './progress.js';

/** A national cloud. */
export type Cloud = 'global' | 'us-gov-l4' | 'us-gov-l5' | 'china';

/** A version of Microsoft Graph. */
export type ApiVersion = 'v1' | 'beta';

/** At most `requests` requests, 1 to 100,000, in any period of `windowSeconds`. Retries count. */
export interface RateLimit {
  readonly requests: number;
  readonly windowSeconds: number;
}

/**
 * Options of each action, and of `EntraRisk` for every call. An option that is absent or undefined
 * has its default.
 */
export interface Options {
  /**
   * Names the tenant that the ids belong to: 1 to 256 visible ASCII characters, such as its GUID.
   * It is passed to the credential as `tenantId`, and each tenant has a rate-limit state of its
   * own. Default: none.
   */
  readonly tenant?: string | undefined;
  /**
   * `v1` or `beta`. Default: `beta` to confirm sign-ins and for agents, which exist in no other
   * version; `v1` for all others.
   */
  readonly apiVersion?: ApiVersion | undefined;
  /** Maximum ids in a request: 1 to 10,000 for sign-ins, 1 to 60 for all others. Default: 60. */
  readonly idsPerRequest?: number | undefined;
  /** Maximum concurrent requests: 1 to 32. Default: 4. */
  readonly maxInFlight?: number | undefined;
  /**
   * Maximum attempts for the same ids: 1 to 10. Attempts that meet a 429 do not count, nor do those
   * that are repeated with a fresh token. Default: 4.
   */
  readonly maxAttempts?: number | undefined;
  /** Seconds from sending a request to the end of its response: 0.001 to 600. Default: 30. */
  readonly attemptTimeoutSeconds?: number | undefined;
  /**
   * Seconds for the whole call, at least 0.001. Time that the credential takes can exceed it, and
   * time spent waiting for another call for the same tenant does not count. Default: no deadline.
   */
  readonly deadlineSeconds?: number | undefined;
  /**
   * Longest time in seconds from a failure to the next acceptance, at least 0.001: after that, the
   * call ends with its last error. Default: 180.
   */
  readonly patienceSeconds?: number | undefined;
  /**
   * Whether a batch that Microsoft Graph refuses is split to find the ids at fault. Default: true.
   */
  readonly isolateRefused?: boolean | undefined;
  /**
   * The rate limit to keep. Default: the documented one, 5 requests in 10 s for sign-ins and 1
   * request a second for all others.
   */
  readonly rateLimit?: RateLimit | undefined;
}

/** The argument of each action: the options, and how to follow and stop the call. */
export interface CallOptions extends Options {
  /**
   * Stops the call once it is aborted: nothing new is sent, and requests in flight get up to 10 s
   * more. Then the call rejects with an `EntraRiskError` whose name is `AbortError`, unless every
   * id was accepted or something else had ended the call before.
   */
  readonly signal?: AbortSignal | undefined;
  /**
   * Called when ids have their outcome, and about once a second while the call waits. The last
   * time, no id is left. An exception that it throws stops the call.
   */
  readonly onProgress?: ((progress: Progress) => void | Promise<void>) | undefined;
}

/** Options of each list. Of the settings of `EntraRisk`, those with the same name count. */
export interface ListOptions extends Omit<Options, 'idsPerRequest' | 'maxInFlight' | 'isolateRefused'> {
  /** Most entries of a page: 1 to 500, for sign-ins 1 to 1,000. Default: the maximum. */
  readonly pageSize?: number | undefined;
  /** Ends the list once it is aborted: the loop throws the reason of the signal. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of `verify`. */
export interface VerifyOptions extends ListOptions {
  /** How long the change of the states is awaited, in seconds. Default: 300. */
  readonly withinSeconds?: number | undefined;
}

/**
 * The argument of `EntraRisk`: the options, and where the token goes. The latter belongs to the
 * credential, so an action does not accept it.
 */
export interface Settings extends Options {
  /** The national cloud. Default: `global`. */
  readonly cloud?: Cloud | undefined;
  /**
   * Replaces the cloud's root as the address of the requests: `https://` with a host and optionally
   * a port, or `http://` with a loopback host. The token is sent there. Default: the cloud's root.
   */
  readonly endpoint?: string | undefined;
  /**
   * Replaces the cloud's root as the audience of the token: `https://` with a host and optionally a
   * port. Default: the cloud's root.
   */
  readonly audience?: string | undefined;
  /**
   * Tenants whose threads and rate-limit states are kept while they have no call, at least 1. The
   * one that was used least recently is dropped first. Default: 8.
   */
  readonly maxInstances?: number | undefined;
}

const U32_MAX = 2 ** 32 - 1;
/** The longest time of an option, in seconds. */
export const SECONDS_MAX = U32_MAX / 1000;

const OPTIONS: Record<keyof Options, Check> = {
  tenant: checkText,
  apiVersion: oneOf('v1', 'beta'),
  idsPerRequest: checkNumber,
  maxInFlight: checkNumber,
  maxAttempts: checkNumber,
  attemptTimeoutSeconds: secondsUpTo(600),
  deadlineSeconds: secondsUpTo(SECONDS_MAX),
  patienceSeconds: secondsUpTo(SECONDS_MAX),
  isolateRefused: checkFlag,
  rateLimit: checkRateLimit,
};

const CALL_OPTIONS: Record<keyof CallOptions, Check> = { ...OPTIONS, signal: checkSignal, onProgress: checkFunction };

const { idsPerRequest: _, maxInFlight: __, isolateRefused: ___, ...OF_LISTS } = OPTIONS;
const LIST_OPTIONS: Record<keyof ListOptions, Check> = { ...OF_LISTS, pageSize: checkNumber, signal: checkSignal };
const VERIFY_OPTIONS: Record<keyof VerifyOptions, Check> = { ...LIST_OPTIONS, withinSeconds: secondsUpTo(SECONDS_MAX) };

const SETTINGS: Record<keyof Settings, Check> = {
  ...OPTIONS,
  cloud: oneOf('global', 'us-gov-l4', 'us-gov-l5', 'china'),
  endpoint: checkText,
  audience: checkText,
  maxInstances: checkNumber,
};

/**
 * Returns a copy of the options of a call. Throws unless each has a value that can be converted to
 * WebAssembly. The plugin checks the ranges.
 */
export function checkedCallOptions(given: CallOptions): CallOptions {
  return checked(CALL_OPTIONS, given);
}

/** Returns a copy of the options of a list, checked in the same way. */
export function checkedListOptions(given: ListOptions): ListOptions {
  return checked(LIST_OPTIONS, given);
}

/** Returns a copy of the options of `verify`, checked in the same way. */
export function checkedVerifyOptions(given: VerifyOptions): VerifyOptions {
  return checked(VERIFY_OPTIONS, given);
}

/** Checks the filter of a list. */
export function checkFilter(filter: unknown): asserts filter is string | undefined {
  if (filter !== undefined) checkText('filter', filter);
}

/** Returns a copy of the settings of `EntraRisk`, checked in the same way as options. */
export function checkedSettings(given: Settings): Settings {
  return checked(SETTINGS, given);
}

/** Returns the options of a call for the plugin. An option of the call replaces the setting. */
export function merged(settings: Settings, given: Options): RawOptions {
  const all: Settings = { ...settings };
  for (const [name, value] of Object.entries(given)) {
    if (value !== undefined) Object.assign(all, { [name]: value });
  }
  const { attemptTimeoutSeconds, deadlineSeconds, patienceSeconds, rateLimit, maxInstances: _, ...others } = all;
  const raw = {
    ...others,
    attemptTimeoutMs: inMs(attemptTimeoutSeconds),
    deadlineMs: inMs(deadlineSeconds),
    patienceMs: inMs(patienceSeconds),
    rateLimit: rateLimit && { requests: rateLimit.requests, windowMs: inMs(rateLimit.windowSeconds) },
  };
  return raw as RawOptions; // To jco, undefined is absent.
}

/**
 * Spells the argument in a message of the plugin as in JavaScript: `options.max-in-flight: …` as
 * `maxInFlight: …`.
 */
export function inJavaScript(text: string): string {
  const [argument = '', ...rest] = text.split(': ');
  const name = argument.replace(/^options\./, '').replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
  return [name, ...rest].join(': ');
}

function inMs(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : Math.round(seconds * 1000);
}

type Check = (name: string, value: unknown) => void;

// Reads each option once: a getter could return something else, or throw, the second time.
function checked<T extends object>(expected: Record<string, Check>, given: T): T {
  if (typeof given !== 'object' || given === null) throw new InvalidArgument(`options: expected an object; got ${kindOf(given)}`);
  const copy = readable('options', () => ({ ...given }));
  for (const [name, value] of Object.entries(copy)) {
    const checkValue = Object.hasOwn(expected, name) ? expected[name] : undefined;
    if (checkValue === undefined) {
      throw new InvalidArgument(`unexpected option ${shown(name)}; the options are ${Object.keys(expected).join(', ')}`);
    }
    const isObject = name === 'rateLimit' && typeof value === 'object' && value !== null;
    const copied: unknown = isObject ? readable(name, () => ({ ...value })) : value;
    if (copied !== undefined) checkValue(name, copied);
    Object.assign(copy, { [name]: copied });
  }
  return copy;
}

// Returns what `read` returns. The object that it reads may throw.
function readable<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new InvalidArgument(`${name}: it cannot be read`, { cause });
  }
}

function checkText(name: string, value: unknown): void {
  if (typeof value !== 'string') throw new InvalidArgument(`${name}: expected a string; got ${kindOf(value)}`);
}

function checkNumber(name: string, value: unknown): void {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= U32_MAX) return;
  throw new InvalidArgument(`${name}: expected a whole number from 1 to ${U32_MAX}; got ${shown(value)}`);
}

function secondsUpTo(most: number): Check {
  return (name, value) => {
    if (typeof value === 'number' && value >= 0.001 && value <= most) return;
    throw new InvalidArgument(`${name}: expected 0.001 to ${most} seconds; got ${shown(value)}`);
  };
}

function checkFlag(name: string, value: unknown): void {
  if (typeof value !== 'boolean') throw new InvalidArgument(`${name}: expected true or false; got ${shown(value)}`);
}

function checkRateLimit(name: string, value: unknown): void {
  if (typeof value !== 'object' || value === null) {
    throw new InvalidArgument(`${name}: expected { requests, windowSeconds }; got ${shown(value)}`);
  }
  const { requests, windowSeconds } = value as Partial<RateLimit>;
  checkNumber(`${name}.requests`, requests);
  secondsUpTo(SECONDS_MAX)(`${name}.windowSeconds`, windowSeconds);
}

function checkSignal(name: string, value: unknown): void {
  // Not `instanceof`: test runners and polyfills have an AbortSignal of their own.
  const { aborted, addEventListener } = readable(name, () => {
    const { aborted, addEventListener } = Object(value) as Partial<AbortSignal>;
    return { aborted, addEventListener };
  });
  if (typeof aborted === 'boolean' && typeof addEventListener === 'function') return;
  throw new InvalidArgument(`${name}: expected an AbortSignal; got ${kindOf(value)}`);
}

function checkFunction(name: string, value: unknown): void {
  if (typeof value !== 'function') throw new InvalidArgument(`${name}: expected a function; got ${kindOf(value)}`);
}

function oneOf(...values: string[]): Check {
  return (name, value) => {
    if (typeof value === 'string' && values.includes(value)) return;
    throw new InvalidArgument(`${name}: expected one of ${values.join(', ')}; got ${shown(value)}`);
  };
}
