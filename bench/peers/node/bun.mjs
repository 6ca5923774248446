// A server as users of Bun write it: its own publish and subscribe, without compression. In: two
// ports. Out: what is published, to each socket of the channel.

const [links, publish] = process.argv.slice(2).map(Number);

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: links,
  fetch(request, self) {
    const channel = new URL(request.url).pathname.slice("/sub/".length);
    if (!self.upgrade(request, { data: { channel } })) {
      return new Response("", { status: 426 });
    }
  },
  websocket: {
    perMessageDeflate: false,
    open: (socket) => socket.subscribe(socket.data.channel),
    message: () => {},
  },
});

Bun.listen({
  hostname: "127.0.0.1",
  port: publish,
  socket: {
    open: (socket) => void (socket.data = { rest: "", decoder: new TextDecoder() }),
    data(socket, bytes) {
      const text = socket.data.decoder.decode(bytes, { stream: true });
      const lines = (socket.data.rest + text).split("\n");
      socket.data.rest = lines.pop();
      for (const line of lines) {
        const space = line.indexOf(" ");
        server.publish(line.slice(0, space), line.slice(space + 1));
      }
    },
  },
});
