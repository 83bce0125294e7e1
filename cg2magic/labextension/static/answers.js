// What the kernel wrote, and what of it can be used again.

import { newName } from "./told.js";

/** Where a suggestion is wanted: the cell, and its text before the cursor and behind it. */
export class Place {
  constructor(cell, prefix, suffix) {
    Object.assign(this, { cell, prefix, suffix });
  }

  /** Whether the cursor is there, or has gone elsewhere without a key that changes the text. */
  isCursorAt(editor) {
    return editor?.getOffsetAt(editor.getCursorPosition()) === this.prefix.length;
  }

  /** What was typed since `earlier`; null where this place can't be reached from there by typing. */
  typedSince(earlier) {
    const alike = this.cell === earlier.cell && this.suffix === earlier.suffix;
    return alike && this.prefix.startsWith(earlier.prefix) ? this.prefix.slice(earlier.prefix.length) : null;
  }
}

/** An answer that may still be growing. */
export class Answer {
  texts = [];
  done = false;
  error = "";
  #waiting = [];

  constructor(place, { byHand = false } = {}) {
    this.id = newName();
    this.place = place;
    this.byHand = byHand;
  }

  update({ texts, done, error }) {
    Object.assign(this, { texts, done, error });
    for (const tell of this.#waiting.splice(0)) tell();
  }

  /** Nothing more will come. */
  end() {
    this.update({ ...this, done: true });
  }

  /** Wait for the next change. */
  change() {
    return this.done ? Promise.resolve() : new Promise((tell) => this.#waiting.push(tell));
  }

  /** What remains of the texts once `typed` has been typed; of those that begin so. */
  rest(typed) {
    const going = this.texts.filter((text) => text.startsWith(typed) && text.length > typed.length);
    return [...new Set(going.map((text) => text.slice(typed.length)))];
  }

  /** Whether the suggestion may still be the one that is being typed. */
  fits(typed) {
    const may = (text) => text.startsWith(typed) || (!this.done && typed.startsWith(text));
    return this.texts.length ? this.texts.some(may) : !this.done && !typed;
  }

  /** Wait until there is more than what was typed; whether there is. */
  async beyond(typed) {
    // Candidates come together, when all of them are written.
    const enough = () => this.done || (!this.byHand && this.rest(typed).length);
    while (!enough() && this.fits(typed)) await this.change();
    return this.rest(typed).length > 0;
  }
}

/** The last answers, newest first. */
export class Memory {
  #answers = [];

  keep(answer) {
    this.#answers = [answer, ...this.#answers].slice(0, 32);
  }

  drop(answer) {
    this.#answers = this.#answers.filter((kept) => kept !== answer);
  }

  forget() {
    this.#answers = [];
  }

  /** Whether what stands before the cursor is an answer that was taken to its end. */
  wasTaken(place) {
    return this.#answers.some(({ texts, done, place: earlier }) => {
      const typed = place.typedSince(earlier);
      return done && typed && texts.includes(typed);
    });
  }

  /** An answer that serves a place, with what was typed since it was asked for: `[answer, typed]`. */
  find(place) {
    for (const answer of this.#answers) {
      const typed = place.typedSince(answer.place);
      if (typed !== null && answer.fits(typed)) return [answer, typed];
    }
    return [null, ""];
  }
}
