// Errors of the components, completed with what this process knows.
import { adviceFor } from './sender.js';

interface Explicable {
  readonly kind: string;
  message: string;
  readonly response?: { readonly status: number; readonly clientRequestId: string };
}

/** Completes an error about which the thread that sends the requests knows more. */
export function explain(error: Explicable | undefined): void {
  if (error?.kind === 'unreachable' || error?.response?.status === 407) error.message = adviceFor(error) ?? error.message;
}
