// What a device tells of itself. In: the platform's own signals. Out: the inputs of a link that
// are about its device.

/** What a network is, as far as the device knows. */
export type NetworkKind = "wifi" | "cellular" | "wired" | "other" | "unknown";

/** What the device reports. */
export type DeviceInput =
  /** There is a network again. */
  | { readonly kind: "online" }
  /** There is none. */
  | { readonly kind: "offline" }
  /** It is another one than before; `key` tells networks of one kind apart, where known. */
  | { readonly kind: "network_changed"; readonly network: NetworkKind; readonly key?: string }
  /** The device calls it weak, or no longer does. */
  | { readonly kind: "weak_network"; readonly isWeak: boolean }
  /** The device woke from sleep. */
  | { readonly kind: "resumed" }
  /** Somebody looks at the app. */
  | { readonly kind: "foreground" }
  /** Nobody does any more: what is to be kept is saved now. */
  | { readonly kind: "background" };

/** Begins to tell; gives back how to end that. */
export type Lifecycle = (tell: (input: DeviceInput) => void) => () => void;
