// The buttons. In: how things stand, and what to do when one is pressed. Out: presses.

import type { Words } from "../words.js";
import { by, put, set } from "./dom.js";

/** What the visitor can do. */
export interface Deeds {
  start(durationMs: number): void;
  cut(isOn: boolean): void;
  block(isOn: boolean): void;
  stall(isOn: boolean): void;
  crash(): void;
  /** Ends the link, or makes a new one. */
  restart(): void;
  speak(language: string): void;
  /** Shows states in other colours. */
  colour(colours: string): void;
}

/** How the switches stand. */
export interface Switches {
  readonly isCut: boolean;
  readonly isBlocked: boolean;
  readonly isStalled: boolean;
  readonly isLinked: boolean;
  /** Whether there is a socket that could break. */
  readonly isBreakable: boolean;
  readonly isStarting: boolean;
}

export function listen(deeds: Deeds): void {
  by("job-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const form = new FormData(by<HTMLFormElement>("job-form"));
    deeds.start(Number(form.get("duration")));
  });
  const onSwitch = (id: string, act: (isOn: boolean) => void): void => {
    const button = by(id);
    button.addEventListener("click", () => act(button.getAttribute("aria-checked") !== "true"));
  };
  onSwitch("cut", (isOn) => deeds.cut(isOn));
  onSwitch("block", (isOn) => deeds.block(isOn));
  onSwitch("stall", (isOn) => deeds.stall(isOn));
  by("crash").addEventListener("click", () => deeds.crash());
  by("restart").addEventListener("click", () => deeds.restart());
  for (const button of document.querySelectorAll<HTMLElement>("[data-language]")) {
    button.addEventListener("click", () => deeds.speak(button.dataset["language"] ?? ""));
  }
  for (const button of document.querySelectorAll<HTMLElement>("[data-choose-colours]")) {
    button.addEventListener("click", () => deeds.colour(button.dataset["chooseColours"] ?? ""));
  }
}

export function showControls(
  words: Words,
  language: string,
  colours: string,
  switches: Switches,
): void {
  const { isCut, isBlocked, isStalled, isLinked, isBreakable, isStarting } = switches;
  set(by("cut"), "aria-checked", String(isCut));
  set(by("block"), "aria-checked", String(isBlocked));
  set(by("stall"), "aria-checked", String(isStalled));
  put(by("restart"), isLinked ? words.close : words.restart);
  by<HTMLButtonElement>("crash").disabled = !isBreakable;
  by<HTMLButtonElement>("start").disabled = isStarting;
  for (const button of document.querySelectorAll<HTMLElement>("[data-language]")) {
    set(button, "aria-pressed", String(button.dataset["language"] === language));
  }
  for (const button of document.querySelectorAll<HTMLElement>("[data-choose-colours]")) {
    set(button, "aria-pressed", String(button.dataset["chooseColours"] === colours));
  }
}
