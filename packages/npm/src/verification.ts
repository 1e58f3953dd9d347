// Whether actions have taken effect. An acceptance means only that Microsoft Graph took the
// request: the state changes minutes later, or never.
import type { ActionName } from './action.js';
import type { Collection, Entry } from './entry.js';
import { InvalidArgument } from './errors.js';

/** What has become of ids that were accepted. Each is in one of the three. */
export interface Verification {
  /** In the state that the action leads to. */
  readonly done: readonly string[];
  /** Microsoft Graph says that it is still processing the risk. */
  readonly processing: readonly string[];
  /** The state has not changed. */
  readonly unchanged: readonly string[];
}

/** How to see that an action has taken effect. */
export interface Rule {
  readonly collection: Collection;
  readonly filter: string;
  readonly isDoneIfListed: boolean;
}

// How often a list is read at most.
const MAX_READINGS = 20;
// The first two readings begin this part of the time apart. The distance doubles.
const FIRST_PARTS = 150;
// The longest distance between two readings, as a part of the time.
const PARTS = 15;
// Until the first reading, so that it does not follow the action within one window of the limit
// that they share.
const FIRST_DELAY_MS = 1000;

/**
 * Returns the list that shows the effect of an action. The rules are those of the command: a
 * dismissal is done when the risk is gone, whatever took it away, and a confirmation when the state
 * is the one that it leads to.
 *
 * @throws {InvalidArgument} If there is no such list.
 */
export function ruleOf(action: ActionName): Rule {
  const collections: Collection[] = ['sign-ins', 'risky-users', 'risky-service-principals'];
  const collection = collections.find((name) => action.includes(`-${name}`));
  if (collection === undefined) {
    throw new InvalidArgument(`${action}: agents cannot be listed, so nothing shows whether this has taken effect`);
  }
  if (action.startsWith('dismiss-')) return { collection, filter: "riskState eq 'atRisk'", isDoneIfListed: false };
  const state = action.endsWith('-safe') ? 'confirmedSafe' : 'confirmedCompromised';
  return { collection, filter: `riskState eq '${state}'`, isDoneIfListed: true };
}

/** The ids whose state is awaited, and when the list is to be read again. */
export class Verifier {
  readonly #rule: Rule;
  readonly #withinMs: number;
  // The ids in lower case, and their spellings.
  readonly #ids: ReadonlyMap<string, string>;
  // Those that are not done, and whether Microsoft Graph is processing them.
  #pending: Map<string, boolean>;
  #seen = new Map<string, boolean>();
  #readings = 0;
  readonly #started = performance.now();
  #began = this.#started;
  #ended = this.#started;

  constructor(rule: Rule, ids: ReadonlyMap<string, string>, withinMs: number) {
    this.#rule = rule;
    this.#withinMs = withinMs;
    this.#ids = ids;
    this.#pending = new Map([...ids.keys()].map((id) => [id, false]));
  }

  /**
   * Returns the milliseconds until the list is to be read again, or undefined if every id is done
   * or the time is over. The last reading begins early enough to end in time.
   */
  wait(): number | undefined {
    if (this.#pending.size === 0) return undefined;
    if (this.#readings === 0) return Math.min(FIRST_DELAY_MS, this.#withinMs);
    const distance = Math.min((this.#withinMs / FIRST_PARTS) * 2 ** (this.#readings - 1), this.#withinMs / PARTS);
    const last = this.#started + this.#withinMs - (this.#ended - this.#began);
    const begins = Math.min(Math.max(this.#began + distance, this.#ended), last);
    if (begins < this.#ended || begins <= this.#began || this.#readings >= MAX_READINGS) return undefined;
    return Math.max(0, begins - performance.now());
  }

  /** A reading begins. */
  begin(): void {
    this.#began = performance.now();
    this.#seen = new Map();
  }

  /** The list contains this entry. */
  saw({ id, processing }: Entry): void {
    const key = id.toLowerCase();
    if (this.#pending.has(key)) this.#seen.set(key, processing);
  }

  /** The list was read to its end. */
  end(): void {
    this.#readings += 1;
    this.#ended = performance.now();
    const seen = this.#seen;
    const left = [...this.#pending.keys()].filter((id) => (this.#rule.isDoneIfListed ? seen.get(id) !== false : seen.has(id)));
    this.#pending = new Map(left.map((id) => [id, seen.get(id) ?? false]));
  }

  /** Returns what is known since the list was last read to its end. */
  result(): Verification {
    const spelled = (wanted: boolean | undefined): string[] =>
      [...this.#ids].filter(([id]) => this.#pending.get(id) === wanted).map(([, spelling]) => spelling);
    return { done: spelled(undefined), processing: spelled(true), unchanged: spelled(false) };
  }
}
