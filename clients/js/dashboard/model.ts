// What the internal port answers, as far as the dashboard reads it.

/** The grades, the best first. */
export const GRADES = ["excellent", "good", "fair", "poor", "bad", "unknown"] as const;
export type Grade = (typeof GRADES)[number];

export const TRANSPORTS = ["websocket", "sse", "poll"] as const;
export type Transport = (typeof TRANSPORTS)[number];

/** `GET /v1/key`. */
export interface KeyInfo {
  readonly name: string | null;
  readonly roles: readonly string[];
  readonly channels: readonly string[] | null;
  readonly dev: boolean;
}

/** `GET /readyz`: why the node cannot serve, and what needs attention. */
export interface Health {
  readonly problem: string | null;
  readonly warnings: readonly string[];
}

export interface LimitUse {
  readonly name: string;
  readonly used: number;
  readonly max: number;
}

export type Quality = Readonly<Record<Grade, number>> & {
  readonly availability: number | null;
  readonly realtime_availability: number | null;
};

/** `GET /v1/stats`. */
export interface Stats {
  readonly node: string;
  readonly region: string;
  readonly broker: string;
  readonly version: string;
  readonly started_at: string;
  readonly uptime_seconds: number;
  readonly draining: boolean;
  readonly connections: Readonly<Record<string, number>> & {
    readonly now: number;
    readonly peak: number;
    readonly accepted: number;
    readonly closed: number;
  };
  readonly channels: {
    readonly kept: number;
    readonly followed: number;
    readonly subscriptions: number;
  };
  readonly events: Readonly<Record<string, number>> & {
    readonly published: number;
    readonly deliveries: number;
  };
  readonly transports: Readonly<Record<Transport, number>>;
  readonly quality: Quality;
  readonly history_bytes: number;
  readonly memory_bytes: number | null;
  readonly limits: readonly LimitUse[];
  readonly requests_rejected: number;
  readonly polls: number;
  readonly sockets: number;
}

/** What a link last said of itself. */
export interface LinkStats {
  readonly grade?: Grade;
  readonly score?: number | null;
  readonly rtt_ms?: number;
  readonly availability?: number;
  readonly realtime_availability?: number;
  readonly reconnects?: number;
  readonly parts?: Readonly<Record<string, number>>;
}

export type TimelineEntry = { readonly at: string } & (
  | { readonly type: "opened"; readonly generation: number; readonly transport: Transport }
  | {
      readonly type: "reported";
      readonly grade: Grade;
      readonly score: number | null;
      readonly rtt_ms: number | null;
    }
  | { readonly type: "fell_behind" }
  | { readonly type: "closed"; readonly code: number; readonly reason: string }
);

export interface Connection {
  readonly id: string;
  readonly node: string;
  readonly user: string | null;
  readonly link: string;
  readonly address: string | null;
  readonly generation: number;
  readonly transport: Transport;
  readonly client: {
    readonly name?: string;
    readonly version?: string;
    readonly platform?: string;
  } | null;
  readonly channels: readonly string[];
  readonly connected_at: string;
  readonly last_heartbeat: string;
  readonly idle_seconds: number;
  readonly healthy: boolean;
  readonly message_count: number;
  readonly event_count: number;
  readonly bytes_sent: number;
  readonly bytes_received: number;
  readonly queued: number;
  readonly stats: LinkStats | null;
  readonly timeline?: readonly TimelineEntry[];
}

export interface ConnectionPage {
  readonly connections: readonly Connection[];
  readonly next: string | null;
  readonly unanswered?: readonly string[];
}

export interface ChannelInfo {
  readonly channel: string;
  readonly epoch: string;
  readonly offset: number;
  readonly events: number;
  readonly bytes: number;
  readonly final: boolean;
  readonly subscribers: number;
}

export interface ChannelPage {
  readonly channels: readonly ChannelInfo[];
  readonly next: string | null;
  readonly unanswered?: readonly string[];
}

export interface KeptEvent {
  readonly offset: number;
  readonly event: string;
  readonly data: unknown;
  readonly time: string;
}

export interface EventPage {
  readonly channel: string;
  readonly epoch: string;
  readonly events: readonly KeptEvent[];
  readonly head: number;
  readonly final: boolean;
}
