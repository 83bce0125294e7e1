// What the model read, word for word, behind a button.

import { button, make, ownKeys } from "./elements.js";

let prompts = 0;

/** The button, and what it opens. */
export class PromptView {
  text = ownKeys(make("div", "cg2-code cg2-prompt", { tabIndex: 0, role: "region", hidden: true }));
  toggle = button("Prompt", () => this.#onToggle(), "cg2-quiet");
  #model;

  /** @param {Panel.PanelModel} model */
  constructor(model) {
    this.#model = model;
    prompts += 1;
    this.text.id = `cg2-prompt-${prompts}`;
    this.text.ariaLabel = "What the model read";
    this.toggle.title = "What the model read, word for word";
    this.toggle.setAttribute("aria-controls", this.text.id);
  }

  /** @returns {void} */
  #onToggle() {
    this.text.hidden = !this.text.hidden;
    this.draw();
  }

  /** @returns {void} */
  draw() {
    const prompt = this.#model.get("prompt");
    this.toggle.hidden = !prompt;
    this.text.hidden ||= !prompt;
    this.text.textContent = prompt;
    this.toggle.ariaExpanded = String(!this.text.hidden);
  }
}
