// The head of the card: who writes, how far it is, and what went wrong.

import { make } from "./elements.js";

/** @import { Now } from "./looking.js" */

/** The line at the top, the bar of a loading, and the error. */
export class Head {
  #name = make("span", "cg2-model");
  #about = make("span", "cg2-about");
  #status = make("span", "cg2-status");
  #bar = make("div", "cg2-progress", { role: "progressbar", ariaLabel: "Loading" });
  #error = make("p", "cg2-error");

  /**
   * @param {object} parts - What others draw in the line.
   * @param {HTMLElement} parts.tabs
   * @param {HTMLElement} parts.toggle
   * @param {HTMLElement} parts.stop
   */
  constructor({ tabs, toggle, stop }) {
    const line = make("div", "cg2-head", {}, this.#name, tabs, this.#about, this.#status, toggle, stop);
    this.nodes = [line, this.#bar, this.#error];
  }

  /**
   * How it stands, in words.
   *
   * @returns {string}
   */
  get status() {
    return this.#status.textContent ?? "";
  }

  /**
   * @param {Now} now
   * @returns {void}
   */
  draw({ card, outcome, lost, candidate }) {
    this.#name.textContent = card.model || "cg2magic";
    this.#about.textContent = [card.about, outcome.folded ? "" : outcome.what].filter(Boolean).join(" · ");
    const said = lost ? "the kernel was restarted" : card.status;
    this.#status.textContent = [said, candidate.verdict].filter(Boolean).join(" · ");
    this.#status.title = candidate.verdict; // it may be too long for its place
    this.#bar.hidden = card.progress === null;
    this.#bar.ariaValueNow = String(Math.round(100 * (card.progress ?? 0)));
    this.#bar.style.setProperty("--cg2-done", String(card.progress ?? 0));
    this.#error.textContent = card.error;
    this.#error.hidden = !card.error;
  }
}
