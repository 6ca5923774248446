// Names that an app gives. In: one that cannot be used. Out: the error that says so.

import { SteadfastError } from "./errors.js";

/** What is wrong with a name. */
export const badName = (name: string): SteadfastError =>
  new SteadfastError("bad_name", `${JSON.stringify(name)} cannot be the name of this`);
