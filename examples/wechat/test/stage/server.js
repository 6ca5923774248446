/**
 * A real server of its own for a test, on this machine. In: what to publish, as a backend does.
 * Out: its address for clients. SERVER_BINARY says which binary.
 */
const { spawn } = require('node:child_process');
const path = require('node:path');
const readline = require('node:readline');

const BINARY =
  process.env.SERVER_BINARY || path.join(__dirname, '../../../../target/debug/steadfast');

class Server {
  /**
   * @param {import('node:child_process').ChildProcess} child
   * @param {Record<string, string>} urls
   */
  constructor(child, { clients = '', backends = '' }) {
    this.child = child;
    this.url = clients;
    this.internal = backends;
  }

  /** On ports that are free. */
  static async start() {
    const { child, urls } = await run('127.0.0.1:0', '127.0.0.1:0');
    return new Server(child, urls);
  }

  /** On the same ports again, with nothing in its memory. */
  async restart() {
    await this.stop();
    const { child } = await run(new URL(this.url).host, new URL(this.internal).host);
    this.child = child;
  }

  /**
   * @param {string} channel
   * @param {string} event
   * @param {unknown} [data]
   * @param {{ final?: boolean }} [options]
   */
  async publish(channel, event, data = null, options = {}) {
    const url = `${this.internal}/v1/channels/${channel}/events`;
    const body = JSON.stringify({ event, data, ...options });
    const response = await fetch(url, { method: 'POST', body });
    if (response.status !== 201) {
      throw new Error(`${response.status}: ${await response.text()}`);
    }
  }

  /** @returns {Promise<void>} Once it has ended. */
  stop() {
    return new Promise((resolve) => {
      this.child.once('exit', () => resolve());
      this.child.kill('SIGKILL');
    });
  }
}

/** @param {string} listen @param {string} internal */
async function run(listen, internal) {
  const args = ['serve', '--dev', '--listen', listen, '--internal', internal];
  // It takes every STEADFAST_* variable for a setting of its own.
  const others = Object.entries(process.env).filter(([name]) => !name.startsWith('STEADFAST_'));
  const env = Object.fromEntries(others);
  const child = spawn(BINARY, args, { stdio: ['ignore', 'ignore', 'pipe'], env });
  const failed = new Promise((_, reject) => {
    child.once('error', (cause) => reject(new Error(`${BINARY} does not start`, { cause })));
  });
  const urls = await Promise.race([failed, addresses(child)]);
  // Nobody reads what it logs; it must not wait for somebody to.
  child.stderr.resume();
  return { child, urls };
}

/**
 * It prints a line for each of its two ports.
 * @param {import('node:child_process').ChildProcess} child
 * @returns {Promise<Record<string, string>>}
 */
async function addresses(child) {
  /** @type {Record<string, string>} */
  const urls = {};
  const stderr = /** @type {import('node:stream').Readable} */ (child.stderr);
  const said = [];
  for await (const line of readline.createInterface(stderr)) {
    said.push(line);
    const [, port, url] = /^ +(clients|backends) +(http:\S+)/.exec(line) || [];
    if (port && url) {
      urls[port] = url;
    }
    if (urls.clients && urls.backends) {
      return urls;
    }
  }
  throw new Error(`the server does not listen: ${said.join('\n')}`);
}

module.exports = { Server };
