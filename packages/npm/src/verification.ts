// Whether actions have taken effect. An acceptance means only that Microsoft Graph took the
// request: the state changes minutes later, or never.
import type { ActionName } from './action.js';
import type { Collection, Entry } from './entry.js';
import { InvalidArgument } from './errors.js';
import { WINDOW_SECONDS } from './graph.js';

/** What has become of ids that were accepted. Each is in one of the three. */
export interface Verification {
  /** In the state that the action leads to. */
  readonly done: readonly string[];
  /**
   * Microsoft Graph says that it is still processing the risk, or a risk that is to be dismissed
   * was missing from the latest reading alone.
   */
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
// How much longer than the time a reading may take.
const LATE_MS = 10_000;

// What the readings so far say of an id that is not done. `missing`: the latest one was the first
// one without it.
type Pending = 'unchanged' | 'processing' | 'missing';

/**
 * Returns the list that shows the effect of an action. The rules are those of the command: a
 * dismissal is done when the risk is gone, whatever took it away, and a confirmation when the state
 * is the one that it leads to. A risk is gone when two complete readings in a row lack it: pages
 * shift when other entries change, so one reading may miss any.
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
  readonly #firstMs: number;
  // The ids in lower case, and their spellings.
  readonly #ids: ReadonlyMap<string, string>;
  // Those that are not done.
  readonly #pending: Map<string, Pending>;
  #seen = new Map<string, boolean>();
  #readings = 0;
  readonly #started = performance.now();
  #began = this.#started;
  #ended = this.#started;

  /**
   * The first reading does not follow the action within one window of the limit that they share,
   * which is the documented one unless `windowSeconds` is given, but leaves time for another.
   */
  constructor(rule: Rule, ids: ReadonlyMap<string, string>, withinMs: number, windowSeconds = WINDOW_SECONDS[rule.collection]) {
    this.#rule = rule;
    this.#withinMs = withinMs;
    this.#firstMs = Math.min(windowSeconds * 1000, withinMs / 2);
    this.#ids = ids;
    this.#pending = new Map([...ids.keys()].map((id) => [id, 'unchanged']));
  }

  /** Whether the list was read to its end at least once. */
  get isRead(): boolean {
    return this.#readings > 0;
  }

  /**
   * Returns the milliseconds until the list is to be read again, or undefined if every id is done
   * or the time is over. The last two readings begin early enough to end in time.
   */
  wait(): number | undefined {
    if (this.#pending.size === 0) return undefined;
    if (this.#readings === 0) return this.#firstMs;
    const [took, first] = [this.#ended - this.#began, this.#withinMs / FIRST_PARTS];
    const distance = Math.min(first * 2 ** (this.#readings - 1), this.#withinMs / PARTS);
    const last = this.#started + this.#withinMs - took;
    // The last but one may take somewhat longer than the one before.
    const lastButOne = last - took - first;
    const isTimeForTwo = lastButOne >= this.#ended && lastButOne > this.#began;
    const begins = Math.min(Math.max(this.#began + distance, this.#ended), isTimeForTwo ? lastButOne : last);
    if (begins < this.#ended || begins <= this.#began || this.#readings >= MAX_READINGS) return undefined;
    return Math.max(0, begins - performance.now());
  }

  /** A reading begins. Returns the seconds that it may take. */
  begin(): number {
    this.#began = performance.now();
    this.#seen = new Map();
    return (Math.max(0, this.#started + this.#withinMs - this.#began) + LATE_MS) / 1000;
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
    for (const [id, before] of this.#pending) {
      const isProcessing = this.#seen.get(id);
      const isGone = isProcessing === undefined && !this.#rule.isDoneIfListed;
      const isDone = isGone ? before === 'missing' : this.#rule.isDoneIfListed && isProcessing === false;
      if (isDone) this.#pending.delete(id);
      else this.#pending.set(id, isGone ? 'missing' : isProcessing === true ? 'processing' : 'unchanged');
    }
  }

  /** Returns what is known since the list was last read to its end. */
  result(): Verification {
    const spelled = (...wanted: (Pending | undefined)[]): string[] =>
      [...this.#ids].filter(([id]) => wanted.includes(this.#pending.get(id))).map(([, spelling]) => spelling);
    return { done: spelled(undefined), processing: spelled('processing', 'missing'), unchanged: spelled('unchanged') };
  }
}
