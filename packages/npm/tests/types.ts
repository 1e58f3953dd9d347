// What the type checker accepts and rejects. Never run.
import { DefaultAzureCredential, type TokenCredential } from '@azure/identity';
import { EntraRisk, RiskError, type Batch, type CallOptions, type Credential, type ErrorKind, type Receipt } from 'entra-risk';

export const credentials: Credential[] = [
  new DefaultAzureCredential(),
  {} as TokenCredential,
  'token',
  () => 'token',
  async ({ scope }) => ({ token: scope }),
];

export async function results(risk: EntraRisk, options: CallOptions): Promise<Batch[]> {
  return await risk.dismissRiskyUsers(new Set(['id']), { ...options, apiVersion: 'beta', tenant: undefined });
}

// The outcome determines whether there is a receipt or an error.
export function detail(batch: Batch): Receipt | RiskError {
  return batch.outcome === 'accepted' ? batch.receipt : batch.error;
}

export const kinds: ErrorKind[] = ['no-token', 'throttled'];

// @ts-expect-error A number is no credential.
new EntraRisk(5);
// @ts-expect-error No such option.
new EntraRisk('token', { tennant: 'contoso' });
// @ts-expect-error No such cloud.
new EntraRisk('token', { cloud: 'moon' });
// @ts-expect-error Where the token goes belongs to the credential.
void new EntraRisk('token').dismissRiskyUsers([], { endpoint: 'https://example.com' });
// @ts-expect-error No such error.
kinds.push('no-such-kind');
