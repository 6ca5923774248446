// Which part of the dashboard is looked at. In: the fragment of the address, which no server sees.
// Out: the route, and the fragment of a route. A key is never part of it.

/** The filters of the list of connections, by the names that the server gives them. */
export const FILTERS = [
  "user",
  "channel",
  "address",
  "platform",
  "grade",
  "transport",
  "link",
] as const;
export type FilterName = (typeof FILTERS)[number];
export type Filters = Readonly<Partial<Record<FilterName, string>>>;

export type Route =
  | { readonly page: "overview" }
  | { readonly page: "connections"; readonly filters: Filters }
  | { readonly page: "connection"; readonly id: string }
  | { readonly page: "channels" }
  | { readonly page: "channel"; readonly name: string }
  | { readonly page: "nodes" };

/** The route of a fragment; the overview for whatever is none. */
export function routeOf(fragment: string): Route {
  const [path = "", query = ""] = fragment.replace(/^#\/?/, "").split("?", 2);
  const [page, name] = path.split("/", 2);
  if (page === "connections") {
    const given = new URLSearchParams(query);
    const entries = FILTERS.map((filter) => [filter, given.get(filter)] as const);
    const filters = Object.fromEntries(entries.filter(([, value]) => value)) as Filters;
    return name ? { page: "connection", id: plain(name) } : { page: "connections", filters };
  }
  if (page === "channels") {
    return name ? { page: "channel", name: plain(name) } : { page: "channels" };
  }
  return page === "nodes" ? { page } : { page: "overview" };
}

/** The fragment of a route. */
export function fragmentOf(route: Route): string {
  switch (route.page) {
    case "overview":
      return "#/";
    case "connections": {
      const query = new URLSearchParams(route.filters as Record<string, string>).toString();
      return query ? `#/connections?${query}` : "#/connections";
    }
    case "connection":
      return `#/connections/${encodeURIComponent(route.id)}`;
    case "channels":
      return "#/channels";
    case "channel":
      return `#/channels/${encodeURIComponent(route.name)}`;
    case "nodes":
      return "#/nodes";
  }
}

function plain(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
