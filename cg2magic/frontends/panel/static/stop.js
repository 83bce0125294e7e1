// The button Stop, which has the keyboard's focus while a model writes, and hands it on at the end.

import { button } from "./elements.js";

/** @import { Actions } from "./actions.js" */
/** @import { Now } from "./looking.js" */

/** Stops the job that is shown. */
export class Stop {
  #node;
  /**
   * The place of the token that was exchanged, for the keyboard to go on from.
   *
   * @type {number | null}
   */
  #resumeAt = null;
  /** Whether it takes the keyboard's focus as soon as there is something to stop. */
  #awaited = false;

  /** @param {Actions} acts */
  constructor(acts) {
    this.#node = button("Stop", () => {
      this.#node.disabled = true;
      acts.stop();
    });
  }

  /** @returns {HTMLElement} */
  get node() {
    return this.#node;
  }

  /**
   * Have the focus while something is written, and hand it on at the end: to a token, or to another button.
   *
   * @param {number | null} place - The token's.
   * @returns {void}
   */
  takeFocus(place = null) {
    this.#resumeAt = place;
    this.#awaited = true;
  }

  /**
   * Show it while there is something to stop.
   *
   * @param {Now} now
   * @param {(place: number) => boolean} resume - Puts the focus on a token, if it is there.
   * @param {() => void} focusNext - Puts it on another button.
   * @returns {void}
   */
  draw({ finished }, resume, focusNext) {
    const hadFocus = document.activeElement === this.#node;
    this.#node.hidden = finished;
    if (!finished) {
      const { activeElement } = document;
      const nobody = activeElement === document.body || activeElement?.matches(":disabled, [hidden]");
      if (this.#awaited && nobody) {
        this.#awaited = false;
        this.#node.focus();
      }
      return;
    }
    this.#node.disabled = false;
    const place = this.#resumeAt;
    this.#resumeAt = null;
    if (hadFocus && (place === null || !resume(place))) focusNext();
  }
}
