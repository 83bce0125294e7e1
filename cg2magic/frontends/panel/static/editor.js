// The text of a candidate while the person edits it.

import { make, ownKeys } from "./elements.js";

/** @import { Looking } from "./looking.js" */

const LABEL = "Edit the suggestion";

/**
 * A text area, where the page has no better editor.
 *
 * @param {HTMLElement} host
 * @param {string} text
 * @param {(text: string) => void} changed
 * @returns {Panel.Editor}
 */
function textArea(host, text, changed) {
  const area = make("textarea", "cg2-draft", { spellcheck: false, ariaLabel: LABEL, value: text });
  const grow = () => {
    area.rows = Math.max(2, Math.min(20, area.value.split("\n").length));
  };
  area.oninput = () => {
    grow();
    changed(area.value);
  };
  grow();
  host.append(area);
  return { focus: () => area.focus(), dispose: () => area.remove() };
}

/** The notebook's own editor in the place of the code where our labextension lends it, or else a text area. */
export class DraftEditor {
  node = ownKeys(make("div", "cg2-editor"));
  /** @type {Panel.Editor | null} */
  #open = null;
  #context;
  #looking;

  /**
   * @param {Jupyter.Context | null} context
   * @param {Looking} looking
   * @param {() => void} leave - Is called at Escape.
   */
  constructor(context, looking, leave) {
    this.#context = context;
    this.#looking = looking;
    this.node.onkeydown = (event) => {
      if (event.key === "Escape" && !event.defaultPrevented) leave();
    };
  }

  /** @returns {void} */
  focus() {
    this.#open?.focus();
  }

  /**
   * @param {string | null} draft - What is edited; once it is open, only the person changes it.
   * @returns {void}
   */
  draw(draft) {
    this.node.hidden = draft === null;
    if (draft === null) this.close();
    else this.#open ??= this.#edit(draft);
  }

  /** @returns {void} */
  close() {
    this.#open?.dispose();
    this.#open = null;
  }

  /**
   * @param {string} text
   * @returns {Panel.Editor}
   */
  #edit(text) {
    const changed = (/** @type {string} */ now) => {
      this.#looking.draft = now;
    };
    const page = /** @type {Record<symbol, Panel.LendEditor | undefined>} */ (globalThis);
    const lend = page[Symbol.for("cg2magic.editor")]; // labextension/static/editor.js
    const lent = this.#context && lend?.(this.#context, this.node, { text, label: LABEL, changed });
    return lent ?? textArea(this.node, text, changed);
  }
}
