// What the panel says to a person: beside its buttons, and aloud to a screen reader.

import { make } from "./elements.js";

/** @import { Now } from "./looking.js" */

/** The places where it says something. */
export class Speech {
  /** Beside the buttons of the open card. */
  open = make("span", "cg2-said", { ariaHidden: "true" });
  /** Beside those of the folded one. */
  folded = make("span", "cg2-said", { ariaHidden: "true" });
  aloud = make("span", "cg2-aloud", { role: "status" });
  #announced;

  /** @param {boolean} finished - Nothing is announced of what had ended before. */
  constructor(finished) {
    this.#announced = finished;
  }

  /**
   * @param {string} words
   * @returns {void}
   */
  say(words) {
    for (const place of [this.open, this.folded, this.aloud]) place.textContent = words;
  }

  /**
   * Take back what is written beside the buttons.
   *
   * @returns {void}
   */
  clear() {
    for (const place of [this.open, this.folded]) place.textContent = "";
  }

  /**
   * Announce the end once.
   *
   * @param {Now} now
   * @param {string} status
   * @returns {void}
   */
  announce({ card, state, finished }, status) {
    const ended = finished && !this.#announced;
    this.#announced = finished;
    if (!ended) return;
    const end = state === "done" ? "ready" : "stopped";
    this.aloud.textContent = card.error || `Suggestion ${end}: ${status}`;
  }
}
