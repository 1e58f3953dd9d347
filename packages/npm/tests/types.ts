// What the type checker accepts and rejects. Never run.
import { DefaultAzureCredential, type TokenCredential } from '@azure/identity';
import { EntraRisk, signIn, type ActionName, type Batch, type Call, type CallOptions, type Credential, type ErrorKind } from 'entra-risk';
import type { Entry, Progress, Receipt, Report, RiskError, TokenCheck, Verification } from 'entra-risk';

export const credentials: Credential[] = [
  new DefaultAzureCredential(),
  {} as TokenCredential,
  'token',
  () => 'token',
  async ({ scope }) => ({ token: scope }),
  signIn('browser', { clientId: 'app' }),
];

export async function results(risk: EntraRisk, options: CallOptions): Promise<Report> {
  return await risk.dismissRiskyUsers(new Set(['id']), { ...options, apiVersion: 'beta', tenant: undefined });
}

export async function* details(call: Call): AsyncGenerator<Receipt | RiskError> {
  for await (const batch of call) yield detail(batch);
}

// The outcome determines whether there is a receipt or an error.
function detail(batch: Batch): Receipt | RiskError {
  return batch.outcome === 'accepted' ? batch.receipt : batch.error;
}

export async function* lists(risk: EntraRisk): AsyncGenerator<Entry | Verification | TokenCheck> {
  yield* risk.listSignIns("riskState eq 'atRisk'", { pageSize: 1000, tenant: 'contoso' });
  yield await risk.verify('dismiss-sign-ins', new Set(['id']), { withinSeconds: 60 });
  yield await risk.check('dismiss-sign-ins');
}

export const options: CallOptions[] = [
  { onProgress: ({ done, left }) => console.log(done, left) },
  { onProgress: async (_: Progress) => undefined, signal: new AbortController().signal },
  { rateLimit: { requests: 5, windowSeconds: 0.5 }, deadlineSeconds: 1.5 },
];

export const kinds: ErrorKind[] = ['no-token', 'throttled'];

// @ts-expect-error A number is no credential.
new EntraRisk(5);
// @ts-expect-error A class is no credential.
new EntraRisk(DefaultAzureCredential);
// @ts-expect-error No such option.
new EntraRisk('token', { tennant: 'contoso' });
// @ts-expect-error No such cloud.
new EntraRisk('token', { cloud: 'moon' });
// @ts-expect-error Where the token goes belongs to the credential.
void new EntraRisk('token').dismissRiskyUsers([], { endpoint: 'https://example.com' });
// @ts-expect-error Ids in flight are a matter of actions.
new EntraRisk('token').listRiskyUsers(undefined, { maxInFlight: 2 });
// @ts-expect-error No such way to sign in.
signIn('password');
// @ts-expect-error No such action.
new EntraRisk('token').start('dismissRiskyUsers', []);
// @ts-expect-error No such error.
kinds.push('no-such-kind');
// @ts-expect-error No such action.
export const action: ActionName = 'dismiss-users';
