// The client, with the actions and lists as methods.
import { setTimeout as sleep } from 'node:timers/promises';
import { throwIfAborted } from './abort.js';
import { checkAction, type ActionName } from './action.js';
import { Call } from './call.js';
import { problemWith } from './check.js';
import { checkCredential, fetchToken, NoToken, type Credential } from './credential.js';
import { ListError, type Collection, type Entry } from './entry.js';
import { InvalidArgument } from './errors.js';
import { permissionFor, ROOTS } from './graph.js';
import { distinct, listOf } from './ids.js';
import { Instances } from './instance.js';
import { Listings } from './listing.js';
import { checkedCallOptions, checkedListOptions, checkedSettings, checkedVerifyOptions, checkFilter } from './options.js';
import { inJavaScript, merged, SECONDS_MAX, type CallOptions, type ListOptions, type Settings, type VerifyOptions } from './options.js';
import type { Report } from './report.js';
import { TokenCheck } from './token-check.js';
import { ruleOf, Verifier, type Verification } from './verification.js';

const MAX_INSTANCES = 8;
const WITHIN_SECONDS = 300;

/**
 * Performs the actions, with one rate-limit state for each tenant.
 *
 * Keep the object: what it learns about the rate limit is lost with it. Calls for the same tenant
 * run one after another, calls for different tenants at the same time, in a worker thread for each
 * tenant. The threads do not keep the process running unless a call is in progress.
 *
 * Each method resolves to a `Report` with the outcome of every id, whatever happened to them. It
 * rejects with `InvalidArgument` before anything is sent, and with an `EntraRiskError`, which has
 * the report too, if `signal` was aborted or if the credential or `onProgress` threw something,
 * which is then its `cause`. After an exception, the credential is not asked again:
 * `@azure/identity` retries by itself.
 *
 * Each action is safe to repeat.
 */
export class EntraRisk {
  readonly #credential: Credential;
  readonly #settings: Settings;
  readonly #instances: Instances;
  readonly #listings: Listings;

  /**
   * @param credential A credential of `@azure/identity`, a function that takes a `TokenRequest` and
   *   returns a token, or a token.
   * @param settings Options for every call, where the token goes, and how many tenants are kept.
   * @throws {InvalidArgument} If an argument is not as documented. Some ranges are checked by each
   *   call.
   */
  constructor(credential: Credential, settings: Settings = {}) {
    checkCredential(credential);
    this.#credential = credential;
    this.#settings = checkedSettings(settings);
    this.#instances = new Instances(this.#settings.maxInstances ?? MAX_INSTANCES);
    this.#listings = new Listings(credential);
  }

  /**
   * Starts an action, and returns the call. Iterate over it to get each batch as it ends:
   *
   *     for await (const batch of risk.start('dismiss-risky-users', ids)) save(batch);
   *
   * @throws {InvalidArgument} If an argument is not as documented. The loop throws it for ids and
   *   ranges.
   */
  start(action: ActionName, ids: Iterable<string>, options: CallOptions = {}): Call {
    checkAction(action);
    const { signal, onProgress, ...others } = checkedCallOptions(options);
    const given = { action, ids, options: merged(this.#settings, others), credential: this.#credential, signal, onProgress };
    return new Call(given, this.#instances);
  }

  /**
   * Dismisses the risk of sign-ins: they no longer contribute to the risk of their users.
   *
   * Microsoft Graph refuses the ids of sign-ins that are not in the tenant or not at risk.
   */
  async dismissSignIns(requestIds: Iterable<string>, options: CallOptions = {}): Promise<Report> {
    return await this.#perform('dismiss-sign-ins', requestIds, options);
  }

  /**
   * Confirms sign-ins as safe: their risk is removed, and detection learns from it. It overrides a
   * `confirmSignInsCompromised` made before.
   *
   * Microsoft Graph refuses the ids of sign-ins that are not in the tenant or not at risk.
   */
  async confirmSignInsSafe(requestIds: Iterable<string>, options: CallOptions = {}): Promise<Report> {
    return await this.#perform('confirm-sign-ins-safe', requestIds, options);
  }

  /**
   * Confirms sign-ins as compromised: the risk of their users becomes high. Policies based on risk
   * may block these users or require them to change their password.
   *
   * Microsoft Graph refuses the ids of sign-ins that are not in the tenant. A user whose risk was
   * remediated between two calls is set to high risk again.
   */
  async confirmSignInsCompromised(requestIds: Iterable<string>, options: CallOptions = {}): Promise<Report> {
    return await this.#perform('confirm-sign-ins-compromised', requestIds, options);
  }

  /**
   * Dismisses the risk of users: their risk level becomes none. `userIds` are object ids.
   *
   * Microsoft Graph refuses the ids of users who were deleted or are not at risk.
   */
  async dismissRiskyUsers(userIds: Iterable<string>, options: CallOptions = {}): Promise<Report> {
    return await this.#perform('dismiss-risky-users', userIds, options);
  }

  /**
   * Confirms users as safe: their risk is removed, and detection learns from it. It overrides a
   * `confirmRiskyUsersCompromised` made before. `userIds` are object ids.
   */
  async confirmRiskyUsersSafe(userIds: Iterable<string>, options: CallOptions = {}): Promise<Report> {
    return await this.#perform('confirm-risky-users-safe', userIds, options);
  }

  /**
   * Confirms users as compromised: their risk becomes high. Policies based on risk may block these
   * users or require them to change their password. `userIds` are object ids.
   *
   * A user whose risk was remediated between two calls is set to high risk again.
   */
  async confirmRiskyUsersCompromised(userIds: Iterable<string>, options: CallOptions = {}): Promise<Report> {
    return await this.#perform('confirm-risky-users-compromised', userIds, options);
  }

  /**
   * Dismisses the risk of service principals. `servicePrincipalIds` are object ids.
   */
  async dismissRiskyServicePrincipals(servicePrincipalIds: Iterable<string>, options: CallOptions = {}): Promise<Report> {
    return await this.#perform('dismiss-risky-service-principals', servicePrincipalIds, options);
  }

  /**
   * Confirms service principals as compromised: their risk becomes high. Policies based on risk may
   * block them. `servicePrincipalIds` are object ids.
   *
   * One whose risk was remediated between two calls is set to high risk again.
   */
  async confirmRiskyServicePrincipalsCompromised(servicePrincipalIds: Iterable<string>, options: CallOptions = {}): Promise<Report> {
    return await this.#perform('confirm-risky-service-principals-compromised', servicePrincipalIds, options);
  }

  /**
   * Dismisses the risk of agents. `agentIds` are object ids of agent identities. Microsoft Graph
   * has this action in `beta` and in the global cloud only.
   */
  async dismissRiskyAgents(agentIds: Iterable<string>, options: CallOptions = {}): Promise<Report> {
    return await this.#perform('dismiss-risky-agents', agentIds, options);
  }

  /**
   * Confirms agents as safe: their risk is removed. It overrides a `confirmRiskyAgentsCompromised`
   * made before. `agentIds` are object ids of agent identities. Microsoft Graph has this action in
   * `beta` and in the global cloud only.
   */
  async confirmRiskyAgentsSafe(agentIds: Iterable<string>, options: CallOptions = {}): Promise<Report> {
    return await this.#perform('confirm-risky-agents-safe', agentIds, options);
  }

  /**
   * Confirms agents as compromised: their risk becomes high. Policies based on risk may block them.
   * `agentIds` are object ids of agent identities. Microsoft Graph has this action in `beta` and in
   * the global cloud only.
   *
   * One whose risk was remediated between two calls is set to high risk again.
   */
  async confirmRiskyAgentsCompromised(agentIds: Iterable<string>, options: CallOptions = {}): Promise<Report> {
    return await this.#perform('confirm-risky-agents-compromised', agentIds, options);
  }

  /**
   * Lists users with a risk, or those that the OData filter selects, such as `riskState eq 'atRisk'
   * and riskLevel eq 'high'`:
   *
   *     for await (const { id, name } of risk.listRiskyUsers("riskState eq 'atRisk'")) …
   *
   * A page is requested when its first entry is wanted. The loop throws a `ListError` if the list
   * cannot be read to its end, and `InvalidArgument` for the filter and ranges.
   *
   * @throws {InvalidArgument} If an argument is not as documented.
   */
  listRiskyUsers(filter?: string, options: ListOptions = {}): AsyncGenerator<Entry, void, undefined> {
    return this.#list('risky-users', filter, checkedListOptions(options));
  }

  /**
   * Lists sign-ins, without a filter those with a risk. It is read like `listRiskyUsers`.
   *
   * @throws {InvalidArgument} If an argument is not as documented.
   */
  listSignIns(filter?: string, options: ListOptions = {}): AsyncGenerator<Entry, void, undefined> {
    return this.#list('sign-ins', filter, checkedListOptions(options));
  }

  /**
   * Lists service principals with a risk. It is read like `listRiskyUsers`.
   *
   * @throws {InvalidArgument} If an argument is not as documented.
   */
  listRiskyServicePrincipals(filter?: string, options: ListOptions = {}): AsyncGenerator<Entry, void, undefined> {
    return this.#list('risky-service-principals', filter, checkedListOptions(options));
  }

  /**
   * Waits until an action has taken effect for these ids, which were accepted, or until the time is
   * over: reads the list that shows it, again and again. Resolves to what has become of each id.
   *
   * It takes at most 10 s more than `withinSeconds`, and what a credential takes. It rejects with a
   * `ListError` if the list cannot be read once; if it cannot be read again, it resolves to what is
   * known. It rejects with `InvalidArgument` for actions on agents, which cannot be listed.
   */
  async verify(action: ActionName, ids: Iterable<string>, options: VerifyOptions = {}): Promise<Verification> {
    checkAction(action);
    const { withinSeconds = WITHIN_SECONDS, ...others } = checkedVerifyOptions(options);
    const rule = ruleOf(action);
    const { rateLimit, deadlineSeconds = SECONDS_MAX } = { ...this.#settings, ...others };
    const verifier = new Verifier(rule, distinct(listOf(ids)), withinSeconds * 1000, rateLimit?.windowSeconds);
    for (let wait; (wait = verifier.wait()) !== undefined; verifier.end()) {
      await sleep(wait, undefined, others.signal && { signal: others.signal }).catch(() => undefined);
      throwIfAborted(others.signal);
      const options = { ...others, deadlineSeconds: Math.min(verifier.begin(), deadlineSeconds) };
      try {
        for await (const entry of this.#list(rule.collection, rule.filter, options)) verifier.saw(entry);
      } catch (error) {
        if (error instanceof ListError && verifier.isRead) break;
        throw error;
      }
    }
    return verifier.result();
  }

  /**
   * Requests a token, sends nothing to Microsoft Graph, and resolves to what the token says of
   * itself: whose it is, until when, and which permission for this action is missing.
   *
   * It rejects with what the credential throws.
   */
  async check(action: ActionName, { tenant }: Pick<CallOptions, 'tenant'> = {}): Promise<TokenCheck> {
    checkAction(action);
    const options = merged(this.#settings, checkedCallOptions({ tenant }));
    const problem = await problemWith({ action, ids: [], options });
    if (problem !== undefined) throw new InvalidArgument(inJavaScript(problem));
    const root = ROOTS[options.cloud ?? 'global'];
    const token = await fetchToken(this.#credential, {
      scope: `${options.audience ?? root}/.default`,
      tenant: options.tenant,
      endpoint: options.endpoint ?? root,
      permissions: [permissionFor(action, 'delegated')],
      refresh: false,
      claims: undefined,
      signal: new AbortController().signal,
    });
    if (token instanceof NoToken) throw new InvalidArgument(token.reason);
    return new TokenCheck(token, action);
  }

  /**
   * Ends the worker threads, once the calls in progress have ended. Lists end with an error. A
   * later call starts new threads, with a new rate-limit state.
   */
  async close(): Promise<void> {
    await Promise.all([this.#instances.close(), this.#listings.close()]);
  }

  #list(collection: Collection, filter: string | undefined, { signal, ...options }: ListOptions): AsyncGenerator<Entry, void, undefined> {
    checkFilter(filter);
    return this.#listings.entries({ collection, filter, options: merged(this.#settings, options) }, signal);
  }

  async #perform(action: ActionName, ids: Iterable<string>, options: CallOptions): Promise<Report> {
    const call = this.start(action, ids, options);
    for await (const _ of call);
    return call.report();
  }
}
