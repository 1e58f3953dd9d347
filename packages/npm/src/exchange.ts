// The messages between the thread of the plugin and the thread that sends its requests.
import type { MessagePort } from 'node:worker_threads';

/** The data that the thread that sends the requests is created with. */
export interface RequestsSetup {
  /** Where it posts what it receives. */
  readonly responses: MessagePort;
  /** One 32-bit integer, which counts the messages posted to `responses`. */
  readonly arrived: SharedArrayBuffer;
}

/** A message to the thread that sends the requests. */
export type RequestMessage =
  | {
      readonly kind: 'send';
      readonly id: number;
      readonly method: string;
      readonly isHttps: boolean;
      readonly authority: string;
      readonly path: string;
      readonly headers: readonly (readonly [string, string])[];
      readonly body: Uint8Array;
    }
  /** The plugin has dropped the request: nothing of it may remain. */
  | { readonly kind: 'abandon'; readonly id: number };

/** An `error-code` of `wasi:http`. */
export type Failure =
  | { readonly tag: 'DNS-error'; readonly val: { readonly rcode: string } }
  | {
      readonly tag:
        | 'connection-refused'
        | 'connection-terminated'
        | 'destination-unavailable'
        | 'HTTP-protocol-error'
        | 'TLS-certificate-error';
    }
  | { readonly tag: 'internal-error'; readonly val: string };

/**
 * A message from the thread that sends the requests. `end` or `failed` is the last one of a
 * request. The `advice` says what happened and what to do, if that is known: the plugin knows only
 * the failure.
 */
export type ResponseMessage = { readonly id: number } & (
  | { readonly kind: 'head'; readonly status: number; readonly headers: readonly (readonly [string, string])[] }
  | { readonly kind: 'data'; readonly bytes: Uint8Array }
  | { readonly kind: 'end'; readonly advice?: string | undefined }
  | { readonly kind: 'failed'; readonly failure: Failure; readonly advice?: string | undefined }
);
