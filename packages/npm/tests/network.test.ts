// Proxies, and certificates of a company, as Node is told to treat them when it starts.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createServer, request } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { Shell } from './command.js';
import { listening } from './listening.js';
import { PRESENT, withModel } from './model.js';
import { part } from './part.js';
import { certificateFor } from './private-root.js';

const HOST = 'graph.stub.invalid';

/** Runs a call to `HOST` in a process of its own, and returns what it printed. */
async function call(variables: Record<string, string>): Promise<{ done: number; cause?: { kind: string; message: string } }> {
  const program = `
    import { EntraRisk } from 'entra-risk';
    const risk = new EntraRisk('token', { endpoint: 'https://${HOST}', patienceSeconds: 0.5 });
    const { accepted, cause } = await risk.dismissRiskyUsers(['${PRESENT}']);
    console.log(JSON.stringify({ done: accepted.length, cause }));`;
  const options = { cwd: new URL('.', import.meta.url), env: { PATH: process.env['PATH'], ...variables } };
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], options);
  const errors = text(child.stderr);
  const output = await text(child.stdout);
  assert.notEqual(output, '', await errors);
  return JSON.parse(output);
}

/**
 * Serves a proxy that intercepts TLS while `use` runs. It answers for `HOST` itself, with `status`
 * to requests for a tunnel.
 */
async function withProxy(status: number, use: (proxy: string, rootFile: string) => Promise<void>): Promise<void> {
  await withModel([], async (model) => {
    const { rootFile, key, cert } = await certificateFor(HOST);
    const inside = createTlsServer({ key, cert }, (incoming, response) => {
      const { method, headers, url = '' } = incoming;
      const forwarded = request(model.endpoint + url, { method, headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 0, answer.headers);
        answer.pipe(response);
      });
      incoming.pipe(forwarded);
    });
    const proxy = createServer().on('connect', ({ url }, socket) => {
      assert.equal(url, `${HOST}:443`);
      socket.write(`HTTP/1.1 ${status} Stub\r\n\r\n`);
      if (status === 200) inside.emit('connection', socket);
      else socket.end();
    });
    await listening(proxy, async (address) => await use(address, rootFile));
    inside.closeAllConnections();
  });
}

test('a proxy with a certificate of the company is used as Node is told', async () => {
  await withProxy(200, async (proxy, rootFile) => {
    const told = { HTTPS_PROXY: proxy, NODE_USE_ENV_PROXY: '1', NODE_EXTRA_CA_CERTS: rootFile };
    assert.deepEqual(await call(told), { done: 1 });
    const withOption = { HTTPS_PROXY: proxy, NODE_OPTIONS: '--use-env-proxy --use-system-ca', SSL_CERT_FILE: rootFile };
    assert.deepEqual(await call(withOption), { done: 1 });
  });
});

test('a certificate that is not trusted ends the call, and the error says what to set', async () => {
  await withProxy(200, async (proxy) => {
    const { done, cause } = await call({ HTTPS_PROXY: proxy, NODE_USE_ENV_PROXY: '1' });
    assert.deepEqual([done, cause?.kind], [0, 'unreachable']);
    assert.equal(
      cause?.message,
      `the certificate of ${HOST} is not trusted (UNABLE_TO_VERIFY_LEAF_SIGNATURE): set NODE_EXTRA_CA_CERTS to a file with the` +
        " certificates to trust, such as the root of the company's proxy, or NODE_OPTIONS to --use-system-ca if the system trusts it",
    );
  });
});

test('the command ends with a certificate that is not trusted, and says what to set', async () => {
  const shell = new Shell();
  await withProxy(200, async (proxy, rootFile) => {
    const args = ['dismiss-risky-users', '--endpoint', `https://${HOST}`, PRESENT];
    const variables = { GRAPH_TOKEN: 'token', ENTRA_RISK_ALLOWED_ENDPOINTS: `https://${HOST}`, HTTPS_PROXY: proxy, NODE_USE_ENV_PROXY: '1' };
    const { code, output, errors } = await shell.run(args, variables);
    assert.equal(code, 3);
    assert.match(errors, /^entra-risk: the certificate of graph\.stub\.invalid is not trusted .* NODE_EXTRA_CA_CERTS /m);
    assert.match(output, /unreachable: the certificate is not trusted/);
    assert.equal((await shell.run(args, { ...variables, NODE_EXTRA_CA_CERTS: rootFile })).code, 0);
  });
  shell.remove();
});

test('advice is given for the request that it is about', async () => {
  const { Exchange } = await part('sender');
  const { explain } = await part('explain');
  const exchange = (id: string, ...messages: object[]): void => {
    const sent = new Exchange();
    sent.send({ headers: [['client-request-id', id]] });
    for (const message of messages) sent.receive(message);
  };
  const explained = (message: string, response?: object): string => {
    const error = { kind: response === undefined ? 'unreachable' : 'other', message, response };
    explain(error);
    return error.message;
  };
  exchange('a', { kind: 'failed', failure: { tag: 'connection-refused' }, advice: 'set the proxy' });
  exchange('b', { kind: 'head', status: 407 }, { kind: 'end', advice: 'set the password' });
  exchange('c', { kind: 'head', status: 407 }, { kind: 'end' });
  exchange('d', { kind: 'failed', failure: { tag: 'DNS-error', val: { rcode: 'ENOTFOUND' } } });
  exchange('e', { kind: 'head', status: 204 }, { kind: 'end' });
  assert.equal(explained('no connection was established: connection-refused'), 'set the proxy');
  assert.equal(explained('407', { status: 407, clientRequestId: 'b' }), 'set the password');
  assert.equal(explained('407', { status: 407, clientRequestId: 'c' }), '407');
  assert.equal(explained('no connection was established: DNS-error: ENOTFOUND'), 'no connection was established: DNS-error: ENOTFOUND');
});

test('a proxy that is set but not used is named when there is no connection', async () => {
  await withProxy(200, async (proxy) => {
    const unused = await call({ HTTPS_PROXY: proxy });
    assert.equal(unused.cause?.kind, 'unreachable');
    assert.match(unused.cause.message, /^no connection to graph\.stub\.invalid \(\w+\): HTTPS_PROXY is set, but not used: start Node with NODE_USE_ENV_PROXY=1$/);
    const excepted = await call({ HTTPS_PROXY: proxy, NO_PROXY: 'localhost,.stub.invalid' });
    assert.doesNotMatch(excepted.cause?.message ?? '', /HTTPS_PROXY/);
  });
});

test('a proxy that requires authentication ends the call, and its password is not shown', async () => {
  await withProxy(407, async (proxy) => {
    const url = proxy.replace('//', '//user:canary@');
    const { cause } = await call({ HTTPS_PROXY: url, NODE_USE_ENV_PROXY: '1' });
    assert.equal(cause?.message, 'the proxy requires authentication: put user name and password into HTTPS_PROXY');
  });
  await withProxy(503, async (proxy) => {
    const { cause } = await call({ HTTPS_PROXY: proxy.replace('//', '//user:canary@'), NODE_USE_ENV_PROXY: '1' });
    assert.deepEqual([cause?.kind, cause?.message], ['unreachable', `the proxy refuses a connection to ${HOST} with 503`]);
  });
});
