// A server as users of ws write it: a set of sockets for each channel. In: two ports. Out: what is
// published, to each socket of the channel, as text without compression.

import { createServer } from "node:http";
import { WebSocketServer } from "ws";
import { listenForLines } from "./lines.mjs";

const [links, publish] = process.argv.slice(2).map(Number);
const BACKLOG = 4096;
const channels = new Map();

const http = createServer();
const sockets = new WebSocketServer({ server: http, perMessageDeflate: false });
sockets.on("connection", (socket, request) => {
  const channel = request.url.slice("/sub/".length);
  const members = channels.get(channel) ?? new Set();
  channels.set(channel, members.add(socket));
  socket.on("error", () => socket.terminate());
  socket.on("close", () => members.delete(socket));
});
http.listen(links, "127.0.0.1", BACKLOG);

listenForLines(publish, (channel, data) => {
  for (const socket of channels.get(channel) ?? []) {
    socket.send(data);
  }
});
