// Abort signals. That of a caller may be an object of another library, which throws when it is
// used.

/** Resolves to what `promise` resolves to, or to undefined once `signal` is aborted. */
export async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  let stop = (): void => undefined;
  const aborted = new Promise<undefined>((resolve) => (stop = () => resolve(undefined)));
  signal.addEventListener('abort', stop);
  promise.catch(() => undefined); // It may reject when nobody waits for it any more.
  try {
    return signal.aborted ? undefined : await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** Returns whether the signal of a caller is aborted. */
export function isAborted(signal: AbortSignal | undefined): boolean {
  try {
    return signal?.aborted === true;
  } catch {
    return false;
  }
}

/** Returns why the signal of a caller is aborted. */
export function reasonOf(signal: AbortSignal): unknown {
  try {
    return signal.reason;
  } catch (thrown) {
    return thrown;
  }
}

/** Throws why the signal of a caller is aborted, if it is. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal !== undefined && isAborted(signal)) throw reasonOf(signal);
}
