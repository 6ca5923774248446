// The port for publishers, the same for every peer on Node: lines `CHANNEL DATA`, without answers.
// In: a port, what to do with a line. Out: a listening server.

import { createServer } from "node:net";

/** Listens; `publish` is called with channel and data of each line. */
export function listenForLines(port, publish) {
  const server = createServer((socket) => {
    let rest = "";
    socket.setEncoding("utf8");
    socket.on("data", (text) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop();
      for (const line of lines) {
        const space = line.indexOf(" ");
        publish(line.slice(0, space), line.slice(space + 1));
      }
    });
    socket.on("error", () => socket.destroy());
  });
  server.listen(port, "127.0.0.1");
}
