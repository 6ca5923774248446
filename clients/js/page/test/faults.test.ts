// A transport that is broken on purpose, over one that only takes notes.

import assert from "node:assert/strict";
import { mock, test } from "node:test";
import type { Answer, Socket, SocketHandlers, Transport } from "../../src/index.js";
import { Faults, HELD_MAX } from "../faults.js";

/** A socket of the transport below, as a test plays it. */
interface Below {
  handlers: SocketHandlers;
  sent: string[];
  closed: number | undefined;
}

interface Asked {
  done(answer: Answer | undefined): void;
  isCancelled: boolean;
}

const ANSWER: Answer = { status: 204, header: () => null, text: "" };

function setUp() {
  const sockets: Below[] = [];
  const asked: Asked[] = [];
  const below: Transport = {
    openSocket: (_, handlers): Socket => {
      const socket: Below = { handlers, sent: [], closed: undefined };
      sockets.push(socket);
      return {
        send: (text) => socket.sent.push(text),
        close: (code) => (socket.closed = code),
      };
    },
    request: (_, done) => {
      const one: Asked = { done, isCancelled: false };
      asked.push(one);
      return () => {
        one.isCancelled = true;
      };
    },
  };
  const faults = new Faults(below);
  const told: string[] = [];
  const handlers: SocketHandlers = {
    onOpen: () => told.push("open"),
    onText: (text) => told.push(`text ${text}`),
    onClose: (code) => told.push(`close ${code}`),
    onFail: () => told.push("fail"),
  };
  const open = (): { socket: Socket; below: Below | undefined } => {
    const socket = faults.openSocket("ws://test/", handlers);
    return { socket, below: sockets.at(-1) };
  };
  const ask = (): { cancel(): void; answers: (Answer | undefined)[] } => {
    const answers: (Answer | undefined)[] = [];
    const request = { url: "http://test/", headers: {}, timeoutMs: 5_000 };
    return { cancel: faults.request(request, (answer) => answers.push(answer)), answers };
  };
  return { faults, sockets, asked, told, open, ask };
}

test("without a fault everything passes, both ways and in order", () => {
  const { told, open } = setUp();
  const { socket, below } = open();
  below?.handlers.onOpen();
  socket.send("up");
  below?.handlers.onText("down");
  below?.handlers.onClose(4000);
  assert.deepEqual(told, ["open", "text down", "close 4000"]);
  assert.deepEqual(below?.sent, ["up"]);
});

test("a cut is silent, and a socket that was cut stays dead", () => {
  const { faults, told, open } = setUp();
  const { socket, below } = open();
  below?.handlers.onOpen();
  faults.cut(true);
  socket.send("lost");
  below?.handlers.onText("lost");
  below?.handlers.onClose(1001);
  assert.deepEqual([told, below?.sent], [["open"], []]);
  faults.cut(false);
  socket.send("late");
  below?.handlers.onText("late");
  assert.deepEqual([told, below?.sent], [["open"], []]);
  assert.equal(below?.closed, 1000, "the server hears of it once there is a network again");
});

test("there is something to crash while a socket is open or opening, and not lost", () => {
  const { faults, open } = setUp();
  assert.equal(faults.hasSocket, false);
  const { below } = open();
  assert.equal(faults.hasSocket, true);
  faults.cut(true);
  assert.equal(faults.hasSocket, false);
  faults.cut(false);
  open();
  faults.crash();
  assert.equal(faults.hasSocket, false);
  below?.handlers.onClose(1001);
});

test("a socket that is opened during a cut never opens, and the next one does", () => {
  const { faults, sockets, told, open } = setUp();
  faults.cut(true);
  const { socket } = open();
  assert.equal(sockets.length, 0, "nothing gets out");
  faults.cut(false);
  assert.deepEqual(told, []);
  socket.close(4000);
  open().below?.handlers.onOpen();
  assert.deepEqual(told, ["open"]);
});

test("the server hears of a goodbye during a cut only after it", () => {
  const { faults, open } = setUp();
  const { socket, below } = open();
  faults.cut(true);
  socket.close(4000);
  assert.equal(below?.closed, undefined);
  faults.cut(false);
  assert.equal(below?.closed, 1000);
});

test("a request during a cut is late, and one that was on its way is never answered", (t) => {
  mock.timers.enable({ apis: ["setTimeout"] });
  t.after(() => mock.timers.reset());
  const { faults, asked, ask } = setUp();
  const before = ask();
  faults.cut(true);
  const during = ask();
  assert.equal(asked.length, 1, "nothing gets out");
  asked[0]?.done(ANSWER);
  mock.timers.tick(4_999);
  assert.deepEqual([before.answers, during.answers], [[], []]);
  mock.timers.tick(1);
  assert.deepEqual([before.answers, during.answers], [[undefined], [undefined]]);
});

test("a request that was given up tells nothing", (t) => {
  mock.timers.enable({ apis: ["setTimeout"] });
  t.after(() => mock.timers.reset());
  const { faults, asked, ask } = setUp();
  const one = ask();
  one.cancel();
  assert.equal(asked[0]?.isCancelled, true);
  faults.cut(true);
  const other = ask();
  other.cancel();
  mock.timers.tick(10_000);
  assert.deepEqual([one.answers, other.answers], [[], []]);
});

test("a stall holds everything, and lets go of it in order", () => {
  const { faults, asked, told, open, ask } = setUp();
  const { socket, below } = open();
  faults.stall(true);
  below?.handlers.onOpen();
  socket.send("up");
  below?.handlers.onText("one");
  below?.handlers.onText("two");
  const request = ask();
  asked[0]?.done(ANSWER);
  assert.deepEqual([told, below?.sent, request.answers], [[], [], []]);
  faults.stall(false);
  assert.deepEqual(told, ["open", "text one", "text two"]);
  assert.deepEqual([below?.sent, request.answers], [["up"], [ANSWER]]);
});

test("what a stall holds for a socket that was closed meanwhile is dropped", () => {
  const { faults, told, open } = setUp();
  const { socket, below } = open();
  below?.handlers.onOpen();
  faults.stall(true);
  below?.handlers.onText("late");
  socket.close(4000);
  assert.equal(below?.closed, 4000);
  faults.stall(false);
  assert.deepEqual(told, ["open"]);
});

test("a stall holds so much, and one thing more breaks the sockets", () => {
  const { faults, told, open } = setUp();
  const { below } = open();
  below?.handlers.onOpen();
  faults.stall(true);
  for (let number = 0; number < HELD_MAX; number++) below?.handlers.onText(`${number}`);
  assert.deepEqual(told, ["open"]);
  below?.handlers.onText("one more");
  assert.deepEqual(told, ["open", "close 1006"]);
  faults.stall(false);
  assert.deepEqual(told, ["open", "close 1006"]);
});

test("a crash breaks each socket once, without a close frame for the link", () => {
  const { faults, told, open } = setUp();
  const one = open();
  const other = open();
  one.below?.handlers.onOpen();
  other.below?.handlers.onOpen();
  faults.crash();
  faults.crash();
  assert.deepEqual(told, ["open", "open", "close 1006", "close 1006"]);
  assert.deepEqual([one.below?.closed, other.below?.closed], [1000, 1000]);
  one.below?.handlers.onText("late");
  one.below?.handlers.onClose(1005);
  assert.equal(told.length, 4);
});
