// Requests that are given up leave nothing behind: no socket, no thread, no work.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { memoryUsage } from 'node:process';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { EntraRisk } from 'entra-risk';
import { listening } from './listening.js';
import { PRESENT } from './model.js';

// Run by hand with CALLS=1000 for longer series.
const CALLS = Number(process.env['CALLS'] ?? 25);

/** Writes for ever, as fast as it is read. */
function flood(socket: Socket, text: string): void {
  const write = (): void => {
    while (!socket.destroyed && socket.write(text));
  };
  socket.on('drain', write);
  write();
}

const HEAD = 'HTTP/1.1 500 Internal Server Error\r\ncontent-type: application/json\r\n';
const SERVICES: Record<string, (socket: Socket) => void> = {
  'is silent': () => undefined,
  'sends an endless body': (socket) => {
    socket.write(`${HEAD}transfer-encoding: chunked\r\n\r\n`);
    flood(socket, `1000\r\n${'x'.repeat(4096)}\r\n`.repeat(16));
  },
  'sends a body slowly': (socket) => void socket.write(`${HEAD}content-length: 100000\r\n\r\n{`),
  'accepts, and goes on sending': (socket) => flood(socket, 'HTTP/1.1 204 No Content\r\n\r\nxxxx'),
  'accepts, and names a body': (socket) => void socket.write('HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\n'),
  'floods 103': (socket) => flood(socket, 'HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n'.repeat(64)),
  'floods 100': (socket) => flood(socket, 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(64)),
  'sends endless headers': (socket) => {
    socket.write(HEAD);
    flood(socket, 'x-header: value\r\n'.repeat(64));
  },
  'resets the connection': (socket) => void socket.resetAndDestroy(),
  'refuses while the request is sent': (socket) => void socket.write('HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n'),
};

/** Serves what `respond` does with each request, while `use` runs. */
async function withService(respond: (socket: Socket) => void, use: (endpoint: string, open: Set<Socket>) => Promise<void>): Promise<void> {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    socket.on('error', () => undefined);
    socket.once('data', () => respond(socket));
  });
  try {
    await listening(server, async (endpoint) => await use(endpoint, open));
  } finally {
    for (const socket of open) socket.destroy();
  }
}

for (const [name, respond] of Object.entries(SERVICES)) {
  test(`nothing remains of calls to a service that ${name}`, async () => {
    await withService(respond, async (endpoint, open) => {
      const options = { attemptTimeoutSeconds: 0.05, maxAttempts: 1, rateLimit: { requests: 1000, windowSeconds: 1 } };
      const risk = new EntraRisk('token', { endpoint, ...options });
      const call = async (): Promise<void> => {
        const { accepted, toRetry, refused } = await risk.dismissRiskyUsers([PRESENT]);
        assert.equal(accepted.length + toRetry.length + refused.length, 1);
      };
      for (let warm = 0; warm < 5; warm += 1) await call();
      const before = { threads: threads(), rss: memoryUsage.rss() };
      let most = 0;
      for (let calls = 0; calls < CALLS; calls += 1) {
        await call();
        most = Math.max(most, open.size);
      }
      // The service learns of the end of a connection a little later.
      for (let waits = 0; open.size > 1 && waits < 100; waits += 1) await sleep(10);
      const { user, system } = process.cpuUsage();
      await sleep(300);
      const after = process.cpuUsage({ user, system });
      const grown = (memoryUsage.rss() - before.rss) / 2 ** 20;
      const work = (after.user + after.system) / 300_000;
      console.log(`${CALLS} calls: at most ${most} sockets, then ${open.size}; ${threads() - before.threads} more threads; ${grown.toFixed(0)} MB more; work afterwards ${(100 * work).toFixed(0)} %`);
      assert.ok(open.size <= 1, `${open.size} sockets`); // One that the next request uses.
      assert.ok(most <= 5, `${most} sockets`);
      assert.ok(threads() <= before.threads);
      assert.ok(work < 0.5, `${work} of a core`);
      await risk.close();
    });
  });
}

test('leaving the loop closes the connections', async () => {
  await withService(SERVICES['is silent']!, async (endpoint, open) => {
    const risk = new EntraRisk('token', { endpoint });
    const call = risk.start('dismiss-risky-users', [PRESENT]);
    while (open.size === 0) await sleep(10);
    call.stop(0);
    for await (const { outcome } of call) assert.equal(outcome, 'unknown');
    for (let waits = 0; open.size > 0 && waits < 100; waits += 1) await sleep(10);
    assert.equal(open.size, 0);
    await risk.close();
  });
});

function threads(): number {
  return readdirSync('/proc/self/task').length;
}
