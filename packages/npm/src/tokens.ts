// The tokens of a call or a list.
import { unlessAborted } from './abort.js';
import { fetchToken, NoToken, type Credential } from './credential.js';
import type { RawTokenRequest, TokenReply } from './messages.js';
import { nameOf } from './printable.js';
import { log } from './waits.js';

/** Whose tokens, what for. */
export interface Asked {
  readonly credential: Credential;
  /** The delegated permissions that are needed. */
  readonly permissions: readonly string[];
  /** The name of the action or the collection, for the log. */
  readonly name: string;
}

/** Asks a credential for tokens. */
export class Tokens {
  /** Whether a token was supplied. Without one, nothing was sent. */
  wereSupplied = false;
  readonly #asked: Asked;
  readonly #stopped: AbortSignal;
  readonly #onThrown: (value: unknown) => void;
  // Why there is no token. Once it is set, the credential is not asked again.
  #refusal: TokenReply | undefined;

  /** `onThrown` receives what the credential throws. Once `stopped` is aborted, it is not asked. */
  constructor(asked: Asked, stopped: AbortSignal, onThrown: (value: unknown) => void) {
    this.#asked = asked;
    this.#stopped = stopped;
    this.#onThrown = onThrown;
  }

  /** Returns a token, or why there is none. It never rejects. */
  async reply(request: RawTokenRequest): Promise<TokenReply> {
    const stopped = this.#stopped;
    try {
      const token = stopped.aborted ? undefined : (this.#refusal ?? (await unlessAborted(this.#fetch(request), stopped)));
      if (token instanceof NoToken) return this.#refuse(token.reason);
      if (typeof token !== 'string') return token ?? STOPPED;
      this.wereSupplied = true;
      return { bearer: token };
    } catch (thrown) {
      // A credential may reject because of the signal.
      if (stopped.aborted) return STOPPED;
      this.#onThrown(thrown);
      // The text of an exception may contain a secret, and reaches the caller in the exception
      // itself.
      return this.#refuse(`${nameOf(thrown)} was thrown`);
    }
  }

  #refuse(reason: string): TokenReply {
    return (this.#refusal = { error: { tag: 'denied', val: reason } });
  }

  async #fetch({ tenant, audience, endpoint, refresh, claims }: RawTokenRequest): Promise<string | NoToken> {
    const { credential, permissions, name } = this.#asked;
    log('%s: token%s%s', name, refresh ? ', refreshed' : '', claims === undefined ? '' : ', with a claims challenge');
    const scope = `${audience}/.default`;
    return await fetchToken(credential, { scope, tenant, endpoint, permissions, refresh, claims, signal: this.#stopped });
  }
}

const STOPPED: TokenReply = { error: { tag: 'unavailable', val: 'it was stopped' } };
