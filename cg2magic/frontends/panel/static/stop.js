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
   * When what is written now has ended, the focus goes to this token.
   *
   * @param {number} place
   * @returns {void}
   */
  thenResume(place) {
    this.#resumeAt = place;
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
      if (this.#resumeAt !== null && document.activeElement === document.body) this.#node.focus();
      return;
    }
    this.#node.disabled = false;
    const place = this.#resumeAt;
    this.#resumeAt = null;
    if (hadFocus && (place === null || !resume(place))) focusNext();
  }
}
