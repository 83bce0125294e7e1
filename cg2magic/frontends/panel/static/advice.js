// Below the first suggestion of the demonstration model: what it is, and which models suit this machine.

import { button, make, ownKeys } from "./elements.js";

let advices = 0;

/** The note, and behind a button the lines that load another model. */
export class Advice {
  #said = make("span", "cg2-said");
  #ask = button("Which model for this machine?", () => this.#onAsk(), "cg2-quiet");
  #text = ownKeys(make("div", "cg2-code cg2-prompt", { tabIndex: 0, role: "region", hidden: true }));
  node = make("div", "cg2-advice", { hidden: true }, this.#said, this.#ask, this.#text);
  #model;

  /** @param {Panel.PanelModel} model */
  constructor(model) {
    this.#model = model;
    advices += 1;
    this.#text.id = `cg2-advice-${advices}`;
    this.#text.ariaLabel = "Models for this machine";
    this.#ask.setAttribute("aria-controls", this.#text.id);
    model.on("change:advice", () => this.draw());
    this.draw();
  }

  /** @returns {void} */
  #onAsk() {
    this.#text.hidden = !this.#text.hidden;
    if (!this.#model.get("advice").text) this.#model.send({ do: "advise" });
    this.draw();
  }

  /** @returns {void} */
  draw() {
    const { note = "", text = "" } = this.#model.get("advice");
    this.node.hidden = !note;
    this.#said.textContent = note;
    this.#text.textContent = text || "Looking at this machine …";
    this.#ask.ariaExpanded = String(!this.#text.hidden);
  }
}
