// The entries of the package, by the names of their modules in `src`.

/** What an app imports. */
export const ENTRIES = ["index", "node", "wechat", "v2", "texts", "core", "server", "react", "vue"];
/** What plugs into `core`; each exports a function of its own name. */
export const PLUGINS = ["messages", "networks", "publishing", "quality", "racing", "statistics"];
