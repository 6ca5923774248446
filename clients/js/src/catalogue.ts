// The texts of the notices in every language. Made of messages/catalogue.json by build/texts.mjs:
// change the catalogue, not this file.

/** A code, what a button does, and in English and Chinese: title, body, what the button says. */
export type Row = readonly [code: string, action: string | null, en: Words, zh: Words];
export type Words = readonly [title: string, body: string, label?: string];

export const ROWS: readonly Row[] = [
  [
    "RECOVERED",
    null,
    [
      "Connected again",
      "Updates are coming in.",
    ],
    [
      "已恢复连接",
      "更新已继续。",
    ],
  ],
  [
    "LINK_SLOW",
    null,
    [
      "Weak network",
      "Updates may be late. You don't need to do anything.",
    ],
    [
      "网络较差",
      "更新可能会慢一些，无需操作。",
    ],
  ],
  [
    "LINK_FALLBACK",
    "retry",
    [
      "Live updates don't get through right now",
      "We check for news by ourselves. It may arrive a little late.",
      "Retry now",
    ],
    [
      "实时更新暂时不可用",
      "系统会自动查看新内容，可能稍有延迟。",
      "立即重试",
    ],
  ],
  [
    "GAP_LOST",
    "reload",
    [
      "Some messages couldn't be recovered",
      "Reload to see how things stand now.",
      "Reload",
    ],
    [
      "部分消息未能恢复",
      "重新加载即可查看最新内容。",
      "重新加载",
    ],
  ],
  [
    "LINK_RECONNECTING",
    null,
    [
      "Reconnecting…",
      "What you see stays here. New updates will follow by themselves.",
    ],
    [
      "正在重新连接…",
      "已显示的内容不受影响，恢复后会自动更新。",
    ],
  ],
  [
    "SRV_BUSY",
    null,
    [
      "Our service is busy",
      "We'll try again by ourselves within {n} s.",
    ],
    [
      "服务繁忙",
      "将在 {n} 秒内自动重试，无需操作。",
    ],
  ],
  [
    "SRV_MAINT",
    null,
    [
      "Short maintenance",
      "You don't need to do anything. Updates will go on by themselves.",
    ],
    [
      "服务维护中",
      "请稍候，无需操作，完成后会自动更新。",
    ],
  ],
  [
    "NET_OFFLINE",
    "check_network",
    [
      "You're offline",
      "What you see stays here. New updates will arrive once you're back online.",
      "Check network",
    ],
    [
      "网络已断开",
      "已显示的内容不受影响，联网后会自动更新。",
      "检查网络",
    ],
  ],
  [
    "CAPTIVE",
    "open_sign_in",
    [
      "This network asks you to sign in first",
      "Sign in on its page. Updates will then go on by themselves.",
      "Open sign-in",
    ],
    [
      "此网络需要先登录",
      "在其页面登录后，更新会自动继续。",
      "打开登录页",
    ],
  ],
  [
    "POLICY",
    "update",
    [
      "This app can't connect",
      "Our service turned it down. An update of the app may help.",
      "Update",
    ],
    [
      "当前应用无法连接",
      "服务未接受此应用，更新应用后可能恢复。",
      "更新",
    ],
  ],
  [
    "DISCONNECTED",
    "retry",
    [
      "Updates were stopped",
      "Our service ended them here. You can start them again.",
      "Start again",
    ],
    [
      "更新已停止",
      "服务已结束此处的更新，可以重新开始。",
      "重新开始",
    ],
  ],
  [
    "REPLACED",
    "use_here",
    [
      "Now in use somewhere else",
      "Updates go there. You can have them here instead.",
      "Use here",
    ],
    [
      "已在其他地方使用",
      "更新已转到那里，也可以改在这里继续。",
      "在这里使用",
    ],
  ],
  [
    "CLOCK_SKEW",
    "open_settings",
    [
      "This device's clock looks wrong",
      "Set its date and time, then try again.",
      "Open settings",
    ],
    [
      "设备时间不正确",
      "请校准日期和时间后重试。",
      "打开设置",
    ],
  ],
  [
    "AUTH_REQUIRED",
    "sign_in",
    [
      "Please sign in",
      "Updates come in once you have.",
      "Sign in",
    ],
    [
      "请登录",
      "登录后即可收到更新。",
      "登录",
    ],
  ],
  [
    "AUTH_EXPIRED",
    "sign_in",
    [
      "Please sign in again",
      "Your sign-in is no longer valid. Updates go on once you have.",
      "Sign in",
    ],
    [
      "请重新登录",
      "登录已失效，登录后会继续更新。",
      "登录",
    ],
  ],
];
