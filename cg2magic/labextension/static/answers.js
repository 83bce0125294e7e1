// What the kernel wrote, and what of it can be used again.

import { newName } from "./told.js";

/** Where a suggestion is wanted: the cell, and its text before the cursor and behind it. */
export class Place {
  /**
   * @param {string} cell - Its id.
   * @param {string} prefix
   * @param {string} suffix
   */
  constructor(cell, prefix, suffix) {
    this.cell = cell;
    this.prefix = prefix;
    this.suffix = suffix;
  }

  /**
   * Whether the cursor is there, or has gone elsewhere without a key that changes the text.
   *
   * @param {Jupyter.Editor | null} [editor]
   * @returns {boolean}
   */
  isCursorAt(editor) {
    return editor?.getOffsetAt(editor.getCursorPosition()) === this.prefix.length;
  }

  /**
   * What was typed since `earlier`; null where this place can't be reached from there by typing.
   *
   * @param {Place} earlier
   * @returns {string | null}
   */
  typedSince(earlier) {
    const alike = this.cell === earlier.cell && this.suffix === earlier.suffix;
    return alike && this.prefix.startsWith(earlier.prefix) ? this.prefix.slice(earlier.prefix.length) : null;
  }
}

/** An answer that may still be growing. */
export class Answer {
  /** @type {string[]} */
  texts = [];
  done = false;
  error = "";
  /** @type {((value?: undefined) => void)[]} */
  #waiting = [];

  /**
   * @param {Place} place
   * @param {{ byHand?: boolean }} [asked] - Whether a person asked for it, with a key of its own.
   */
  constructor(place, { byHand = false } = {}) {
    this.id = newName();
    this.place = place;
    this.byHand = byHand;
  }

  /**
   * Take what is written now.
   *
   * @param {Inline.Text} now
   * @returns {void}
   */
  update({ texts, done, error }) {
    this.texts = texts;
    this.done = done;
    this.error = error;
    for (const tell of this.#waiting.splice(0)) tell();
  }

  /**
   * Nothing more will come.
   *
   * @returns {void}
   */
  end() {
    this.update({ texts: this.texts, done: true, error: this.error });
  }

  /**
   * Wait for the next change.
   *
   * @returns {Promise<void>}
   */
  change() {
    return this.done ? Promise.resolve() : new Promise((tell) => this.#waiting.push(tell));
  }

  /**
   * What remains of the texts once `typed` has been typed; of those that begin so.
   *
   * @param {string} typed
   * @returns {string[]}
   */
  rest(typed) {
    const going = this.texts.filter((text) => text.startsWith(typed) && text.length > typed.length);
    return [...new Set(going.map((text) => text.slice(typed.length)))];
  }

  /**
   * Whether the suggestion may still be the one that is being typed.
   *
   * @param {string} typed
   * @returns {boolean}
   */
  fits(typed) {
    /** @type {(text: string) => boolean} */
    const may = (text) => text.startsWith(typed) || (!this.done && typed.startsWith(text));
    return this.texts.length ? this.texts.some(may) : !this.done && !typed;
  }

  /**
   * Wait until there is more than what was typed; whether there is.
   *
   * @param {string} typed
   * @returns {Promise<boolean>}
   */
  async beyond(typed) {
    // Candidates come together, when all of them are written.
    const enough = () => this.done || (!this.byHand && this.rest(typed).length);
    while (!enough() && this.fits(typed)) await this.change();
    return this.rest(typed).length > 0;
  }
}

/** The last answers, newest first. */
export class Memory {
  /** @type {Answer[]} */
  #answers = [];

  /**
   * @param {Answer} answer
   * @returns {void}
   */
  keep(answer) {
    this.#answers = [answer, ...this.#answers].slice(0, 32);
  }

  /**
   * @param {Answer} answer
   * @returns {void}
   */
  drop(answer) {
    this.#answers = this.#answers.filter((kept) => kept !== answer);
  }

  /** @returns {void} */
  forget() {
    this.#answers = [];
  }

  /**
   * Whether what stands before the cursor is an answer that was taken to its end.
   *
   * @param {Place} place
   * @returns {boolean}
   */
  wasTaken(place) {
    return this.#answers.some(({ texts, done, place: earlier }) => {
      const typed = place.typedSince(earlier);
      return done && Boolean(typed) && texts.includes(typed ?? "");
    });
  }

  /**
   * An answer that serves a place, with what was typed since it was asked for.
   *
   * @param {Place} place
   * @returns {[answer: Answer | null, typed: string]}
   */
  find(place) {
    for (const answer of this.#answers) {
      const typed = place.typedSince(answer.place);
      if (typed !== null && answer.fits(typed)) return [answer, typed];
    }
    return [null, ""];
  }
}
