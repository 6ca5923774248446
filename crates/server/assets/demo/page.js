// src/transport/browser.ts
function listen(socket, handlers) {
  let isOpen = false;
  socket.onopen = () => {
    isOpen = true;
    handlers.onOpen();
  };
  socket.onmessage = ({ data }) => handlers.onText(typeof data === "string" ? data : null);
  socket.onerror = () => {
    if (isOpen) return;
    deafen(socket);
    handlers.onFail({ kind: "unreachable" });
  };
  socket.onclose = ({ code, reason }) => {
    deafen(socket);
    if (isOpen) handlers.onClose(code, reason);
    else handlers.onFail({ kind: "unreachable" });
  };
  return {
    send: (text) => socket.send(text),
    close: (code) => {
      deafen(socket);
      socket.close(code);
    }
  };
}
function deafen(socket) {
  socket.onopen = socket.onmessage = socket.onclose = null;
  socket.onerror = () => {
  };
}
var request = ({ url, headers, body, timeoutMs }, done) => {
  const given = new AbortController();
  let isOver = false;
  const tell = (answer) => {
    clearTimeout(timer);
    if (!isOver) done(answer);
    isOver = true;
  };
  const cancel = () => {
    isOver = true;
    clearTimeout(timer);
    given.abort();
  };
  const timer = setTimeout(() => {
    tell();
    given.abort();
  }, timeoutMs);
  const { signal } = given;
  const sent = body === void 0 ? {} : { method: "POST", body };
  const alone = { cache: "no-store", credentials: "omit", redirect: "manual" };
  fetch(url, { headers, signal, ...alone, ...sent }).then(async (response) => {
    const text = await response.text();
    const header = (name) => response.headers.get(name);
    return { status: response.status, header, text };
  }).then(tell, () => tell());
  return cancel;
};
var browser = {
  openSocket: (url, handlers) => listen(new WebSocket(url), handlers),
  request
};

// page/audit.ts
function order(events2) {
  let doubled = 0;
  const skipped = [];
  let last;
  for (const event of events2) {
    const before = last?.epoch === event.epoch ? last.offset : 0;
    if (event.offset <= before) {
      doubled++;
      continue;
    }
    if (event.offset > before + 1) skipped.push([before + 1, event.offset - 1]);
    last = event;
  }
  return { count: events2.length, doubled, skipped };
}
var REPLACED_MAX = 100;
function replacedAt(entries) {
  const times = [];
  let last;
  for (const entry of entries) {
    const next = entry.kind === "event" ? entry : void 0;
    if (next && last?.epoch === next.epoch) {
      const count = Math.min(next.offset - last.offset - 1, REPLACED_MAX);
      const step2 = (next.sentAt - last.sentAt) / (count + 1);
      for (let one = 1; one <= count; one++) times.push(last.sentAt + step2 * one);
    }
    if (!next || !last || next.epoch !== last.epoch || next.offset > last.offset) last = next;
  }
  return times;
}
function missing(events2, kept2) {
  const got = new Map(events2.map((event) => [event.offset, event]));
  const isLast = new Map(kept2.filter(mayBeReplaced).map(({ event, offset }) => [event, offset]));
  const isSame = ({ offset, event, data }) => {
    const one = got.get(offset);
    return one?.event === event && JSON.stringify(one.data) === JSON.stringify(data);
  };
  const mayMiss = (event) => mayBeReplaced(event) && !got.has(event.offset) && isLast.get(event.event) !== event.offset;
  return kept2.filter((event) => !isSame(event) && !mayMiss(event)).map(({ offset }) => offset);
}
var mayBeReplaced = ({ event, data }) => event === "progress" && data.check === void 0;

// page/choices.ts
var PREFIX = "steadfast-page-";
function chosen(name, all) {
  try {
    const kept2 = localStorage.getItem(PREFIX + name);
    return all.find((one) => one === kept2);
  } catch {
    return void 0;
  }
}
function choose(name, value) {
  try {
    localStorage.setItem(PREFIX + name, value);
  } catch {
  }
}

// page/faults.ts
var HELD_MAX = 1e3;
var BROKEN = 1006;
var UNUSED = 1e3;
var Faults = class {
  constructor(below) {
    this.below = below;
    this.lines = /* @__PURE__ */ new Set();
    this.held = [];
    this.cutNow = false;
    this.stalledNow = false;
  }
  get isCut() {
    return this.cutNow;
  }
  /** Whether there is a socket that a crash would break. */
  get hasSocket() {
    return [...this.lines].some((line) => !line.isOver && !line.isLost);
  }
  get isStalled() {
    return this.stalledNow;
  }
  /** Lets nothing through, or lets new sockets and requests through again. */
  cut(isCut) {
    this.cutNow = isCut;
    for (const line of this.lines) {
      if (isCut) line.isLost = true;
      else if (line.isLost) this.drop(line);
    }
  }
  /** Holds everything, or lets go of what was held. */
  stall(isStalled) {
    this.stalledNow = isStalled;
    if (isStalled) return;
    const held = this.held;
    this.held = [];
    for (const act of held) act();
  }
  /** Breaks all sockets that there are. */
  crash() {
    for (const line of [...this.lines]) {
      if (line.isOver || line.isLost) continue;
      this.end(line, UNUSED);
      line.handlers.onClose(BROKEN);
    }
  }
  openSocket(url, handlers) {
    const line = { handlers, inner: void 0, isLost: this.cutNow, isOver: false };
    this.lines.add(line);
    if (!line.isLost) line.inner = this.below.openSocket(url, this.handlers(line));
    return {
      send: (text) => this.pass(line, () => line.inner?.send(text)),
      close: (code) => {
        line.isOver = true;
        if (!line.isLost || !this.cutNow) this.end(line, code);
      }
    };
  }
  request(request2, done) {
    let isOver = false;
    const tell = (answer) => {
      clearTimeout(timer);
      if (!isOver) done(answer);
      isOver = true;
    };
    const timer = setTimeout(tell, request2.timeoutMs, void 0);
    const isLost = this.cutNow;
    const cancel = isLost ? void 0 : this.below.request(request2, (answer) => {
      this.hold(() => {
        if (!this.cutNow) tell(answer);
      });
    });
    return () => {
      isOver = true;
      clearTimeout(timer);
      cancel?.();
    };
  }
  handlers(line) {
    return {
      onOpen: () => this.pass(line, () => line.handlers.onOpen()),
      onText: (text) => this.pass(line, () => line.handlers.onText(text)),
      onClose: (code) => {
        this.pass(line, () => {
          this.forget(line);
          line.handlers.onClose(code);
        });
      },
      onFail: (failure, error) => {
        this.pass(line, () => {
          this.forget(line);
          line.handlers.onFail(failure, error);
        });
      }
    };
  }
  /** Does it, now or once nothing is held, unless the line has lost something by then. */
  pass(line, act) {
    this.hold(() => {
      if (!line.isLost && !line.isOver) act();
    });
  }
  hold(act) {
    if (!this.stalledNow) return act();
    if (this.held.length < HELD_MAX) {
      this.held.push(act);
      return;
    }
    this.held = [];
    this.crash();
  }
  /** Ends the socket below of one that was lost. */
  drop(line) {
    const { inner } = line;
    line.inner = void 0;
    inner?.close(UNUSED);
    if (line.isOver) this.lines.delete(line);
  }
  end(line, code) {
    this.forget(line);
    line.inner?.close(code);
  }
  forget(line) {
    line.isOver = true;
    this.lines.delete(line);
  }
};

// page/journal.ts
var shownState = ({ state, reason }) => state === "disconnected" && reason === "finished" ? "finished" : state;
var ENTRIES_MAX = 1e3;
var CHANGES_MAX = 200;
var VERSION = 1;
var Journal = class _Journal {
  constructor() {
    this.channel = null;
    this.isFinished = false;
    this.states = [];
    this.faults = [];
    this.entries = [];
  }
  /** What was written before a reload, where it is ours. Time without a page is told as such. */
  static of(stored2, now2) {
    const journal2 = new _Journal();
    const record = stored2;
    if (record?.version !== VERSION) return journal2;
    journal2.channel = record.channel;
    journal2.isFinished = record.isFinished;
    journal2.entries = [...record.entries];
    const { savedAt } = record;
    journal2.faults = record.faults.map((fault) => ({ ...fault, to: fault.to ?? savedAt }));
    journal2.faults.push({ fault: "reloaded", from: savedAt, to: now2 });
    journal2.states = [...record.states, { state: "disconnected", reason: "closed", at: savedAt }];
    return journal2;
  }
  record(now2) {
    const { channel, isFinished, states: states2, faults: faults3, entries } = this;
    return { version: VERSION, savedAt: now2, channel, isFinished, states: states2, faults: faults3, entries };
  }
  /** Another channel is followed from here on, or none. */
  follow(channel) {
    this.channel = channel;
    this.isFinished = false;
    this.entries = [];
  }
  enter(state, reason, now2) {
    push(this.states, { state, reason, at: now2 }, CHANGES_MAX);
  }
  /** A fault begins, unless it lasts already, or ends. */
  mark(fault, isOn, now2) {
    const lasting = this.faults.findIndex((one) => one.fault === fault && one.to === null);
    if (isOn && lasting < 0) push(this.faults, { fault, from: now2, to: null }, CHANGES_MAX);
    const entry = this.faults[lasting];
    if (!isOn && entry) this.faults[lasting] = { ...entry, to: now2 };
  }
  /** A fault that is over as soon as it is there. */
  strike(fault, now2) {
    push(this.faults, { fault, from: now2, to: now2 }, CHANGES_MAX);
  }
  hand({ epoch, offset, event, data, time }, now2) {
    const sentAt = Math.min(Date.parse(time), now2);
    push(
      this.entries,
      { kind: "event", epoch, offset, event, data, sentAt, gotAt: now2 },
      ENTRIES_MAX
    );
  }
  miss(now2) {
    push(this.entries, { kind: "gap", gotAt: now2 }, ENTRIES_MAX);
  }
  finish() {
    this.isFinished = true;
  }
  events() {
    return this.entries.filter((entry) => entry.kind === "event");
  }
};
function push(list, item, most) {
  list.push(item);
  if (list.length > most) list.shift();
}

// page/server.ts
var Refused = class extends Error {
  constructor(status) {
    super(`the server answered ${status}`);
    this.status = status;
  }
};
var LIMIT = 1e3;
async function startJob(durationMs) {
  const wish = JSON.stringify({ duration_ms: durationMs });
  const { channel } = await ask("/demo/jobs", "POST", wish);
  return channel;
}
async function isBlocked() {
  return (await ask("/demo/websocket", "GET")).is_blocked;
}
async function block(isWished) {
  await ask("/demo/websocket", "PUT", JSON.stringify({ is_blocked: isWished }));
}
async function kept(channel) {
  const path = `/v1/channels/${encodeURIComponent(channel)}/events?limit=${LIMIT}`;
  return (await ask(path, "GET")).events;
}
async function ask(path, method, body) {
  const headers = body === void 0 ? {} : { "Content-Type": "application/json" };
  const request2 = fetch(path, { method, headers, body: body ?? null, cache: "no-store" });
  const answer = await request2.catch(() => {
    throw new Refused(0);
  });
  if (!answer.ok) throw new Refused(answer.status);
  return answer.json();
}

// page/view/dom.ts
function by(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no element #${id}`);
  return element;
}
function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
function set(element, name, value) {
  if (element.getAttribute(name) === value) return;
  if (value === null) element.removeAttribute(name);
  else element.setAttribute(name, value);
}
function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}
var SVG = "http://www.w3.org/2000/svg";
function draw(name, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  element.append(...children);
  return element;
}
function sign(name) {
  const use = draw("use", { href: `#sign-${name}` });
  return draw("svg", { class: "small-sign", "aria-hidden": "true" }, use);
}

// page/view/controls.ts
function listen2(deeds) {
  by("job-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const form = new FormData(by("job-form"));
    deeds.start(Number(form.get("duration")));
  });
  const onSwitch = (id, act) => {
    const button = by(id);
    button.addEventListener("click", () => act(button.getAttribute("aria-checked") !== "true"));
  };
  onSwitch("cut", (isOn) => deeds.cut(isOn));
  onSwitch("block", (isOn) => deeds.block(isOn));
  onSwitch("stall", (isOn) => deeds.stall(isOn));
  by("crash").addEventListener("click", () => deeds.crash());
  by("restart").addEventListener("click", () => deeds.restart());
  for (const button of document.querySelectorAll("[data-language]")) {
    button.addEventListener("click", () => deeds.speak(button.dataset["language"] ?? ""));
  }
  for (const button of document.querySelectorAll("[data-choose-colours]")) {
    button.addEventListener("click", () => deeds.colour(button.dataset["chooseColours"] ?? ""));
  }
}
function showControls(words, language2, colours2, switches) {
  const { isCut, isBlocked: isBlocked3, isStalled, isLinked, isBreakable, isStarting: isStarting2 } = switches;
  set(by("cut"), "aria-checked", String(isCut));
  set(by("block"), "aria-checked", String(isBlocked3));
  set(by("stall"), "aria-checked", String(isStalled));
  put(by("restart"), isLinked ? words.close : words.restart);
  by("crash").disabled = !isBreakable;
  by("start").disabled = isStarting2;
  for (const button of document.querySelectorAll("[data-language]")) {
    set(button, "aria-pressed", String(button.dataset["language"] === language2));
  }
  for (const button of document.querySelectorAll("[data-choose-colours]")) {
    set(button, "aria-pressed", String(button.dataset["chooseColours"] === colours2));
  }
}

// page/words/en.ts
var states = {
  disconnected: "Disconnected",
  connecting: "Connecting",
  connected: "Connected",
  reconnecting: "Reconnecting",
  fallback: "Fallback",
  finished: "Finished"
};
var reasons = {
  asked: "Making the first attempt.",
  closed: "The link was closed. Restart it when you like.",
  finished: "The job has ended, and there is nothing left to follow.",
  rejected: "The server refused this link.",
  offline: "This device has no network. The link goes on by itself once it has.",
  network_restored: "The network is back. Trying again.",
  welcomed: "Live over WebSocket.",
  lost: "The connection broke. Trying again.",
  heartbeat_timeout: "Nothing was heard for too long. Trying again.",
  connect_timeout: "No answer in time. Trying again.",
  unreachable: "The server can't be reached. Trying again.",
  server_asked: "The server asked to come back in a moment.",
  websocket_blocked: "WebSocket doesn't get through. Polling for events instead."
};
var faults = {
  cut: "Network cut",
  blocked: "WebSocket blocked",
  stalled: "Connection frozen",
  crashed: "Crash",
  reloaded: "Page reloaded"
};
var strikes = {
  cut: "Cut",
  blocked: "Blocked",
  stalled: "Frozen",
  crashed: "Crash",
  reloaded: "Reload"
};
var grades = {
  unknown: "Not known yet",
  bad: "Bad",
  poor: "Poor",
  fair: "Fair",
  good: "Good",
  excellent: "Excellent"
};
var parts = {
  delay: "Answers take long.",
  loss: "Some heartbeats went unanswered.",
  disconnects: "The connection was lost not long ago.",
  outage: "For some of the last ten minutes nothing came live.",
  delivery: "Events arrive late."
};
var partNames = {
  delay: "Slow answers",
  loss: "Unanswered heartbeats",
  disconnects: "Lost connections",
  outage: "Time without live events",
  delivery: "Late events"
};
var checks = {
  power: "Power",
  storage: "Storage",
  memory: "Memory",
  network: "Network",
  sensors: "Sensors",
  software: "Software"
};
var some = (count, one, many) => `${count} ${count === 1 ? one : many}`;
var en = {
  states,
  reasons,
  faults,
  strikes,
  grades,
  parts,
  partNames,
  checks,
  title: "Break the connection. Lose nothing.",
  lead: "Start a job on the server, then cut it off from this page. Every event still arrives: once, and in order.",
  stateTitle: "State of the link",
  unnoticed: "You keep everything from getting through. The link has not noticed yet.",
  pollsUnanswered: "WebSocket doesn't get through, and polls get no answer either.",
  quality: "Quality",
  nextAttempt: (seconds2) => `Next attempt in ${seconds2} s`,
  nextSocket: (seconds2) => `Tries WebSocket again in ${seconds2} s`,
  colours: "Colours of the states",
  coloursStandard: "Standard",
  coloursClassic: "Classic",
  jobTitle: "The job",
  duration: "How long it takes",
  short: "30 s",
  medium: "1 min",
  long: "5 min",
  start: "Start a job",
  startAnother: "Start another",
  jobEmpty: "Nothing runs yet. A job checks an imagined device and tells this page how far it is.",
  waiting: "Waiting for the first event…",
  step: (number2, of, check2) => `Step ${number2} of ${of}: ${check2}`,
  jobDone: "All steps done",
  result: (warnings2) => warnings2.length ? `Done. Look at: ${warnings2.join(", ")}.` : "Done. All is well.",
  failed: "The job could not be started.",
  full: "As many jobs run as may at once. Wait until one ends.",
  unreachable: "The server did not answer. Is it still running?",
  done: "done",
  warned: "needs a look",
  current: "running",
  pending: "waiting",
  breakTitle: "Break it",
  cut: "Cut the network",
  cutWhy: "Everything vanishes without a word, as in a lift.",
  block: "Block WebSocket",
  blockWhy: "Only plain HTTP gets through, as behind some proxies. For everybody on this server.",
  stall: "Freeze the connection",
  stallWhy: "It stays open, but nothing moves until you release it.",
  crash: "Crash the connection",
  crashWhy: "A crash ends the socket without a goodbye.",
  close: "Close the link",
  restart: "Restart the link",
  restartWhy: "A closed link stays so until you restart it.",
  timelineTitle: "What happened",
  timelineHint: "Each line is an event, from when it was sent to when it arrived. Hollow dots are outdated updates that a newer one replaced.",
  rowFaults: "You did",
  rowSent: "Sent",
  rowGot: "Arrived",
  rowState: "State",
  now: "now",
  ago: (seconds2) => `${seconds2} s ago`,
  historyTitle: "As text",
  sum: (events2, lateMs, states2) => `${some(events2, "event", "events")}, the latest one by ${lateMs} s. ${states2}`,
  lasted: (what, time) => `${what} for ${time}.`,
  began: (what) => `You: ${what}`,
  ended: (what) => `Over: ${what}`,
  points: (score) => `${score} of 100`,
  nothingAgainst: "No problems seen.",
  notEnough: "A few more heartbeats are needed to tell.",
  numbersTitle: "Statistics",
  availability: "available",
  realtime: "Live by WebSocket",
  downtime: "Downtime",
  reconnects: "Reconnects",
  outcome: (all, good, bad) => `${all} (${good} succeeded, ${bad} failed)`,
  seconds: (text) => `${text} s`,
  lastConnected: "Last connected",
  lastDisconnected: "Last disconnected",
  never: "never",
  unknown: "–",
  events: (count) => some(count, "event", "events"),
  inOrder: "each once, in order",
  outOfOrder: (doubled) => `${some(doubled, "is", "are")} out of order or doubled`,
  skipped: (count) => `${some(count, "outdated update was", "outdated updates were")} left out, as the job allows.`,
  auditPending: "Checked against the server once the job has ended.",
  auditGood: "Checked against the server: nothing is missing.",
  auditBad: (offsets) => `Checked against the server. Missing: ${offsets}.`,
  auditFailed: "The server could not be asked whether this is all.",
  listTitle: "Events received",
  listHint: "Newest first.",
  eventsEmpty: "No event yet.",
  skippedRow: (from, to) => `${from === to ? `${from} was` : `${from} to ${to} were`} outdated and left out`,
  gapRow: "Some events are gone from the server and can't be had any more",
  late: (seconds2) => `${seconds2} s late`,
  eventProgress: (percent2) => `${percent2}%`,
  eventCheck: (percent2, check2) => `${percent2}%, begins: ${check2}`,
  eventResult: (warnings2) => warnings2.length ? `Needs a look: ${warnings2.join(", ")}` : "All is well",
  eventComplete: "The end",
  terminal: "The same from a terminal:"
};

// page/words/zh.ts
var zh = {
  states: {
    disconnected: "未连接",
    connecting: "连接中",
    connected: "已连接",
    reconnecting: "重连中",
    fallback: "降级模式",
    finished: "已完成"
  },
  reasons: {
    asked: "正在首次连接。",
    closed: "连接已关闭，可随时重新启动。",
    finished: "任务已结束，没有需要继续接收的内容。",
    rejected: "服务器拒绝了此连接。",
    offline: "设备没有网络，恢复后会自动继续。",
    network_restored: "网络已恢复，正在重试。",
    welcomed: "正通过 WebSocket 实时接收。",
    lost: "连接断开，正在重试。",
    heartbeat_timeout: "太久没有收到回应，正在重试。",
    connect_timeout: "对方未及时回应，正在重试。",
    unreachable: "无法连上服务器，正在重试。",
    server_asked: "服务器要求稍后重新连接。",
    websocket_blocked: "WebSocket 无法通过，改为轮询查询事件。"
  },
  faults: {
    cut: "网络中断",
    blocked: "禁用 WebSocket",
    stalled: "连接冻结",
    crashed: "断开",
    reloaded: "页面刷新"
  },
  strikes: {
    cut: "断网",
    blocked: "禁用",
    stalled: "冻结",
    crashed: "断开",
    reloaded: "刷新"
  },
  grades: {
    unknown: "尚不清楚",
    bad: "很差",
    poor: "较差",
    fair: "一般",
    good: "良好",
    excellent: "极佳"
  },
  parts: {
    delay: "回应较慢。",
    loss: "有些心跳没有得到回应。",
    disconnects: "不久前断开过连接。",
    outage: "最近十分钟内，有一段时间不能实时接收。",
    delivery: "事件到达较晚。"
  },
  partNames: {
    delay: "回应慢",
    loss: "心跳无回应",
    disconnects: "连接断开",
    outage: "无实时接收的时间",
    delivery: "事件迟到"
  },
  checks: {
    power: "电源",
    storage: "存储",
    memory: "内存",
    network: "网络",
    sensors: "传感器",
    software: "软件"
  },
  title: "连接随便断，事件不会丢",
  lead: "在服务器上启动一个任务，再切断它与本页面的连接。每个事件仍会送达：不丢、不重、不乱序。",
  stateTitle: "连接状态",
  unnoticed: "你已阻断所有数据，连接尚未察觉。",
  pollsUnanswered: "WebSocket 无法通过，轮询也没有回应。",
  quality: "质量",
  nextAttempt: (seconds2) => `${seconds2} 秒后重试`,
  nextSocket: (seconds2) => `${seconds2} 秒后再试 WebSocket`,
  colours: "状态颜色",
  coloursStandard: "标准",
  coloursClassic: "经典",
  jobTitle: "任务",
  duration: "任务时长",
  short: "30 秒",
  medium: "1 分钟",
  long: "5 分钟",
  start: "启动任务",
  startAnother: "再启动一个",
  jobEmpty: "还没有任务。任务会检查一台虚拟设备，并把进度告诉本页面。",
  waiting: "正在等待第一个事件…",
  step: (number2, of, check2) => `第 ${number2} 步，共 ${of} 步：${check2}`,
  jobDone: "所有步骤已完成",
  result: (warnings2) => warnings2.length ? `已完成，请留意：${warnings2.join("、")}。` : "已完成，一切正常。",
  failed: "无法启动任务。",
  full: "同时运行的任务已达上限，请等其中一个结束。",
  unreachable: "服务器没有回应，它还在运行吗？",
  done: "已完成",
  warned: "需要留意",
  current: "进行中",
  pending: "等待中",
  breakTitle: "制造故障",
  cut: "切断网络",
  cutWhy: "所有数据悄然消失，就像进了电梯。",
  block: "禁用 WebSocket",
  blockWhy: "只有普通 HTTP 能通过，就像在某些代理之后。对此服务器上的所有人生效。",
  stall: "冻结连接",
  stallWhy: "连接看似正常，但没有数据流动，直到你解除。",
  crash: "强行断开",
  crashWhy: "强行断开：套接字不打招呼就消失。",
  close: "关闭连接",
  restart: "重启连接",
  restartWhy: "关闭后不会自动恢复，直到你重启。",
  timelineTitle: "发生了什么",
  timelineHint: "每条线是一个事件，从发出到送达。空心点是已被新进度取代的旧进度。",
  rowFaults: "操作",
  rowSent: "发出",
  rowGot: "送达",
  rowState: "状态",
  now: "现在",
  ago: (seconds2) => `${seconds2} 秒前`,
  historyTitle: "文字版",
  sum: (events2, lateMs, states2) => `共 ${events2} 个事件，最晚的迟到 ${lateMs} 秒。${states2}`,
  lasted: (what, time) => `${what} ${time}。`,
  began: (what) => `操作：${what}`,
  ended: (what) => `结束：${what}`,
  points: (score) => `${score} / 100`,
  nothingAgainst: "没有发现问题。",
  notEnough: "还需要几次心跳才能判断。",
  numbersTitle: "统计",
  availability: "可用",
  realtime: "WebSocket 实时",
  downtime: "中断时长",
  reconnects: "重连次数",
  outcome: (all, good, bad) => `${all}（成功 ${good}，失败 ${bad}）`,
  seconds: (text) => `${text} 秒`,
  lastConnected: "上次连接",
  lastDisconnected: "上次断开",
  never: "无",
  unknown: "–",
  events: (count) => `${count} 个事件`,
  inOrder: "不重复、不乱序",
  outOfOrder: (doubled) => `有 ${doubled} 个重复或乱序`,
  skipped: (count) => `略过了 ${count} 个已过时的进度更新（任务允许这样做）。`,
  auditPending: "任务结束后会与服务器核对。",
  auditGood: "已与服务器核对：没有遗漏。",
  auditBad: (offsets) => `已与服务器核对，缺少：${offsets}。`,
  auditFailed: "无法向服务器核对是否完整。",
  listTitle: "收到的事件",
  listHint: "最新的在前。",
  eventsEmpty: "还没有事件。",
  skippedRow: (from, to) => from === to ? `${from} 已过时，略过` : `${from} 至 ${to} 已过时，略过`,
  gapRow: "部分事件已从服务器上清除，无法再取得",
  late: (seconds2) => `迟到 ${seconds2} 秒`,
  eventProgress: (percent2) => `${percent2}%`,
  eventCheck: (percent2, check2) => `${percent2}%，开始检查：${check2}`,
  eventResult: (warnings2) => warnings2.length ? `需要留意：${warnings2.join("、")}` : "一切正常",
  eventComplete: "全部完成",
  terminal: "也可以在终端里查看："
};

// page/words.ts
var LANGUAGES = ["en", "zh-CN"];
var CHOICE = "language";
var WORDS = { en, "zh-CN": zh };
var wordsOf = (language2) => WORDS[language2];
function preferredLanguage() {
  const language2 = chosen(CHOICE, LANGUAGES);
  if (language2) return language2;
  for (const wanted of navigator.languages) {
    if (wanted.toLowerCase().startsWith("zh")) return "zh-CN";
    if (wanted.toLowerCase().startsWith("en")) return "en";
  }
  return "en";
}
var rememberLanguage = (language2) => choose(CHOICE, language2);
function translate(root, words) {
  for (const element of root.querySelectorAll("[data-word]")) {
    const word = words[element.dataset["word"]];
    if (typeof word === "string") element.textContent = word;
  }
}
var seconds = (ms, language2) => number(ms / 1e3, 1, language2);
var percent = (share, language2) => `${number(share, 2, language2)}%`;
function number(value, digits, language2) {
  const form = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return new Intl.NumberFormat(language2, form).format(value);
}
var minutes = (ms) => {
  const whole = Math.max(Math.floor(ms / 1e3), 0);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
};
var clockTime = (at, language2) => new Intl.DateTimeFormat(language2, { timeStyle: "medium", hourCycle: "h23" }).format(at);

// page/view/job.ts
var CHECKS = ["power", "storage", "memory", "network", "sensors", "software"];
function standing(events2) {
  let [percent2, begun] = [0, 0];
  let result;
  let isDone = false;
  for (const { event, data } of events2) {
    if (event === "progress") {
      const progress = data;
      percent2 = Math.max(percent2, progress.percent);
      begun = Math.max(begun, progress.number ?? 0);
    } else if (event === "result") result = data;
    else if (event === "complete") isDone = true;
  }
  return { percent: percent2, begun, result, isDone };
}
var warnings = (words, result) => (result?.findings ?? []).filter(({ verdict }) => verdict !== "good").map(({ check: check2 }) => words.checks[check2] ?? check2);
function showJob(words, journal2) {
  const { channel } = journal2;
  const events2 = journal2.events();
  const { percent: percent2, begun, result, isDone } = standing(events2);
  set(by("job"), "data-phase", channel === null ? "none" : isDone ? "done" : "running");
  by("job-empty").hidden = channel !== null;
  by("job-body").hidden = channel === null;
  put(by("channel"), channel ?? "");
  put(by("start"), channel === null ? words.start : words.startAnother);
  set(by("start"), "data-rank", channel === null || isDone ? "first" : "second");
  put(by("command"), `cargo run --release -- subscribe ${channel ?? "demo:1"}`);
  put(by("job-percent"), events2.length ? `${percent2}%` : "");
  by("job-progress").value = percent2;
  put(by("job-step"), step(words, begun, isDone || result !== void 0));
  put(by("job-result"), isDone ? words.result(warnings(words, result)) : "");
  showChecks(words, begun, result);
}
function step(words, begun, isOver) {
  if (isOver) return words.jobDone;
  const check2 = CHECKS[begun - 1];
  return check2 ? words.step(begun, CHECKS.length, words.checks[check2] ?? check2) : words.waiting;
}
function showChecks(words, begun, result) {
  const list = by("checks");
  const { warned: warning, done, current, pending: waiting } = words;
  const said = { warning, done, current, waiting };
  const items = CHECKS.map((check2, at) => {
    const verdict = result?.findings.find((finding) => finding.check === check2)?.verdict;
    const isWarned = verdict !== void 0 && verdict !== "good";
    const isDone = verdict !== void 0 || at + 1 < begun;
    const phase = isWarned ? "warning" : isDone ? "done" : at + 1 === begun ? "current" : "waiting";
    return { check: check2, phase, said: said[phase] };
  });
  const key = JSON.stringify([items, words.checks]);
  if (list.dataset["key"] === key) return;
  list.dataset["key"] = key;
  list.replaceChildren(
    ...items.map(
      ({ check: check2, phase, said: said2 }) => make(
        "li",
        { "data-phase": phase },
        sign(phase),
        make("span", {}, words.checks[check2] ?? check2),
        make("span", { class: "unseen" }, ` (${said2})`)
      )
    )
  );
}

// page/view/events.ts
var LATE_MS = 1e3;
var OFFSETS_SHOWN = 5;
function showEvents(words, language2, journal2, audit2) {
  const events2 = journal2.events();
  const { count, doubled, skipped } = order(events2);
  by("tally").hidden = journal2.channel === null;
  put(by("events-count"), words.events(count));
  const seen = doubled > 0 ? words.outOfOrder(doubled) : count > 0 ? words.inOrder : "";
  put(by("events-order"), seen);
  showAudit(words, journal2, audit2, skipped);
  by("events-empty").hidden = journal2.entries.length > 0;
  showList(words, language2, journal2);
}
function showAudit(words, journal2, audit2, skipped) {
  const left = skipped.reduce((all, [from, to]) => all + to - from + 1, 0);
  const remark = left > 0 ? ` ${words.skipped(left)}` : "";
  const [verdict, text] = judged(words, journal2, audit2);
  set(by("audit"), "data-verdict", verdict);
  put(by("audit"), text + remark);
}
function judged(words, journal2, audit2) {
  if (journal2.channel === null) return ["none", words.auditPending];
  if (audit2 === void 0) return ["none", words.auditPending];
  if (audit2 === "failed") return ["failed", words.auditFailed];
  if (audit2.length === 0) return ["good", words.auditGood];
  return ["bad", words.auditBad(audit2.slice(0, OFFSETS_SHOWN).join(", "))];
}
function showList(words, language2, journal2) {
  const list = by("events");
  const { channel, entries } = journal2;
  const key = `${channel} ${language2} ${entries[0]?.gotAt}`;
  if (list.dataset["key"] !== key) list.replaceChildren();
  list.dataset["key"] = key;
  list.hidden = entries.length === 0;
  for (let at = list.querySelectorAll(":scope > :not(.remark)").length; at < entries.length; at++) {
    const entry = entries[at];
    if (entry) list.prepend(...rows(words, language2, entry, entries[at - 1]).reverse());
  }
}
function rows(words, language2, entry, last) {
  if (entry.kind === "gap") return [make("li", { class: "gap" }, words.gapRow)];
  const isSame = last?.kind === "event" && last.epoch === entry.epoch;
  const before = isSame ? last.offset : last ? entry.offset - 1 : 0;
  const row = make(
    "li",
    { "data-offset": String(entry.offset), "data-event": entry.event },
    make("span", { class: "offset" }, String(entry.offset)),
    make("span", { class: "name" }, entry.event),
    make("span", { class: "what" }, told(words, entry))
  );
  const lateMs = entry.gotAt - entry.sentAt;
  if (lateMs > LATE_MS) {
    row.append(make("span", { class: "late" }, words.late(seconds(lateMs, language2))));
  }
  if (entry.offset <= before + 1) return [row];
  const skipped = words.skippedRow(before + 1, entry.offset - 1);
  return [make("li", { class: "remark" }, skipped), row];
}
function told(words, { event, data }) {
  if (event === "progress") {
    const { percent: percent2, check: check2 } = data;
    return check2 === void 0 ? words.eventProgress(percent2) : words.eventCheck(percent2, words.checks[check2] ?? check2);
  }
  if (event === "result") return words.eventResult(warnings(words, data));
  if (event === "complete") return words.eventComplete;
  return JSON.stringify(data);
}

// page/view/history.ts
var LINES_MAX = 100;
function showHistory(words, language2, journal2, now2) {
  put(by("timeline-sum"), sum(words, language2, journal2, now2));
  const lines = history(words, journal2).slice(-LINES_MAX);
  const list = by("history");
  const key = `${language2} ${lines.length} ${lines.at(-1)?.at}`;
  if (list.dataset["key"] === key) return;
  list.dataset["key"] = key;
  list.replaceChildren(
    ...lines.reverse().map(({ at, name, text }) => {
      const time = make("time", {}, clockTime(at, language2));
      return make("li", { "data-name": name }, time, make("span", {}, text));
    })
  );
}
function history(words, { states: states2, faults: faults3 }) {
  const lines = states2.map(({ state, reason, at }) => {
    const name = shownState({ state, reason });
    return { at, name, text: `${words.states[name]}. ${words.reasons[reason]}` };
  });
  for (const { fault, from, to } of faults3) {
    lines.push({ at: from, name: fault, text: words.began(words.faults[fault]) });
    if (to === null || to === from) continue;
    lines.push({ at: to, name: fault, text: words.ended(words.faults[fault]) });
  }
  return lines.sort((one, other) => one.at - other.at);
}
function sum(words, language2, journal2, now2) {
  const events2 = journal2.events();
  const late = Math.max(0, ...events2.map(({ sentAt, gotAt }) => gotAt - sentAt));
  const times = /* @__PURE__ */ new Map();
  journal2.states.forEach((entry, number2) => {
    const to = journal2.states[number2 + 1]?.at ?? now2;
    const name = shownState(entry);
    times.set(name, (times.get(name) ?? 0) + to - entry.at);
  });
  const states2 = [...times].map(
    ([state, time]) => words.lasted(words.states[state], minutes(time))
  );
  return words.sum(events2.length, seconds(late, language2), states2.join(" "));
}

// page/view/indicator.ts
function showState(words, { state, reason }, notice, nextAttemptInMs, isBroken) {
  const bar = by("state");
  const shown = shownState({ state, reason });
  set(bar, "data-state", shown);
  const use = bar.querySelector("use");
  if (use) set(use, "href", `#sign-${shown}`);
  const isUnanswered = state === "fallback" && notice?.code === "LINK_RECONNECTING";
  put(by("state-word"), words.states[shown]);
  set(bar, "data-reason", reason);
  set(bar, "data-flow", isUnanswered ? "none" : null);
  const isUnnoticed = isBroken && (state === "connected" || state === "fallback");
  const why2 = isUnnoticed ? words.unnoticed : words.reasons[reason];
  put(by("state-why"), isUnanswered ? words.pollsUnanswered : why2);
  const seconds2 = Math.ceil((nextAttemptInMs ?? 0) / 1e3);
  const isPlanned = nextAttemptInMs !== null && state !== "connected";
  const next = state === "fallback" ? words.nextSocket(seconds2) : words.nextAttempt(seconds2);
  put(by("state-next"), isPlanned ? next : "");
  document.title = `${words.states[shown]} · Steadfast`;
}
function showGrade(words, quality) {
  const grade = quality?.grade ?? "unknown";
  put(by("state-grade"), grade === "unknown" ? "" : words.grades[grade]);
}

// src/catalogue.ts
var ROWS = [
  [
    "RECOVERED",
    null,
    [
      "Connected again",
      "Updates are coming in."
    ],
    [
      "已恢复连接",
      "更新已继续。"
    ]
  ],
  [
    "LINK_SLOW",
    null,
    [
      "Weak network",
      "Updates may be late. You don't need to do anything."
    ],
    [
      "网络较差",
      "更新可能会慢一些，无需操作。"
    ]
  ],
  [
    "LINK_FALLBACK",
    "retry",
    [
      "Live updates don't get through right now",
      "We check for news by ourselves. It may arrive a little late.",
      "Retry now"
    ],
    [
      "实时更新暂时不可用",
      "系统会自动查看新内容，可能稍有延迟。",
      "立即重试"
    ]
  ],
  [
    "GAP_LOST",
    "reload",
    [
      "Some messages couldn't be recovered",
      "Reload to see how things stand now.",
      "Reload"
    ],
    [
      "部分消息未能恢复",
      "重新加载即可查看最新内容。",
      "重新加载"
    ]
  ],
  [
    "LINK_RECONNECTING",
    null,
    [
      "Reconnecting…",
      "What you see stays here. New updates will follow by themselves."
    ],
    [
      "正在重新连接…",
      "已显示的内容不受影响，恢复后会自动更新。"
    ]
  ],
  [
    "SRV_BUSY",
    null,
    [
      "Our service is busy",
      "We'll try again by ourselves within {n} s."
    ],
    [
      "服务繁忙",
      "将在 {n} 秒内自动重试，无需操作。"
    ]
  ],
  [
    "SRV_MAINT",
    null,
    [
      "Short maintenance",
      "You don't need to do anything. Updates will go on by themselves."
    ],
    [
      "服务维护中",
      "请稍候，无需操作，完成后会自动更新。"
    ]
  ],
  [
    "NET_OFFLINE",
    "check_network",
    [
      "You're offline",
      "What you see stays here. New updates will arrive once you're back online.",
      "Check network"
    ],
    [
      "网络已断开",
      "已显示的内容不受影响，联网后会自动更新。",
      "检查网络"
    ]
  ],
  [
    "CAPTIVE",
    "open_sign_in",
    [
      "This network asks you to sign in first",
      "Sign in on its page. Updates will then go on by themselves.",
      "Open sign-in"
    ],
    [
      "此网络需要先登录",
      "在其页面登录后，更新会自动继续。",
      "打开登录页"
    ]
  ],
  [
    "POLICY",
    "update",
    [
      "This app can't connect",
      "Our service turned it down. An update of the app may help.",
      "Update"
    ],
    [
      "当前应用无法连接",
      "服务未接受此应用，更新应用后可能恢复。",
      "更新"
    ]
  ],
  [
    "DISCONNECTED",
    "retry",
    [
      "Updates were stopped",
      "Our service ended them here. You can start them again.",
      "Start again"
    ],
    [
      "更新已停止",
      "服务已结束此处的更新，可以重新开始。",
      "重新开始"
    ]
  ],
  [
    "REPLACED",
    "use_here",
    [
      "Now in use somewhere else",
      "Updates go there. You can have them here instead.",
      "Use here"
    ],
    [
      "已在其他地方使用",
      "更新已转到那里，也可以改在这里继续。",
      "在这里使用"
    ]
  ],
  [
    "CLOCK_SKEW",
    "open_settings",
    [
      "This device's clock looks wrong",
      "Set its date and time, then try again.",
      "Open settings"
    ],
    [
      "设备时间不正确",
      "请校准日期和时间后重试。",
      "打开设置"
    ]
  ],
  [
    "AUTH_REQUIRED",
    "sign_in",
    [
      "Please sign in",
      "Updates come in once you have.",
      "Sign in"
    ],
    [
      "请登录",
      "登录后即可收到更新。",
      "登录"
    ]
  ],
  [
    "AUTH_EXPIRED",
    "sign_in",
    [
      "Please sign in again",
      "Your sign-in is no longer valid. Updates go on once you have.",
      "Sign in"
    ],
    [
      "请重新登录",
      "登录已失效，登录后会继续更新。",
      "登录"
    ]
  ]
];

// src/texts.ts
var RETRY_SECONDS = 30;
function textOf(notice, locale) {
  const { code, retryInMs } = notice;
  const row = ROWS.find((one) => one[0] === code);
  if (!row) return { title: code, body: "" };
  const [, kind, en2, zh2] = row;
  const [title, body, label] = languageOf(locale) === "en" ? en2 : zh2;
  const seconds2 = retryInMs === null ? RETRY_SECONDS : Math.ceil(retryInMs / 1e3);
  const text = { title, body: body.replace("{n}", `${seconds2}`) };
  return kind && label ? { ...text, action: { kind, label } } : text;
}
var languageOf = (locale) => /^zh(?![a-z])/i.test(locale) ? "zh-CN" : "en";

// page/view/notice.ts
function showNotice(notice, language2, deeds) {
  const place = by("notice");
  const text = notice && textOf(notice, language2);
  const key = JSON.stringify(text);
  if (place.dataset["key"] === key) return;
  place.dataset["key"] = key;
  set(place, "data-severity", notice?.severity ?? "none");
  set(place, "data-code", notice?.code ?? null);
  place.replaceChildren();
  if (!text) return;
  place.append(make("strong", {}, text.title), " ", make("span", {}, text.body));
  const deed = text.action && deeds[text.action.kind];
  if (!deed || !text.action) return;
  const button = make("button", { type: "button" }, text.action.label);
  button.addEventListener("click", deed);
  place.append(button);
}

// page/view/numbers.ts
var SHARE_AFTER_MS = 1e4;
function showQuality(words, quality) {
  const grade = quality?.grade ?? "unknown";
  const isKnown = quality !== void 0 && grade !== "unknown";
  put(by("grade"), words.grades[grade]);
  set(by("grade"), "data-grade", grade);
  put(by("score"), isKnown ? words.points(quality.score) : "");
  by("score-meter").value = isKnown ? quality.score : 0;
  put(by("quality-reason"), why(words, isKnown ? quality : void 0));
  const parts2 = Object.entries(words.partNames).map(([part, name]) => {
    const points = quality?.parts[part] ?? 0;
    return [`part-${part}`, name, !isKnown ? words.unknown : points > 0 ? `−${points}` : "0"];
  });
  showFigures("parts", parts2);
}
function why(words, quality) {
  if (!quality) return words.notEnough;
  return quality.reason ? words.parts[quality.reason] : words.nothingAgainst;
}
function showStatistics(words, language2, statistics, watchedMs) {
  if (!statistics) return;
  const share = (hundredths) => watchedMs < SHARE_AFTER_MS ? words.unknown : percent(hundredths, language2);
  put(by("availability"), share(statistics.availability));
  const date = (text) => text === null ? words.never : clockTime(Date.parse(text), language2);
  const { totalReconnects, successfulReconnects, failedReconnects } = statistics;
  const outcome = words.outcome(totalReconnects, successfulReconnects, failedReconnects);
  showFigures("numbers", [
    ["realtime", words.realtime, share(statistics.realtimeAvailability)],
    ["downtime", words.downtime, words.seconds(seconds(statistics.totalDowntime, language2))],
    ["reconnects", words.reconnects, outcome],
    ["connected", words.lastConnected, date(statistics.lastConnectedAt)],
    ["disconnected", words.lastDisconnected, date(statistics.lastDisconnectedAt)]
  ]);
}
function showFigures(id, figures) {
  const list = by(id);
  if (list.children.length === 0) {
    list.append(
      ...figures.map(([name]) => make("div", {}, make("dt"), make("dd", { id: `number-${name}` })))
    );
  }
  figures.forEach(([, term, value], at) => {
    const [dt, dd] = list.children[at]?.children ?? [];
    if (dt && dd) {
      put(dt, term);
      put(dd, value);
    }
  });
}

// page/view/timeline.ts
var SPAN_NARROW = 6e4;
var SPAN_WIDE = 9e4;
var WIDE_PX = 700;
var ROWS2 = { faults: 8, sent: 58, got: 118, state: 140, axis: 190, height: 198 };
var BAND = 28;
var CHARACTER_PX = 7.5;
var WIDE_CHARACTER_PX = 12.5;
var LATE_MS2 = 1e3;
var MARK_EVERY_MS = 15e3;
function showTimeline(words, journal2, now2) {
  const svg = by("timeline");
  const width2 = Math.max(svg.clientWidth, 240);
  const scale = scaled(width2, now2);
  svg.setAttribute("viewBox", `0 0 ${width2} ${ROWS2.height}`);
  const { faults: faults3, states: states2 } = journal2;
  svg.replaceChildren(
    clip(scale),
    ...labels(words),
    ...axis(words, scale, now2),
    draw(
      "g",
      { "clip-path": "url(#timeline-clip)" },
      ...stretches(scale, faults3.map((one) => faultStretch(words, one, now2)), ROWS2.faults, "fault"),
      ...replaced(scale, journal2.entries),
      ...events(scale, journal2.events()),
      ...stretches(scale, stateStretches(words, states2, now2), ROWS2.state, "band")
    )
  );
}
function scaled(width2, now2) {
  const span = width2 < WIDE_PX ? SPAN_NARROW : SPAN_WIDE;
  const [left, right] = [width2 < WIDE_PX ? 54 : 72, width2 - 8];
  const from = now2 - span;
  const x = (at) => left + (at - from) / span * (right - left);
  return { left, right, from, to: now2, x };
}
function clip({ left, right }) {
  const box = { x: left, y: 0, width: right - left + 8, height: ROWS2.height };
  return draw("clipPath", { id: "timeline-clip" }, draw("rect", box));
}
function labels(words) {
  const at = (y, text) => draw("text", { class: "row", x: 0, y }, text);
  return [
    at(ROWS2.faults + BAND / 2 + 4, words.rowFaults),
    at(ROWS2.sent + 4, words.rowSent),
    at(ROWS2.got + 4, words.rowGot),
    at(ROWS2.state + BAND / 2 + 4, words.rowState)
  ];
}
function axis(words, { left, right, from, to, x }, now2) {
  const marks = [
    draw("line", { class: "rail", x1: left, x2: right, y1: ROWS2.sent, y2: ROWS2.sent }),
    draw("line", { class: "rail", x1: left, x2: right, y1: ROWS2.got, y2: ROWS2.got })
  ];
  for (let ago = 0; now2 - ago >= from; ago += MARK_EVERY_MS) {
    const at = x(to - ago);
    const text = ago === 0 ? words.now : words.ago(ago / 1e3);
    const isFirst = at - left < 40;
    const anchor = ago === 0 ? "end" : isFirst ? "start" : "middle";
    const isCrowded = ago % (2 * MARK_EVERY_MS) !== 0;
    if (!isCrowded) {
      const place = { x: at, y: ROWS2.axis, "text-anchor": anchor };
      marks.push(draw("text", { class: "moment", ...place }, text));
    }
    marks.push(
      draw("line", { class: "tick", x1: at, x2: at, y1: ROWS2.faults, y2: ROWS2.state + BAND })
    );
  }
  return marks;
}
function faultStretch(words, { fault, from, to }, now2) {
  return { name: fault, label: words.strikes[fault], from, to: to ?? now2 };
}
function stateStretches(words, states2, now2) {
  return states2.map((entry, number2) => {
    const to = states2[number2 + 1]?.at ?? now2;
    const name = shownState(entry);
    return { name, label: words.states[name], from: entry.at, to };
  });
}
function stretches(scale, all, y, look) {
  const drawn = [];
  all.forEach(({ name, label, from, to }, number2) => {
    if (to < scale.from) return;
    const [start2, end] = [Math.max(scale.x(from), scale.left), scale.x(to)];
    const box = { x: start2, y, width: Math.max(end - start2, 3), height: BAND, rx: 4 };
    drawn.push(draw("rect", { class: look, "data-name": name, ...box }));
    if (look === "band") drawn.push(draw("rect", { class: "fill", "data-name": name, ...box }));
    const place = { y: y + BAND / 2 + 4, "data-name": name };
    const room = width(label) + 16;
    if (end - start2 > room) {
      drawn.push(draw("text", { class: `${look}-label`, x: start2 + 8, ...place }, label));
    } else if (look === "fault") {
      const next = Math.min(scale.x(all[number2 + 1]?.from ?? Infinity), scale.right);
      const last = Math.max(scale.x(all[number2 - 1]?.to ?? 0), scale.left);
      const aside = { class: "fault-aside", ...place };
      if (end + room < next) drawn.push(draw("text", { ...aside, x: end + 6 }, label));
      else if (start2 - room > last) {
        drawn.push(draw("text", { ...aside, x: start2 - 6, "text-anchor": "end" }, label));
      }
    }
  });
  return drawn;
}
var width = (text) => [...text].reduce((all, one) => all + (one > "⺀" ? WIDE_CHARACTER_PX : CHARACTER_PX), 0);
function replaced(scale, entries) {
  const times = replacedAt(entries).filter((at) => at >= scale.from);
  return times.map((at) => {
    return draw("circle", { class: "replaced", cx: scale.x(at), cy: ROWS2.sent, r: 2.5 });
  });
}
function events(scale, all) {
  const drawn = [];
  for (const { event, sentAt, gotAt } of all) {
    if (gotAt < scale.from) continue;
    const [sent, got] = [scale.x(sentAt), scale.x(gotAt)];
    const name = gotAt - sentAt > LATE_MS2 ? "late" : "prompt";
    const ends = { x1: sent, y1: ROWS2.sent, x2: got, y2: ROWS2.got };
    drawn.push(draw("line", { class: "flight", "data-name": name, ...ends }));
    const r = event === "progress" ? 2.5 : 4.5;
    for (const [cx, cy] of [[sent, ROWS2.sent], [got, ROWS2.got]]) {
      drawn.push(draw("circle", { class: "event", "data-name": name, cx, cy, r }));
    }
  }
  return drawn;
}

// page/watch.ts
var HEARTBEAT_INTERVAL_MS = 5e3;
var Watch = class {
  constructor(connect, options2, journal2, onChange, now2) {
    this.connect = connect;
    this.options = options2;
    this.journal = journal2;
    this.onChange = onChange;
    this.now = now2;
    /** What people are to be told now. */
    this.notice = null;
    this.isOpen = false;
    this.openedAt = 0;
    this.leave = () => {
    };
  }
  /** Whether there is a link at all. */
  get isLinked() {
    return this.isOpen;
  }
  quality() {
    return this.client?.quality;
  }
  /** For how long this link has been watched. */
  watchedMs() {
    return this.now() - this.openedAt;
  }
  /** In how long the link tries again, where that is planned. */
  nextAttemptInMs() {
    return this.isOpen ? this.client?.nextAttemptInMs ?? null : null;
  }
  statistics() {
    return this.client?.getStatistics();
  }
  /** Makes a link, and follows the job on it. */
  open() {
    if (this.isOpen) return;
    this.isOpen = true;
    this.openedAt = this.now();
    const settings = { heartbeatIntervalMs: HEARTBEAT_INTERVAL_MS };
    const client = this.connect({ ...this.options, settings });
    this.client = client;
    this.notice = null;
    client.onStateChange((state, _, reason) => {
      this.journal.enter(state, reason, this.now());
      this.onChange();
    });
    client.onNotice((notice) => {
      if (this.client !== client) return;
      this.notice = notice;
      this.onChange();
    });
    client.onQuality(() => this.onChange());
    if (!this.journal.isFinished) this.subscribe();
    this.onChange();
  }
  /** Somebody asks to try now. */
  retry() {
    this.client?.retry();
  }
  /** Ends the link. The job goes on without being watched. */
  close() {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.client?.close();
    this.notice = null;
    this.onChange();
  }
  /** Follows another job, or none. */
  follow(channel) {
    this.leave();
    this.journal.follow(channel);
    this.subscribe();
    this.onChange();
  }
  subscribe() {
    const { channel } = this.journal;
    if (channel === null || !this.client || !this.isOpen) return;
    const isNew = this.journal.entries.length === 0;
    const subscription = this.client.subscribe(channel, {
      // Where nothing was kept of it, the client's position would leave a list without a start.
      ...isNew ? { since: "start" } : {},
      onEvent: (event) => {
        this.journal.hand(event, this.now());
        this.onChange();
      },
      onGap: () => {
        this.journal.miss(this.now());
        this.onChange();
      },
      onFinished: () => {
        this.journal.finish();
        this.onChange();
      }
    });
    this.leave = () => subscription.unsubscribe();
  }
};

// page/main.ts
var KEY = "steadfast-page";
var FIGURES_EVERY_MS = 500;
var PICTURE_EVERY_MS = 80;
var CALM_EVERY_MS = 1e3;
var now = () => Date.now();
var faults2 = new Faults(browser);
var journal = Journal.of(stored(), now());
var options = { url: location.origin, transport: faults2 };
var watch = new Watch(Steadfast.connect, options, journal, changed, now);
var COLOURS = ["standard", "classic"];
var language = preferredLanguage();
var colours = chosen("colours", COLOURS) ?? "standard";
var [isBlocked2, isStarting, isDrawing] = [false, false, false];
var problem = null;
var audit;
var audited = null;
function stored() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? "null");
  } catch {
    return null;
  }
}
function keep() {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(journal.record(now())));
  } catch {
  }
}
function changed() {
  keep();
  refresh();
}
function refresh() {
  if (isDrawing) return;
  isDrawing = true;
  requestAnimationFrame(show);
}
function show() {
  isDrawing = false;
  const words = wordsOf(language);
  const last = journal.states.at(-1) ?? { state: "disconnected", reason: "closed" };
  const isBroken = faults2.isCut || faults2.isStalled;
  showState(words, last, watch.notice, watch.nextAttemptInMs(), isBroken);
  showGrade(words, watch.quality());
  showJob(words, journal);
  put(by("problem"), problem ? words[problem] : "");
  const reload = () => location.reload();
  showNotice(watch.notice, language, { reload, retry, use_here: restart });
  const { isCut, isStalled, hasSocket: isBreakable } = faults2;
  const { isLinked } = watch;
  const switches = { isCut, isStalled, isBlocked: isBlocked2, isLinked, isBreakable, isStarting };
  showControls(words, language, colours, switches);
  showQuality(words, watch.quality());
  showStatistics(words, language, watch.statistics(), watch.watchedMs());
  showEvents(words, language, journal, audit);
  showHistory(words, language, journal, now());
  void check();
}
async function check() {
  const { channel, isFinished } = journal;
  if (!isFinished || channel === null) audit = void 0;
  if (audited === channel || !isFinished || channel === null) return;
  audited = channel;
  const result = await kept(channel).then(
    (kept2) => missing(journal.events(), kept2),
    () => "failed"
  );
  if (journal.channel !== channel) return;
  audit = result;
  changed();
}
var retry = () => watch.retry();
function restart() {
  watch.close();
  watch.open();
}
async function start(durationMs) {
  isStarting = true;
  problem = null;
  changed();
  try {
    location.hash = await startJob(durationMs);
  } catch (error) {
    const status = error instanceof Refused ? error.status : 0;
    problem = status === 503 ? "full" : status === 0 ? "unreachable" : "failed";
  }
  isStarting = false;
  changed();
}
async function block2(isOn) {
  try {
    await block(isOn);
    problem = null;
  } catch {
    problem = "unreachable";
  }
  await lookAtBlock();
}
async function lookAtBlock() {
  isBlocked2 = await isBlocked().catch(() => isBlocked2);
  journal.mark("blocked", isBlocked2, now());
  changed();
}
function fromAddress() {
  const channel = decodeURIComponent(location.hash.slice(1)) || null;
  if (channel !== journal.channel) watch.follow(channel);
}
function speak(wanted) {
  language = LANGUAGES.find((one) => one === wanted) ?? language;
  document.documentElement.lang = language;
  translate(document, wordsOf(language));
  changed();
}
function colour(wanted) {
  colours = COLOURS.find((one) => one === wanted) ?? colours;
  document.documentElement.dataset["colours"] = colours;
  changed();
}
function animate() {
  const isCalm = matchMedia("(prefers-reduced-motion: reduce)");
  let drawnAt = 0;
  const frame = (at) => {
    if (at - drawnAt >= (isCalm.matches ? CALM_EVERY_MS : PICTURE_EVERY_MS)) {
      drawnAt = at;
      showTimeline(wordsOf(language), journal, now());
    }
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}
listen2({
  start: (durationMs) => void start(durationMs),
  block: (isOn) => void block2(isOn),
  cut: (isOn) => {
    faults2.cut(isOn);
    journal.mark("cut", isOn, now());
    changed();
  },
  stall: (isOn) => {
    journal.mark("stalled", isOn, now());
    faults2.stall(isOn);
    changed();
  },
  crash: () => {
    journal.strike("crashed", now());
    faults2.crash();
    changed();
  },
  restart: () => {
    if (watch.isLinked) watch.close();
    else watch.open();
  },
  speak: (wanted) => {
    speak(wanted);
    rememberLanguage(language);
  },
  colour: (wanted) => {
    colour(wanted);
    choose("colours", colours);
  }
});
addEventListener("hashchange", fromAddress);
addEventListener("pagehide", keep);
document.addEventListener("visibilitychange", () => {
  keep();
  if (!document.hidden) void lookAtBlock();
});
setInterval(refresh, FIGURES_EVERY_MS);
speak(language);
colour(colours);
fromAddress();
watch.open();
void lookAtBlock();
animate();
