/**
 * A backend that gives tokens, begins answers and stops them, as examples/python-llm does; what an
 * answer says is the test's. In: a server to publish to. Out: its address, what was asked of it.
 */
const http = require('node:http');

class Backend {
  /** @param {import('./server').Server} server */
  constructor(server) {
    this.server = server;
    this.tokens = 0;
    /** @type {string[]} */
    this.questions = [];
    this.listener = http.createServer((request, response) => {
      this.answer(request).then(
        (body) => response.writeHead(200).end(JSON.stringify(body)),
        () => response.writeHead(500).end(),
      );
    });
  }

  /** @param {import('./server').Server} server */
  static async start(server) {
    const backend = new Backend(server);
    await new Promise((resolve) => {
      backend.listener.listen(0, '127.0.0.1', () => resolve(undefined));
    });
    return backend;
  }

  get url() {
    const { port } = /** @type {import('node:net').AddressInfo} */ (this.listener.address());
    return `http://127.0.0.1:${port}`;
  }

  stop() {
    this.listener.close();
    this.listener.closeAllConnections();
  }

  /** @param {http.IncomingMessage} request */
  async answer(request) {
    let body = '';
    for await (const piece of request) {
      body += piece;
    }
    if (request.url === '/realtime-token') {
      this.tokens += 1;
      return { token: `token-${this.tokens}`, expires_in_s: 900 };
    }
    const stopped = /^\/answers\/(\w+)\/stop$/.exec(request.url || '');
    if (stopped) {
      await this.server.publish(`answer:${stopped[1]}`, 'end', { reason: 'stopped' }, { final: true });
      return null;
    }
    const { text } = JSON.parse(body);
    this.questions.push(text);
    const channel = `answer:${this.questions.length}`;
    await this.server.publish(channel, 'start', { question: text });
    return { channel };
  }
}

module.exports = { Backend };
