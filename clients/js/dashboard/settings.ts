// What the browser keeps for the dashboard: the key for this tab alone, language and colours for
// good. In: names. Out: values; without storage they hold until the page is left.

const KEY = "steadfast-dashboard-key";

/** The key of the internal port, which no other tab and no later visit has. */
export const key = {
  read: (): string | null => read(sessionStorage, KEY),
  write: (value: string | null): void => write(sessionStorage, KEY, value),
};

export const setting = (name: "language" | "theme") => ({
  read: (): string | null => read(localStorage, `steadfast-dashboard-${name}`),
  write: (value: string): void => write(localStorage, `steadfast-dashboard-${name}`, value),
});

function read(storage: Storage, name: string): string | null {
  try {
    return storage.getItem(name);
  } catch {
    return null;
  }
}

function write(storage: Storage, name: string, value: string | null): void {
  try {
    if (value === null) storage.removeItem(name);
    else storage.setItem(name, value);
  } catch {
    // Forbidden: it holds until the page is left.
  }
}
