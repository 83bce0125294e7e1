// The text of a candidate while the person edits it.

import { make, ownKeys } from "./elements.js";

/** @import { Looking } from "./looking.js" */

/** A text area in the place of the code. */
export class DraftEditor {
  node = ownKeys(make("textarea", "cg2-editor", { spellcheck: false, ariaLabel: "Edit the suggestion" }));

  /**
   * @param {Looking} looking
   * @param {() => void} leave - Is called at Escape.
   */
  constructor(looking, leave) {
    this.node.oninput = () => {
      looking.draft = this.node.value;
    };
    this.node.onkeydown = (event) => {
      if (event.key === "Escape") leave();
    };
  }

  /**
   * @param {string | null} draft
   * @returns {void}
   */
  draw(draft) {
    this.node.hidden = draft === null;
    if (draft !== null && this.node.value !== draft) this.node.value = draft;
    this.node.rows = Math.max(2, Math.min(20, (draft ?? "").split("\n").length));
  }
}
