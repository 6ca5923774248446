// The hooks for React against the real server, under StrictMode, which runs each effect twice.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { StrictMode, createElement } from "react";
import { type ReactTestRenderer, create } from "react-test-renderer";
import type { Client } from "../../src/node.js";
import { type ChannelView, type LinkView, useChannel, useLink } from "../../src/react.js";
import { Server, Told } from "../server.js";
import { closeAll, subject } from "./subject.js";

let server: Server;
const trees: ReactTestRenderer[] = [];

before(async () => {
  Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: false });
  server = await Server.dev();
});
afterEach(() => {
  trees.splice(0).forEach((tree) => tree.unmount());
  closeAll();
});
after(() => server.kill());

/** A component that tells what it renders. */
function Channel({ client, channel, keep, views, links }: Props): null {
  const view = useChannel(client, channel, keep === undefined ? {} : { keep });
  const link = useLink(client);
  views.push(view);
  links?.push(link);
  return null;
}

interface Props {
  readonly client: Client;
  readonly channel: string | null;
  readonly keep?: number;
  readonly views: Told<ChannelView>;
  readonly links?: Told<LinkView>;
}

function mount(...all: Props[]): ReactTestRenderer {
  const children = all.map((props, key) => createElement(Channel, { key, ...props }));
  const tree = create(createElement(StrictMode, null, children));
  trees.push(tree);
  return tree;
}

const data = ({ events }: ChannelView): unknown[] => events.map((event) => event.data);

test("a component has each event once, and the end", async () => {
  const { client } = subject(server.url);
  const [views, links] = [new Told<ChannelView>(), new Told<LinkView>()];
  mount({ client, channel: "react:1", views, links });
  await links.first("a session", ({ state }) => state === "connected");
  await server.publishes("react:1", "token", "a");
  await server.publishes("react:1", "token", "b");
  await server.publishes("react:1", "complete", "c", { final: true });
  const last = await views.first("the end", ({ isFinished }) => isFinished);
  assert.deepEqual(data(last), ["a", "b", "c"]);
  assert.deepEqual([last.dropped, last.gaps, last.error], [0, [], null]);
});

test("two components share a subscription, and one mounted anew has all again", async () => {
  const { client } = subject(server.url);
  const [one, two] = [new Told<ChannelView>(), new Told<ChannelView>()];
  const tree = mount(
    { client, channel: "react:2", views: one },
    { client, channel: "react:2", views: two },
  );
  await server.publishes("react:2", "token", 1);
  const [left, right] = await Promise.all(
    [one, two].map((told) => told.first("an event", ({ events }) => events.length === 1)),
  );
  assert.equal(left, right);
  tree.unmount();
  // The channel is left meanwhile.
  await server.publishes("react:2", "token", 2);
  const again = new Told<ChannelView>();
  mount({ client, channel: "react:2", views: again });
  const last = await again.first("both", ({ events }) => events.length === 2);
  assert.deepEqual(data(last), [1, 2]);
});

test("no more events are kept than asked for", async () => {
  const { client } = subject(server.url);
  const views = new Told<ChannelView>();
  mount({ client, channel: "react:3", keep: 2, views });
  for (const n of [1, 2, 3]) await server.publishes("react:3", "token", n);
  const last = await views.first("the third", ({ dropped }) => dropped === 1);
  assert.deepEqual(data(last), [2, 3]);
});

test("another channel is another view, and no channel is none", async () => {
  const { client } = subject(server.url);
  const views = new Told<ChannelView>();
  const element = (channel: string | null): ReturnType<typeof createElement> =>
    createElement(StrictMode, null, createElement(Channel, { client, channel, views }));
  const tree = create(element(null));
  trees.push(tree);
  await server.publishes("react:4", "token", 4);
  await server.publishes("react:5", "token", 5);
  tree.update(element("react:4"));
  await views.first("the first", (view) => data(view)[0] === 4);
  tree.update(element("react:5"));
  assert.deepEqual(data(await views.first("the other", (view) => data(view)[0] === 5)), [5]);
});

test("what cannot be followed is an error that can be shown", async () => {
  const { client } = subject(server.url);
  const views = new Told<ChannelView>();
  mount({ client, channel: "no name!", views });
  const { error } = await views.first("an error", (view) => view.error !== null);
  assert.equal(error?.code, "bad_name");
});
