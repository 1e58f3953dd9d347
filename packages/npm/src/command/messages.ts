// The messages between the main thread of the command and the thread of its component.
import type { ActionName } from '../action.js';
import type { RawTokenRequest } from '../messages.js';
import type { SignInMethod } from '../sign-in.js';
import type { Folder, NamedFile } from './folders.js';

/** What a command line needs: the line that `--needs` prints, as far as it is used. */
export interface Needs {
  readonly files: readonly NamedFile[];
  /** The list to lock. */
  readonly remaining: string | null;
  readonly action: ActionName | null;
  /** Whether only the token is looked at. */
  readonly check: boolean;
  readonly signIn: SignInMethod | null;
  readonly clientId: string | null;
  readonly tenant: string | null;
  /** The least delegated permissions. */
  readonly scopes: readonly string[];
  /** Whether a token will be requested. */
  readonly credential: boolean;
}

/** The reply to `needs`. */
export interface Grant {
  readonly folders: readonly Folder[];
  /** The arguments, with the paths in them spelled for the component. */
  readonly args: readonly string[];
}

/** The reply to `input`: bytes, nothing at the end of standard input, or an error. */
export interface Input {
  readonly bytes?: Uint8Array | undefined;
  readonly error?: string;
}

/** A message from the thread of the component, which waits for the reply to all but `exit`. */
export type CommandMessage =
  | { readonly kind: 'needs'; readonly needs: Needs }
  | { readonly kind: 'token-request'; readonly request: RawTokenRequest }
  | { readonly kind: 'input' }
  | { readonly kind: 'exit'; readonly code: number };
