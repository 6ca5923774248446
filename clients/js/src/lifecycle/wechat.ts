// What WeChat tells of a mini-program's device. In: showing and hiding, the network. Out: inputs of
// a link. Five seconds after it was hidden a mini-program has no network: its socket is closed
// before, and the next attempt waits for its return. No logic.

import { Clock } from "../clock.js";
import type { DeviceInput, Lifecycle, NetworkKind } from "../lifecycle.js";

/** The platform takes the socket 5 s after it was hidden; a goodbye has to come sooner. */
const HIDDEN_MS = 4_500;

const KINDS: Readonly<Record<string, NetworkKind>> = {
  wifi: "wifi",
  "2g": "cellular",
  "3g": "cellular",
  "4g": "cellular",
  "5g": "cellular",
};

/** Tells of this mini-program. */
export const wechat: Lifecycle = (tell) => {
  const clock = new Clock();
  let isOnline = true;
  let hiddenAt: number | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isAway = false;

  const leave = (): void => {
    isAway = true;
    tell({ kind: "offline" });
  };
  const stop = (): void => {
    if (timer !== undefined) clearTimeout(timer);
  };
  const onHide = (): void => {
    hiddenAt = clock.now();
    tell({ kind: "background" });
    stop();
    timer = setTimeout(leave, HIDDEN_MS);
  };
  const onShow = (): void => {
    stop();
    // Timers stand still there: what the socket is worth, only the time tells.
    if (!isAway && hiddenAt !== undefined && clock.now() - hiddenAt >= HIDDEN_MS) leave();
    if (isAway) {
      isAway = false;
      tell({ kind: "resumed" });
      if (isOnline) tell({ kind: "online" });
    }
    hiddenAt = undefined;
    tell({ kind: "foreground" });
  };

  const report = (type: string): void => {
    isOnline = type !== "none";
    const network = KINDS[type] ?? "unknown";
    const input: DeviceInput = isOnline
      ? { kind: "network_changed", network }
      : { kind: "offline" };
    if (!isAway) tell(input);
  };
  const onNetwork = (it: object): void =>
    report((it as { networkType?: string }).networkType ?? "unknown");
  const onWeak = ({ weakNet }: { weakNet: boolean }): void =>
    tell({ kind: "weak_network", isWeak: weakNet });

  wx.onAppHide(onHide);
  wx.onAppShow(onShow);
  wx.onNetworkStatusChange(onNetwork);
  // Since base library 2.21.
  wx.onNetworkWeakChange?.(onWeak);
  wx.getNetworkType({ success: onNetwork });
  return () => {
    stop();
    wx.offAppHide(onHide);
    wx.offAppShow(onShow);
    wx.offNetworkStatusChange?.(onNetwork);
    wx.offNetworkWeakChange?.(onWeak);
  };
};
