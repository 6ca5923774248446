// Publishing, as a part of a link. In: publishes, and what the server says of them. Out: frames,
// and one notice for each.

import * as publishes from "../link/coordinator/publishes.js";
import * as publisher from "../link/publisher.js";
import type { PublishingPart } from "./parts.js";

/** Makes the part. */
export function publishing(): PublishingPart {
  const all = publisher.newPublisher();
  return {
    onPublish: (link, _now, input) => publishes.onPublish(link, all, input),
    run: (link, now) => publishes.runPublishes(link, all, now),
    onPublished: (link, frame) => publishes.onPublished(link, all, frame),
    onError: (link, now, frame) => publishes.onPublishError(link, all, now, frame),
    giveUp: (link) => publishes.giveUpPublishes(link, all),
    isEmpty: () => publisher.isEmpty(all),
    onWelcome: (messageBytesMax) => publisher.onWelcome(all, messageBytesMax),
    onSessionLost: () => publisher.onSessionLost(all),
    onResumed: () => publisher.onResumed(all),
    nextDeadline: (openAt) => publisher.nextDeadline(all, openAt),
  };
}
