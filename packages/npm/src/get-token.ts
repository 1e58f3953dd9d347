// The import `entra:risk/credentials` of the plugin: in the worker thread, asks the main thread and
// waits for its reply.
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { REPLIED, type Setup, type TokenReply, type WorkerMessage } from './messages.js';
import type { Credential, TokenRequest } from './plugin/interfaces/entra-risk-credentials.js';

export function getToken(request: TokenRequest): Credential {
  const setup = workerData as Setup;
  const shared = new Int32Array(setup.shared);
  const message: WorkerMessage = { kind: 'token-request', request };
  parentPort?.postMessage(message);
  Atomics.wait(shared, REPLIED, 0);
  Atomics.store(shared, REPLIED, 0);
  const reply = receiveMessageOnPort(setup.replies)?.message as TokenReply;
  if ('bearer' in reply) return reply;
  // jco expects the error of a `result` to be thrown as the payload of an Error.
  throw Object.assign(new Error(reply.error.tag), { payload: reply.error });
}
