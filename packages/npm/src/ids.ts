// The ids of a call.
import { InvalidArgument } from './errors.js';
import { kindOf } from './printable.js';

/** Returns the ids as a list. Throws unless each is a string. */
export function listOf(ids: Iterable<string>): string[] {
  if (typeof ids === 'string' || typeof (ids as Partial<Iterable<string>> | null)?.[Symbol.iterator] !== 'function') {
    throw new InvalidArgument(`ids: expected an iterable of strings; got ${kindOf(ids)}`);
  }
  const list = [...ids];
  const other = list.findIndex((id) => typeof id !== 'string');
  if (other !== -1) throw new InvalidArgument(`ids[${other}]: expected a string; got ${kindOf(list[other])}`);
  return list;
}

/**
 * Returns each id once, in the order given: the form in which the plugin compares it, and its first
 * spelling.
 */
export function distinct(ids: readonly string[]): Map<string, string> {
  const spelled = new Map<string, string>();
  for (const id of ids) {
    const key = id.toLowerCase();
    if (!spelled.has(key)) spelled.set(key, id);
  }
  return spelled;
}
