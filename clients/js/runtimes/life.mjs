// One life of the built client, in whichever runtime this is run by: follows a channel, does what
// is typed, and tells each state and event as a line of JSON. It ends by itself once it may.
// Arguments: the entry's URL, the server's, and whether to take the built-in WebSocket.

import { createInterface } from "node:readline";

const [entry, url, socket] = process.argv.slice(2);
const { connect } = await import(entry);
const start = performance.now();
const tell = (line) => {
  const ms = Math.round(performance.now() - start);
  process.stdout.write(`${JSON.stringify({ ...line, ms })}\n`);
};

const WebSocket = socket === "builtin" ? globalThis.WebSocket : undefined;
const settings = { backoffMinMs: 50, delayFloorMs: 50 };
const options = { url, settings, ...(WebSocket && { WebSocket }) };
let client;
try {
  client = connect(options);
} catch (error) {
  tell({ threw: error.code });
  process.exit();
}
client.onStateChange((state, old, reason) => tell({ state, reason }));
client.subscribe("runtimes:1", { onEvent: ({ offset }) => tell({ offset }) });

const typed = createInterface({ input: process.stdin });
typed.on("line", (line) => {
  if (line === "retry") return client.retry();
  typed.close();
  process.stdin.unref?.();
  client.close();
  tell({ closed: true });
});
process.on("exit", () => tell({ exit: true }));
