// The names of the actions.
import { InvalidArgument } from './errors.js';
import type { RawAction } from './messages.js';
import { shown } from './printable.js';

/** The name of an action, the same as in the contract, the command and the gateway. */
export type ActionName = RawAction;

// A record, so that the compiler notices a name that is missing.
const NAMES: Record<ActionName, true> = {
  'dismiss-sign-ins': true,
  'confirm-sign-ins-safe': true,
  'confirm-sign-ins-compromised': true,
  'dismiss-risky-users': true,
  'confirm-risky-users-safe': true,
  'confirm-risky-users-compromised': true,
  'dismiss-risky-service-principals': true,
  'confirm-risky-service-principals-compromised': true,
  'dismiss-risky-agents': true,
  'confirm-risky-agents-safe': true,
  'confirm-risky-agents-compromised': true,
};

/** Throws unless `action` is the name of an action. */
export function checkAction(action: unknown): asserts action is ActionName {
  if (typeof action === 'string' && Object.hasOwn(NAMES, action)) return;
  throw new InvalidArgument(`unknown action ${shown(action)}; the actions are ${Object.keys(NAMES).join(', ')}`);
}
