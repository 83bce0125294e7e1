// One view of the card. The kernel sends everything in words and segments (widget.py, `_card`); this draws it,
// without markup, so that nothing a model writes can be anything but text.

import { Advice } from "./advice.js";
import { CodeBoxes } from "./boxes.js";
import { Buttons } from "./buttons.js";
import { DraftEditor } from "./editor.js";
import { make } from "./elements.js";
import { Folded } from "./folded.js";
import { Head } from "./head.js";
import { HeatMap } from "./heat.js";
import { isFinished, Looking } from "./looking.js";
import { notebookOf } from "./notebook.js";
import { PromptView } from "./prompt.js";
import { Speech } from "./speech.js";
import { Stop } from "./stop.js";
import { Tabs } from "./tabs.js";

/** @import { Actions } from "./actions.js" */

/** The card, put together from its parts. */
export class View {
  #model;
  #acts;
  #looking;
  #speech;
  #tabs = new Tabs((candidate) => this.#choose(candidate));
  #boxes = new CodeBoxes();
  #heat = new HeatMap({ goOn: (place, id) => this.#goOn(place, id), changed: () => this.draw() });
  #prompt;
  #stop;
  #head;
  #editor;
  #buttons;
  #open;
  #folded;

  /**
   * @param {Panel.PanelModel} model
   * @param {Actions} acts
   * @param {HTMLElement} el - What it stands in.
   */
  constructor(model, acts, el) {
    const looking = new Looking(model);
    const speech = new Speech(isFinished(model.get("card").state));
    this.#model = model;
    this.#acts = acts;
    this.#looking = looking;
    this.#speech = speech;
    this.#prompt = new PromptView(model);
    this.#stop = new Stop(acts);
    this.#head = new Head({ tabs: this.#tabs.node, toggle: this.#heat.toggle, stop: this.#stop.node });
    this.#editor = new DraftEditor(notebookOf(model), looking, () => this.#buttons.pressEdit());
    this.#folded = new Folded({ acts, looking, speech }, () => this.#buttons.focus());
    this.#buttons = new Buttons({
      ...{ model, el, acts, looking, speech },
      draw: () => this.draw(),
      waitAtStop: () => this.#stop.takeFocus(),
      prompt: this.#prompt.toggle,
      focusEditor: () => this.#editor.focus(),
      focusFolded: () => this.#folded.focus(),
    });
    const stage = make("div", "cg2-stage", {}, this.#boxes.node, this.#heat.tokens);
    const read = [this.#heat.list, this.#prompt.text];
    const { node: advice } = new Advice(model);
    const parts = [...this.#head.nodes, stage, this.#editor.node, ...read, this.#buttons.node, advice];
    this.#open = make("div", "cg2-open", {}, ...parts);
    const whole = [this.#open, this.#folded.node, speech.aloud];
    this.node = make("section", "cg2 cg2-live", { role: "group" }, ...whole);
    model.on("change:card", () => this.draw());
    model.on("change:outcome", () => {
      speech.clear();
      this.draw();
    });
  }

  /**
   * @param {number} candidate
   * @returns {void}
   */
  #choose(candidate) {
    this.#looking.choose(candidate);
    this.draw();
  }

  /**
   * Another token was chosen in the heat map.
   *
   * @param {number} place
   * @param {number} id
   * @returns {void}
   */
  #goOn(place, id) {
    if (!this.#acts.alive) {
      this.#speech.say("The kernel was restarted: run the cell again.");
      return;
    }
    this.#stop.takeFocus(place);
    this.#acts.goOn(this.#looking.job, this.#looking.current, place, id);
  }

  /**
   * Leave the page.
   *
   * @returns {void}
   */
  close() {
    this.#editor.close();
  }

  /**
   * Bring all of it up to date.
   *
   * @returns {void}
   */
  draw() {
    const { alive } = this.#acts;
    const now = this.#looking.now(alive);
    const { card, outcome, finished, nothing, usable } = now;
    const { current, draft } = this.#looking;
    this.node.dataset.state = now.state;
    this.node.toggleAttribute("data-busy", !finished);
    this.node.ariaLabel = `Suggestion by ${card.model || "a model"}`;
    this.#head.draw(now);
    this.#tabs.draw(card.candidates, current);
    this.#boxes.node.hidden = draft !== null || nothing;
    this.#boxes.draw(now, current);
    this.#prompt.draw();
    const { job, candidates = [] } = this.#model.get("heat");
    const map = finished && draft === null && job === card.job ? candidates[current] : null;
    this.#boxes.node.classList.toggle("cg2-behind", this.#heat.draw(map));
    this.#heat.toggle.hidden = nothing;
    if (draft !== null || nothing) this.#heat.list.hidden = true;
    this.#editor.draw(draft);
    this.#buttons.draw(now, alive);
    this.#stop.draw(
      now,
      (place) => this.#heat.resume(place),
      () => this.#buttons.focusNext(usable),
    );
    this.#open.hidden = Boolean(outcome.folded);
    this.#folded.draw(now);
    if (outcome.note && !outcome.what) this.#speech.say(outcome.note);
    this.#speech.announce(now, this.#head.status);
  }
}
