// Certificates of a root that no program trusts by default.
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCA, createCert } from 'mkcert';

/** A key and a certificate for hosts, and the root that issued it. */
export interface Certificate {
  readonly key: string;
  readonly cert: string;
  readonly ca: string;
  readonly rootFile: string;
}

/** Issues a certificate for these hosts. */
export async function certificateFor(...domains: string[]): Promise<Certificate> {
  const ca = await createCA({ organization: 'Stub', countryCode: 'US', state: 'Stub', locality: 'Stub', validity: 2 });
  const { key, cert } = await createCert({ ca, domains, validity: 2 });
  const rootFile = join(mkdtempSync(join(tmpdir(), 'entra-risk-root-')), 'root.pem');
  writeFileSync(rootFile, ca.cert);
  return { key, cert, ca: ca.cert, rootFile };
}
