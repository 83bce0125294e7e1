// The one line that remains of a card once its suggestion is used or dismissed.

import { button, make } from "./elements.js";

/** @import { Actions } from "./actions.js" */
/** @import { Looking, Now } from "./looking.js" */
/** @import { Speech } from "./speech.js" */

/** What became of it, and the way back. */
export class Folded {
  #text = make("span", "cg2-about");
  #takeBack;
  #show;

  /**
   * @param {object} view
   * @param {Actions} view.acts
   * @param {Looking} view.looking
   * @param {Speech} view.speech
   * @param {() => void} focusCard - Puts the focus into the open card.
   */
  constructor({ acts, looking, speech }, focusCard) {
    this.#takeBack = button("Undo", () => {
      if (acts.undo(looking.job)) focusCard();
      else speech.say("The cell was changed since, or is gone: it is left as it is.");
    });
    this.#show = button("Show", () => {
      acts.fold(false);
      focusCard();
    });
    this.node = make("div", "cg2-folded", {}, this.#text, speech.folded, this.#takeBack, this.#show);
  }

  /** @returns {void} */
  focus() {
    this.#show.focus();
  }

  /**
   * @param {Now} now
   * @returns {void}
   */
  draw({ card, outcome }) {
    this.node.hidden = !outcome.folded;
    this.#takeBack.hidden = !outcome.done;
    const became = outcome.what && outcome.what[0].toUpperCase() + outcome.what.slice(1);
    const line = outcome.folded ? [became, outcome.note, card.model, card.status] : [];
    this.#text.textContent = line.filter(Boolean).join(" · ");
  }
}
