// The composables for Vue against the real server.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { type EffectScope, effectScope, nextTick, shallowRef, watch } from "vue";
import { type ChannelView, type LinkView, useChannel, useLink } from "../../src/vue.js";
import { Server, Told } from "../server.js";
import { closeAll, subject } from "./subject.js";

let server: Server;
const scopes: EffectScope[] = [];

before(async () => {
  server = await Server.dev();
});
afterEach(() => {
  scopes.splice(0).forEach((scope) => scope.stop());
  closeAll();
});
after(() => server.kill());

/** Runs as a component's setup does. */
function setup<T>(run: () => T): T {
  const scope = effectScope();
  scopes.push(scope);
  return scope.run(run)!;
}

const data = ({ events }: ChannelView): unknown[] => events.map((event) => event.data);

test("a ref has each event once, the state, and the end", async () => {
  const { client } = subject(server.url);
  const [views, links] = [new Told<ChannelView>(), new Told<LinkView>()];
  setup(() => {
    watch(useChannel(client, "vue:1"), views.push, { flush: "sync" });
    watch(useLink(client), links.push, { flush: "sync" });
  });
  await links.first("a session", ({ state }) => state === "connected");
  await server.publishes("vue:1", "token", "a");
  await server.publishes("vue:1", "complete", "b", { final: true });
  const last = await views.first("the end", ({ isFinished }) => isFinished);
  assert.deepEqual(data(last), ["a", "b"]);
});

test("another channel is another view, and none is left behind", async () => {
  const { client } = subject(server.url);
  const channel = shallowRef<string | null>(null);
  const views = new Told<ChannelView>();
  setup(() => watch(useChannel(client, channel), views.push, { flush: "sync" }));
  await server.publishes("vue:2", "token", 2);
  await server.publishes("vue:3", "token", 3);
  channel.value = "vue:2";
  await views.first("the first", (view) => data(view)[0] === 2);
  channel.value = "vue:3";
  await nextTick();
  assert.deepEqual(data(await views.first("the other", (view) => data(view)[0] === 3)), [3]);
  await server.publishes("vue:2", "token", 4);
  // It would throw if the channel that nobody asks for any more were still followed.
  client.subscribe("vue:2").unsubscribe();
});

test("what cannot be followed is an error that can be shown", () => {
  const { client } = subject(server.url);
  const view = setup(() => useChannel(client, "no name!"));
  assert.equal(view.value.error?.code, "bad_name");
});
