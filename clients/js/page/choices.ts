// What a visitor has chosen, kept for the next visit. In: the name of a choice. Out: what was
// chosen, where it is still one of those that there are. Where storage is forbidden, a choice holds
// until the page is left.

/** Every choice is kept under this and its name. */
const PREFIX = "steadfast-page-";

/** What was chosen before, if it is one of `all`. */
export function chosen<T extends string>(name: string, all: readonly T[]): T | undefined {
  try {
    const kept = localStorage.getItem(PREFIX + name);
    return all.find((one) => one === kept);
  } catch {
    return undefined;
  }
}

/** Keeps a choice. */
export function choose(name: string, value: string): void {
  try {
    localStorage.setItem(PREFIX + name, value);
  } catch {
    // Storage is forbidden.
  }
}
