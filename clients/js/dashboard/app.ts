// What every view is given, and what every view is. In: nothing. Out: types alone.

import type { Api } from "./api.js";
import type { KeyInfo, Stats } from "./model.js";
import type { Samples } from "./samples.js";
import type { Language, Words } from "./words.js";

/** The roles that the dashboard asks for before it offers anything. */
export type Role = "read" | "operate" | "publish";

/** What somebody is asked before something happens that cannot be undone. */
export interface Question {
  readonly title: string;
  readonly text: string;
  /** The word on the button that does it. */
  readonly verb: string;
}

/** The dashboard, as its views see it. */
export interface App {
  readonly api: Api;
  readonly key: KeyInfo;
  readonly language: Language;
  readonly words: Words;
  /** The statistics as last read, and their course. */
  readonly stats: Stats | null;
  readonly samples: Samples;
  /** The time by the server's clock. */
  now(): number;
  can(role: Role): boolean;
  /** Asks first, then acts, and says what came of it. True where it was done. */
  act(question: Question | null, action: () => Promise<void>, done?: string): Promise<boolean>;
}

/** One part of the dashboard. */
export interface View {
  readonly element: HTMLElement;
  /** Shows what is known without asking, where that is something. */
  preview?(): void;
  /** Reads what it shows anew, and shows it. */
  refresh(): Promise<void>;
  /** The colours have changed. */
  restyle?(): void;
  close?(): void;
}
