// A server as users of Socket.IO write it: its own rooms, WebSocket alone, without compression. In:
// two ports. Out: what is published, as an `event` to the room.

import { createServer } from "node:http";
import { Server } from "socket.io";
import { listenForLines } from "./lines.mjs";

const [links, publish] = process.argv.slice(2).map(Number);
const BACKLOG = 4096;

const http = createServer();
const io = new Server(http, {
  transports: ["websocket"],
  perMessageDeflate: false,
  serveClient: false,
});
io.on("connection", (socket) => socket.join(socket.handshake.query.channel));
http.listen(links, "127.0.0.1", BACKLOG);

listenForLines(publish, (channel, data) => io.to(channel).emit("event", JSON.parse(data)));
