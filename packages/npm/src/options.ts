// The options of a call.
import { kindOf } from './credential.js';
import { InvalidArgument } from './errors.js';
import type { RawOptions } from './messages.js';
import type { Progress } from './report.js';

/** A national cloud. */
export type Cloud = 'global' | 'us-gov-l4' | 'us-gov-l5' | 'china';

/** A version of Microsoft Graph. */
export type ApiVersion = 'v1' | 'beta';

/** At most `requests` requests in any period of `windowMs` milliseconds. Retries count. Each is at least 1. */
export interface RateLimit {
  readonly requests: number;
  readonly windowMs: number;
}

/** Options of each action, and of `EntraRisk` for every call. An option that is absent or undefined has its default. */
export interface Options {
  /**
   * Names the tenant that the ids belong to: 1 to 256 visible ASCII characters, such as its GUID. It is passed to the
   * credential as `tenantId`, and each tenant has a rate-limit state of its own. Default: none.
   */
  readonly tenant?: string | undefined;
  /** `v1` or `beta`. Default: `v1` to dismiss, `beta` to confirm. */
  readonly apiVersion?: ApiVersion | undefined;
  /** Maximum ids in a request: 1 to 60 for users, 1 to 10 000 for sign-ins. Default: 60. */
  readonly idsPerRequest?: number | undefined;
  /** Maximum concurrent requests: 1 to 32. Default: 4. */
  readonly maxInFlight?: number | undefined;
  /**
   * Maximum attempts for the same ids: 1 to 10. Attempts answered with 429 do not count, nor those repeated with a fresh
   * token. Default: 4.
   */
  readonly maxAttempts?: number | undefined;
  /** Milliseconds from sending a request to the end of its response: 1 to 600 000. Default: 100 000. */
  readonly attemptTimeoutMs?: number | undefined;
  /**
   * Milliseconds for the whole call, at least 1. Time that the credential takes can exceed it, and time spent waiting for
   * another call for the same tenant does not count. Default: no deadline.
   */
  readonly deadlineMs?: number | undefined;
  /**
   * Longest time in milliseconds from a failure to the next acceptance, at least 1: then the call ends with its last error.
   * Default: 180 000.
   */
  readonly patienceMs?: number | undefined;
  /** Whether a batch that Microsoft Graph refuses is split to find the ids at fault. Default: true. */
  readonly isolateRefused?: boolean | undefined;
  /**
   * The rate limit to keep. Default: the documented one, 1 request in 1 000 ms for users and 5 in 10 000 ms for sign-ins.
   */
  readonly rateLimit?: RateLimit | undefined;
}

/** The argument of each action: the options, and how to follow and end the call. */
export interface CallOptions extends Options {
  /**
   * Ends the call at its next step once it is aborted; requests in flight get up to 10 s more. Then the call rejects with
   * `PartialFailure`, whose `cause.kind` is `cancelled`, unless every id was accepted by then.
   */
  readonly signal?: AbortSignal | undefined;
  /** Called before each attempt, and awaited. An exception that it throws ends the call. */
  readonly onProgress?: ((progress: Progress) => void | Promise<void>) | undefined;
}

/**
 * The argument of `EntraRisk`: the options, and where the token goes. The latter belongs to the credential, so an action does
 * not accept it.
 */
export interface Settings extends Options {
  /** The national cloud. Default: `global`. */
  readonly cloud?: Cloud | undefined;
  /**
   * Replaces the cloud's root as the address of the requests: `https://` with a host and optionally a port, or `http://` with
   * a loopback host. The token is sent there. Default: the cloud's root.
   */
  readonly endpoint?: string | undefined;
  /**
   * Replaces the cloud's root as the audience of the token: `https://` with a host and optionally a port. Default: the cloud's
   * root.
   */
  readonly audience?: string | undefined;
}

const U32_MAX = 2 ** 32 - 1;

const OPTIONS: Record<keyof Options, Check> = {
  tenant: checkText,
  apiVersion: oneOf('v1', 'beta'),
  idsPerRequest: checkNumber,
  maxInFlight: checkNumber,
  maxAttempts: checkNumber,
  attemptTimeoutMs: checkNumber,
  deadlineMs: checkNumber,
  patienceMs: checkNumber,
  isolateRefused: checkFlag,
  rateLimit: checkRateLimit,
};

const CALL_OPTIONS: Record<keyof CallOptions, Check> = { ...OPTIONS, signal: checkSignal, onProgress: checkFunction };

const SETTINGS: Record<keyof Settings, Check> = {
  ...OPTIONS,
  cloud: oneOf('global', 'us-gov-l4', 'us-gov-l5', 'china'),
  endpoint: checkText,
  audience: checkText,
};

/** Throws unless `given` contains options of a call, as far as the conversion to WebAssembly needs. The plugin checks the ranges. */
export function checkCallOptions(given: CallOptions): void {
  check(CALL_OPTIONS, given);
}

/** The same for the settings of `EntraRisk`. */
export function checkSettings(given: Settings): void {
  check(SETTINGS, given);
}

/** The options of a call: those given to it, and the settings for the others. */
export function merged(settings: Settings, given: Options): RawOptions {
  const all: Record<string, unknown> = { ...settings };
  for (const [name, value] of Object.entries(given)) {
    if (value !== undefined) all[name] = value;
  }
  const { rateLimit, ...others } = all as RawOptions;
  // Only these two members can be passed to the thread, whatever else the object has.
  return rateLimit ? { ...others, rateLimit: { requests: rateLimit.requests, windowMs: rateLimit.windowMs } } : others;
}

type Check = (name: string, value: unknown) => void;

function check(expected: Record<string, Check>, given: object): void {
  if (typeof given !== 'object' || given === null) throw new TypeError(`options: expected an object; got ${kindOf(given)}`);
  for (const [name, value] of Object.entries(given)) {
    const checkValue = Object.hasOwn(expected, name) ? expected[name] : undefined;
    if (checkValue === undefined) {
      throw new TypeError(`unexpected option '${name}'; the options are ${Object.keys(expected).join(', ')}`);
    }
    if (value !== undefined) checkValue(name, value);
  }
}

function checkText(name: string, value: unknown): void {
  if (typeof value !== 'string') throw new InvalidArgument(`${name}: expected a string; got ${kindOf(value)}`);
}

function checkNumber(name: string, value: unknown): void {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= U32_MAX) return;
  throw new InvalidArgument(`${name}: expected a whole number from 1 to ${U32_MAX}; got ${shown(value)}`);
}

function checkFlag(name: string, value: unknown): void {
  if (typeof value !== 'boolean') throw new InvalidArgument(`${name}: expected true or false; got ${shown(value)}`);
}

function checkRateLimit(name: string, value: unknown): void {
  if (typeof value !== 'object' || value === null) {
    throw new InvalidArgument(`${name}: expected { requests, windowMs }; got ${shown(value)}`);
  }
  const { requests, windowMs } = value as Partial<RateLimit>;
  checkNumber(`${name}.requests`, requests);
  checkNumber(`${name}.windowMs`, windowMs);
}

function checkSignal(name: string, value: unknown): void {
  // Not `instanceof`: test runners and polyfills have an AbortSignal of their own.
  const { aborted, addEventListener } = Object(value) as Partial<AbortSignal>;
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

function shown(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : typeof value === 'object' ? kindOf(value) : String(value);
}
