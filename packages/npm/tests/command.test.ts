// The command, against a model of Microsoft Graph and a stub of Microsoft Entra ID.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { CLIENT, PERSON, TENANT, token, withAuthority } from './authority.js';
import { Shell, until } from './command.js';
import { listening } from './listening.js';
import { ABSENT, CANARY, PRESENT, someIds, withModel, type Model } from './model.js';

const FAST = ['--rate-limit', '100/1s'];
// Runs a command in a terminal.
const TERMINAL = ['python3', '-c', 'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))'];

/** Runs a test with a folder and a model. */
function testWithModel(name: string, options: string[], run: (shell: Shell, model: Model) => Promise<void>): void {
  test(name, async () => {
    const shell = new Shell();
    try {
      await withModel(options, async (model) => await run(shell, model));
    } finally {
      shell.remove();
    }
  });
}

testWithModel('each exit code has its meaning', ['--absent', ABSENT], async (shell, model) => {
  const [args, variables] = shell.to(model, ...FAST);
  const done = await shell.run([...args, PRESENT], variables);
  assert.deepEqual(done, { code: 0, output: 'dismiss-risky-users: 1 of 1 ids accepted\n', errors: '' });
  const refused = await shell.run([...args, PRESENT, ABSENT], variables);
  assert.equal(refused.code, 1);
  assert.match(refused.output, /1 of 2 ids accepted, 1 refused/);
  const wrong = await shell.run([...args, 'no-id'], variables);
  assert.deepEqual([wrong.code, wrong.output], [2, '']);
  assert.match(wrong.errors, /^entra-risk: .*no-id.*\nSee entra-risk --help\.\n$/);
  const barred = await shell.run([...args, PRESENT], { ...variables, GRAPH_TOKEN: '""' });
  assert.equal(barred.code, 3);
  assert.match(barred.output, /GRAPH_TOKEN is not set/);
});

testWithModel('ids are read from standard input', [], async (shell, model) => {
  const ids = someIds(6000); // More than a pipe holds.
  const [args, variables] = shell.to(model, '--rate-limit', '1000/1s', '--yes');
  const { code, errors } = await shell.run(args, variables, ids.join('\r\n'));
  assert.deepEqual([code, errors], [0, '']);
  assert.deepEqual(model.applied(), ids);
});

testWithModel('the folders that are opened are those of the arguments', [], async (shell, model) => {
  mkdirSync(join(shell.folder, 'in'));
  const path = shell.write('in/portal.csv', someIds(2));
  const [args, variables] = shell.to(model, ...FAST);
  const { code, errors } = await shell.run([...args, `--file=${path}`, '--log', join(shell.folder, 'log.jsonl')], variables);
  assert.deepEqual([code, errors], [0, '']);
  assert.deepEqual(shell.lines('log.jsonl').flatMap((line) => JSON.parse(line).ids), someIds(2));
  symlinkSync('/etc/passwd', join(shell.folder, 'link.txt'));
  const outside = await shell.run([...args, '--file', 'link.txt'], variables);
  assert.deepEqual([outside.code, outside.errors.split('\n')[0]], [2, 'entra-risk: link.txt: Operation not permitted']);
  const nowhere = await shell.run([...args, '--file', 'nowhere/portal.csv'], variables);
  assert.deepEqual([nowhere.code, nowhere.errors.split('\n')[0]], [2, 'entra-risk: nowhere/portal.csv: there is no folder nowhere']);
});

testWithModel('what was killed goes on where it ended, and two runs are not at work on one list', [], async (shell, model) => {
  const ids = someIds(300);
  const [args, variables] = shell.to(model, '--file', shell.write('portal.csv', ids), '--remaining', 'left.txt', '--rate-limit', '1/500ms');
  const { child, ended } = shell.start(args, variables);
  await until(() => shell.lines('left.txt').length === 240);
  const second = await shell.run(args, variables);
  assert.deepEqual([second.code, second.errors.split('\n')[0]], [2, 'entra-risk: left.txt: another run is at work on it']);
  await until(() => shell.lines('left.txt').length === 60);
  child.kill('SIGKILL');
  assert.equal((await ended).code, null);
  const { code, output } = await shell.run(args, variables);
  assert.deepEqual([code, output], [0, 'dismiss-risky-users: 60 of 60 ids accepted\n']);
  assert.deepEqual(model.arrivals().map((arrival) => arrival.ids.length), [60, 60, 60, 60, 60]);
  assert.deepEqual(model.applied(), ids);
  assert.deepEqual(readdirSync(shell.folder).sort(), ['.left.txt.entra-risk-input', 'left.txt', 'portal.csv']);
});

testWithModel('an interrupt says what is left', [], async (shell, model) => {
  const [args, variables] = shell.to(model, '--file', shell.write('portal.csv', someIds(300)), '--remaining', 'left.txt');
  const { child, ended } = shell.start(args, variables);
  await until(() => shell.lines('left.txt').length === 240);
  child.kill('SIGINT');
  const errors = 'entra-risk: interrupted: 240 ids are left in left.txt; the same command continues with them\n';
  assert.deepEqual(await ended, { code: 130, output: '', errors });
  // Also while it waits for standard input.
  const waiting = shell.start(shell.to(model)[0], variables);
  setTimeout(() => waiting.child.kill('SIGINT'), 1000);
  const { code, errors: said } = await waiting.ended;
  assert.deepEqual([code, said.slice(0, 24)], [130, 'entra-risk: interrupted:']);
});

test('an interrupt of a look at the token says that nothing was changed', async () => {
  const shell = new Shell();
  const silent = createServer();
  await listening(silent, async (address) => {
    const authority = { AZURE_AUTHORITY_HOST: address.replace('http:', 'https:') };
    const application = { AZURE_TENANT_ID: TENANT, AZURE_CLIENT_ID: CLIENT, AZURE_CLIENT_SECRET: CANARY };
    const { child, ended } = shell.start(['--check', 'dismiss-risky-users'], { ...authority, ...application });
    await once(silent, 'connection');
    child.kill('SIGINT');
    assert.deepEqual(await ended, { code: 130, output: '', errors: 'entra-risk: interrupted: nothing was changed\n' });
  });
  shell.remove();
});

testWithModel('a terminal shows the progress, and answers the question', [], async (shell, model) => {
  const [args, variables] = shell.to(model, ...FAST, '--file', shell.write('portal.csv', someIds(180)));
  shell.program = [...TERMINAL, ...shell.program];
  const { code, output } = await shell.run(args, variables, 'y\n');
  assert.equal(code, 0, output);
  assert.match(output, /Dismiss the risk of 180 users\?[^]* \d+\/180, 0:00[^]*180 of 180 ids accepted/);
  assert.equal(model.applied().length, 180);
  const no = await shell.run(args, variables, 'n\n');
  assert.equal(no.code, 2, no.output);
});

testWithModel('an application of the environment supplies the token', ['--token', 'token-1'], async (shell, model) => {
  await withAuthority(async (authority) => {
    const [args, { GRAPH_TOKEN: _, ...variables }] = shell.to(model, ...FAST, PRESENT);
    const { code, errors, output } = await shell.run(args, { ...variables, ...authority.application() });
    assert.deepEqual([code, errors], [0, ''], output);
    const [asked, ...others] = authority.requests;
    assert.deepEqual([asked?.['client_id'], asked?.['grant_type'], others], [CLIENT, 'client_credentials', []]);
    const wrong = await shell.run(args, { ...variables, ...authority.application(CANARY) });
    assert.deepEqual([wrong.code, wrong.errors], [3, '']);
    assert.match(wrong.output, /AADSTS7000215/);
  });
});

testWithModel('no token goes where it is not allowed', [], async (shell, model) => {
  await withAuthority(async (authority) => {
    for (const variables of [{ GRAPH_TOKEN: CANARY }, authority.application()]) {
      const { code, output } = await shell.run(shell.to(model, PRESENT)[0], variables);
      assert.equal(code, 3);
      assert.ok(output.includes(`ENTRA_RISK_ALLOWED_ENDPOINTS does not list ${model.endpoint}`), output);
    }
    assert.deepEqual([authority.requests, model.arrivals()], [[], []]);
  });
});

testWithModel('a token for another tenant is not sent', [], async (shell, model) => {
  await withAuthority(async (authority) => {
    const other = '00000000-1111-4222-8333-444444444444';
    const [args, { GRAPH_TOKEN: _, ...variables }] = shell.to(model, ...FAST, PRESENT);
    const managed = { IDENTITY_ENDPOINT: `${authority.address}/managed-identity`, IDENTITY_HEADER: 'header' };
    for (const credential of [{ GRAPH_TOKEN: token({ tid: TENANT }) }, { ...managed, ...authority.variables() }]) {
      const wrong = await shell.run([...args, '--tenant', other], { ...variables, ...credential });
      assert.equal(wrong.code, 3, wrong.output + wrong.errors);
      assert.ok(wrong.output.includes(`the wrong tenant: the token is for ${TENANT}, not for ${other}`), wrong.output);
      assert.deepEqual(model.arrivals(), []);
    }
    const right = await shell.run([...args, '--tenant', TENANT], { ...variables, ...managed, ...authority.variables() });
    assert.equal(right.code, 0, right.output + right.errors);
  });
});

testWithModel('people sign in', [], async (shell, model) => {
  await withAuthority(async (authority) => {
    const [args, { GRAPH_TOKEN: _, ...variables }] = shell.to(model, ...FAST, PRESENT);
    for (const [method, shown] of [['browser', 'in the browser'], ['device-code', 'enter the code ABC123']] as const) {
      const { code, output, errors } = await shell.run(
        [...args, '--sign-in', method, '--client-id', CLIENT, '--tenant', TENANT],
        { ...variables, ...authority.variables() },
      );
      assert.equal(code, 0, output + errors);
      assert.match(errors, new RegExp(`^entra-risk: .*${shown}`));
    }
    assert.equal(model.arrivals().length, 2);
    const nobody = await shell.run([...args, '--sign-in', 'browser'], { ...variables, ...authority.variables() });
    assert.equal(nobody.code, 3);
    assert.match(nobody.output, /no application to sign in to/);
  });
});

for (const [where, program, code, asked] of [['in a terminal', TERMINAL, 0, 2], ['without a terminal', [], 3, 1]] as const) {
  testWithModel(`people who sign in ${where} are asked ${asked === 2 ? 'again' : 'once'}`, ['--revoke-after', '0'], async (shell, model) => {
    await withAuthority(async (authority) => {
      authority.hasExpired = true;
      const [args, { GRAPH_TOKEN: _, ...variables }] = shell.to(model, ...FAST, PRESENT, '--sign-in', 'browser', '--client-id', CLIENT);
      shell.program = [...program, ...shell.program];
      const ended = await shell.run(args, { ...variables, ...authority.variables() });
      assert.deepEqual([ended.code, authority.authorizations.length], [code, asked], ended.output);
      assert.equal(ended.output.includes('nobody can be asked again without a terminal'), code === 3);
    });
  });
}

testWithModel('--check sees the token and sends nothing', [], async (shell, model) => {
  await withAuthority(async (authority) => {
    const { code, output, errors } = await shell.run(
      ['--check', 'dismiss-risky-users', '--sign-in', 'device-code', '--client-id', CLIENT, '--endpoint', model.endpoint],
      { ENTRA_RISK_ALLOWED_ENDPOINTS: model.endpoint, ...authority.variables() },
    );
    assert.equal(code, 0, output + errors);
    assert.ok(output.includes(PERSON), output);
    assert.deepEqual(model.arrivals(), []);
  });
});

testWithModel('what is missing is said in one line', [], async (shell, model) => {
  const [args, { GRAPH_TOKEN: _, ...variables }] = shell.to(model, PRESENT);
  const { code, output } = await shell.run(args, { ...variables, AZURE_TOKEN_CREDENTIALS: 'EnvironmentCredential' });
  assert.equal(code, 3);
  assert.match(output, /no credential is configured: sign in with --sign-in browser/);
});
