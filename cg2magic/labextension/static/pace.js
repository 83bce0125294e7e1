// How long to wait after a key before asking.

/** Milliseconds: below the first a pause is not noticed as one, above the second it is too long. */
const SHORTEST = 25;
const LONGEST = 300;

/**
 * The pause follows how long answers take. A question that the next key makes void costs the machine what it
 * computes until then, so a slow model is asked when the typing pauses, a quick one nearly at each key.
 */
export class Pace {
  #usual = 100;

  /**
   * Learn that the first text of an answer took so many milliseconds.
   *
   * @param {number} milliseconds
   * @returns {void}
   */
  took(milliseconds) {
    this.#usual += (milliseconds - this.#usual) / 5;
  }

  /** @returns {number} */
  get delay() {
    return Math.min(LONGEST, Math.max(SHORTEST, this.#usual / 2));
  }

  /** @returns {Promise<void>} */
  pause() {
    return new Promise((over) => setTimeout(over, this.delay));
  }
}
