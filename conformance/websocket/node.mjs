// Compressed events in a row to the WebSocket that is built into a runtime: Node's reads every
// compressed message after one with a final block as an empty text. With a server in --dev:
//
//   node conformance/websocket/node.mjs http://127.0.0.1:8080 http://127.0.0.1:8081
//
// Node 20 wants --experimental-websocket. Exits with 1 where an event is not what was published.

const [publicUrl, internalUrl] = process.argv.slice(2);
const channel = `node:${process.pid}`;
const socket = new WebSocket(`${publicUrl.replace(/^http/, "ws")}/v1/ws`);
const texts = ["a large one ".repeat(100), "small", "x", "another one ".repeat(500), "same "];
const wanted = texts.map((text) => text.repeat(100));
wanted[1] = texts[1];
wanted[2] = "many words, later ".repeat(40_000);

const publish = async (text) => {
  const answer = await fetch(`${internalUrl}/v1/channels/${channel}/events`, {
    method: "POST",
    body: JSON.stringify({ event: "text", data: text }),
  });
  if (answer.status !== 201) throw new Error(`a publish was answered with ${answer.status}`);
};

const heard = [];
const fail = (why) => {
  console.error(`FAILED: ${why}`);
  process.exit(1);
};
socket.onerror = ({ message }) => fail(`error: ${message}`);
socket.onclose = ({ code, reason }) => fail(`closed: ${code} ${reason}`);
socket.onopen = () => {
  const channels = [{ channel, since: "now" }];
  socket.send(JSON.stringify({ type: "hello", link: "node-peer-1", generation: 1, channels }));
};
socket.onmessage = async ({ data }) => {
  if (data === "") fail("an empty message");
  const frame = JSON.parse(data);
  if (frame.type === "subscribed") for (const text of wanted) await publish(text);
  if (frame.type !== "event") return;
  if (frame.data !== wanted[heard.length]) fail(`event ${heard.length + 1} is another`);
  heard.push(frame.data.length);
  if (heard.length < wanted.length) return;
  const metrics = await (await fetch(`${internalUrl}/metrics`)).text();
  const sent = /^steadfast_compressed_messages_total (\d+)$/m.exec(metrics)?.[1] ?? "none";
  console.log(`${process.version}: ${heard.join(", ")} characters arrived`);
  console.log(`agreed: ${socket.extensions}`);
  console.log(`the node has sent ${sent} compressed messages so far`);
  process.exit(socket.extensions ? 0 : 1);
};
setTimeout(() => fail(`only ${heard.length} events in 20 s`), 20_000);
