// The client for WeChat mini-programs.

import type { ConnectOptions, Platform } from "./client.js";
import { SteadfastError } from "./errors.js";
import { FullClient } from "./full_client.js";
import { wechat as lifecycle } from "./lifecycle/wechat.js";
import type { PositionStorage } from "./storage.js";
import { wechat as transport } from "./transport/wechat.js";

export * from "./api.js";

const storage: PositionStorage = {
  getItem: (key) => (wx.getStorageSync(key) as string) || null,
  setItem: (key, text) => wx.setStorageSync(key, text),
};

const PLATFORM: Platform = {
  name: "wechat",
  transport,
  lifecycle,
  storage,
  key: "steadfast",
  memory: storage,
};

/** Whether this is a preview of a developer's, which may leave TLS out. */
function isDevelopment(): boolean {
  try {
    return wx.getAccountInfoSync().miniProgram.envVersion === "develop";
  } catch {
    return false;
  }
}

/** Starts a client: it connects, and keeps connecting, until it is closed. */
export function connect(options: ConnectOptions): FullClient {
  const urls = new Array<string>().concat(options.url);
  if (!urls.every((url) => /^(https|wss):/i.test(url)) && !isDevelopment()) {
    const text = "a mini-program speaks by TLS alone: write https://, and list the domain";
    throw new SteadfastError("insecure_url", text);
  }
  return new FullClient(options, PLATFORM);
}
