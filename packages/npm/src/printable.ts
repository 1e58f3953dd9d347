// Text from outside in a form that can be shown: a terminal executes some characters, others end a
// line or change the order in which text is read.

// How many characters of a value a message shows.
const MAX_CHARACTERS = 64;

// Control characters (ESC, line ends, U+0080 to U+009F), the line and paragraph separators,
// characters that reorder the text around them or are invisible, and lone surrogates.
const NOT_PRINTABLE =
  /[\0-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff0-\ufffb\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}\u{e0000}-\u{e0fff}]/gu;
const WHITE_SPACE = /[\t-\r\x85\u2028\u2029]/;

/**
 * Returns the text on one line. A space replaces each white space, and U+FFFD each other character
 * that is not shown as itself.
 */
export function printable(text: string): string {
  return text.replace(NOT_PRINTABLE, (character) => (WHITE_SPACE.test(character) ? ' ' : '\ufffd'));
}

/** Returns a value for a message. Objects may contain a secret, so that only their type is shown. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return `'${cut(value)}'`;
  return typeof value === 'object' || typeof value === 'function' ? kindOf(value) : cut(String(value));
}

/** Returns the type of a value, for a message that must not contain the value itself. */
export function kindOf(value: unknown): string {
  return value === null ? 'null' : typeof value;
}

/**
 * Returns the name or the message of what was thrown, or else its type. Anything can be thrown:
 * reading it may throw too, and its name may be no string.
 */
export function nameOf(thrown: unknown, property: 'name' | 'message' = 'name'): string {
  try {
    const text: unknown = thrown instanceof Error || typeof thrown === 'function' ? (thrown as Error)[property] : undefined;
    if (typeof text === 'string' && text !== '') return cut(text);
  } catch {
    // Its name cannot be read.
  }
  return kindOf(thrown);
}

function cut(text: string): string {
  const characters = [...text.slice(0, 2 * MAX_CHARACTERS + 2)];
  const end = characters.length > MAX_CHARACTERS ? '…' : '';
  return printable(characters.slice(0, MAX_CHARACTERS).join('')) + end;
}
