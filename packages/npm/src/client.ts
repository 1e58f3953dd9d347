// The four actions.
import { Call } from './call.js';
import { checkCredential, type Credential } from './credential.js';
import { Instance } from './instance.js';
import type { ActionName } from './messages.js';
import { checkCallOptions, checkSettings, merged, type CallOptions, type Settings } from './options.js';
import type { Batch } from './report.js';

/**
 * Performs the four actions, with one rate-limit state for each tenant.
 *
 * Keep the object: what it learns about the rate limit is lost with it. Calls for the same tenant run one after another,
 * calls for different tenants at the same time, in a worker thread for each tenant. The threads do not keep the process
 * running unless a call is in progress.
 *
 * Each method resolves to the batches if every id was accepted. It rejects with `PartialFailure`, which contains the outcome
 * of every id, if not; with `InvalidArgument` before anything is sent; and with what the credential or `onProgress` throws.
 * `partialFailure(error)` returns the outcomes from the latter. An exception of the credential ends the call. It is not
 * repeated: `@azure/identity` does that itself.
 */
export class EntraRisk {
  readonly #credential: Credential;
  readonly #settings: Settings;
  readonly #instances = new Map<string | undefined, Instance>();

  /**
   * @param credential A credential of `@azure/identity`, a function that takes a `TokenRequest` and returns a token, or a token.
   * @param settings Options for every call, and where the token goes.
   * @throws {InvalidArgument} If a setting is not as documented. Ranges are checked by the first call.
   * @throws {TypeError} If `credential` is none, or if a setting is unknown.
   */
  constructor(credential: Credential, settings: Settings = {}) {
    checkCredential(credential);
    checkSettings(settings);
    this.#credential = credential;
    this.#settings = { ...settings };
  }

  /**
   * Dismisses the risk of sign-ins: they no longer contribute to the risk of their users.
   *
   * Microsoft Graph refuses the ids of sign-ins that are not in the tenant or not at risk. Repeating the call is safe.
   */
  async dismissSignIns(requestIds: Iterable<string>, options: CallOptions = {}): Promise<Batch[]> {
    return await this.#perform('dismissSignIns', requestIds, options);
  }

  /**
   * Confirms sign-ins as safe: their risk is removed, and detection learns from it.
   *
   * Microsoft Graph refuses the ids of sign-ins that are not in the tenant or not at risk. Repeating the call is safe. It also
   * overrides a `confirmSignInsCompromised` made in between.
   */
  async confirmSignInsSafe(requestIds: Iterable<string>, options: CallOptions = {}): Promise<Batch[]> {
    return await this.#perform('confirmSignInsSafe', requestIds, options);
  }

  /**
   * Confirms sign-ins as compromised: the risk of their users becomes high. Policies based on risk may block these users or
   * require them to change their password.
   *
   * Microsoft Graph refuses the ids of sign-ins that are not in the tenant. Repeating the call is safe, but a user whose risk
   * was remediated in between is set to high risk again.
   */
  async confirmSignInsCompromised(requestIds: Iterable<string>, options: CallOptions = {}): Promise<Batch[]> {
    return await this.#perform('confirmSignInsCompromised', requestIds, options);
  }

  /**
   * Dismisses the risk of users: their risk level becomes none. `userIds` are object ids.
   *
   * Microsoft Graph refuses the ids of users who were deleted or are not at risk. Repeating the call is safe.
   */
  async dismissRiskyUsers(userIds: Iterable<string>, options: CallOptions = {}): Promise<Batch[]> {
    return await this.#perform('dismissRiskyUsers', userIds, options);
  }

  /**
   * Ends the worker threads, once the calls in progress have ended. A later call starts new ones, with a new rate-limit state.
   */
  async close(): Promise<void> {
    await Promise.all([...this.#instances.values()].map((instance) => instance.close()));
  }

  async #perform(action: ActionName, ids: Iterable<string>, given: CallOptions): Promise<Batch[]> {
    checkCallOptions(given);
    const { signal, onProgress, ...options } = given;
    const all = merged(this.#settings, options);
    const call = new Call(action, ids, all, this.#credential, signal, onProgress);
    return await call.perform(this.#instance(all.tenant));
  }

  // The one instance of the tenant.
  #instance(tenant: string | undefined): Instance {
    let instance = this.#instances.get(tenant);
    if (instance === undefined) {
      instance = new Instance();
      this.#instances.set(tenant, instance);
    }
    return instance;
  }
}
