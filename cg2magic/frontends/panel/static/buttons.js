// The row of buttons under the code.

import { CHANGED, GONE } from "./actions.js";
import { button, make } from "./elements.js";
import { isFinished } from "./looking.js";
import { copyText, focusCell } from "./page.js";

/** @import { Actions } from "./actions.js" */
/** @import { Looking, Now } from "./looking.js" */
/** @import { Speech } from "./speech.js" */

/** What a person may do with the candidate that is looked at. */
export class Buttons {
  #view;
  #insert = button("Insert below", () => this.#onInsert());
  #replace = button("Replace cell", () => this.#onReplace());
  /** What puts the candidate into the notebook; first what a person most likely wants. */
  #uses = [this.#insert, this.#replace];
  #edit = button("Edit", () => this.#onEdit());
  #copy = button("Copy", () => this.#onCopy());
  #continue = button("Continue", () => this.#onContinue());
  #check = button("Run the check", () => this.#ask(() => this.#view.acts.check()));
  #regenerate = button("Regenerate", () => this.#ask(() => this.#view.acts.regenerate()), "cg2-quiet");
  #dismiss = button("Dismiss", () => this.#onDismiss(), "cg2-quiet");
  #hint = make("span", "cg2-said", { textContent: "%cg2 accept inserts it here" });

  /**
   * @param {object} view
   * @param {Panel.PanelModel} view.model
   * @param {HTMLElement} view.el
   * @param {Actions} view.acts
   * @param {Looking} view.looking
   * @param {Speech} view.speech
   * @param {() => void} view.draw
   * @param {() => void} view.waitAtStop - Puts the keyboard's focus on Stop while it writes.
   * @param {HTMLElement} view.prompt - The button that shows what the model read.
   * @param {() => void} view.focusEditor
   * @param {() => void} view.focusFolded
   */
  constructor(view) {
    this.#view = view;
    // Where a command has asked, the cell has no magic, and its text is what is to be completed.
    if (view.model.get("in_place") && view.acts.canReplace) this.#uses.reverse();
    this.#uses[0].classList.add("cg2-primary");
    this.#continue.title = "The model goes on from here, as if it had not been interrupted.";
    this.#check.title =
      "Runs each candidate with your check, in a sandbox: no network, none of your files. " +
      "You are asked once for this kernel.";
    const right = make("span", "cg2-right", {}, view.prompt, this.#regenerate, this.#dismiss);
    this.node = make(
      "div",
      "cg2-actions",
      {},
      ...this.#uses,
      this.#edit,
      this.#copy,
      this.#continue,
      this.#check,
      this.#hint,
      view.speech.open,
      right,
    );
  }

  /**
   * @param {Now} now
   * @param {boolean} alive - Whether the kernel is there.
   * @returns {void}
   */
  draw({ card, finished, candidate, nothing, usable }, alive) {
    const { acts, looking, model } = this.#view;
    this.#edit.ariaPressed = String(looking.draft !== null);
    for (const each of [this.#insert, this.#replace, this.#edit, this.#copy]) {
      each.disabled = !usable;
      each.hidden = nothing;
    }
    this.#insert.hidden ||= !acts.canInsert;
    this.#replace.hidden ||= !acts.canReplace;
    this.#hint.hidden = acts.canInsert || model.get("insert") === "none" || !usable;
    this.#regenerate.hidden = !model.get("can_regenerate") || !alive;
    this.#regenerate.disabled = !finished || looking.asked === card;
    // What the person has edited is no longer what the model would go on from.
    this.#continue.hidden = !candidate.goes_on || !alive || looking.draft !== null;
    this.#continue.disabled = looking.asked === card;
    this.#check.hidden = !card.unchecked || !alive;
    this.#check.disabled = looking.asked === card;
  }

  /** @returns {void} */
  focus() {
    this.#uses[0].focus();
  }

  /**
   * Put the focus on what a person most likely wants next.
   *
   * @param {boolean} usable
   * @returns {void}
   */
  focusNext(usable) {
    const use = this.#view.acts.canInsert ? this.#uses[0] : this.#copy;
    (usable ? use : this.#dismiss).focus();
  }

  /**
   * Press Edit.
   *
   * @returns {void}
   */
  pressEdit() {
    this.#edit.click();
  }

  /** @returns {void} */
  #onInsert() {
    const { acts, looking, el } = this.#view;
    const done = acts.insert(looking.job, looking.current, looking.text);
    if (done) focusCell(el, done.index, looking.text);
  }

  /** @returns {void} */
  #onReplace() {
    const { acts, looking, speech, el } = this.#view;
    const { text } = looking;
    const done = acts.replace(looking.job, looking.current, text);
    if (!done) speech.say(GONE);
    else if (done.changed) speech.say(CHANGED);
    else focusCell(el, done.index, text);
  }

  /** @returns {void} */
  #onEdit() {
    const { looking, draw, focusEditor } = this.#view;
    looking.draft = looking.draft === null ? looking.text : null;
    draw();
    if (looking.draft === null) this.#edit.focus();
    else focusEditor();
  }

  /** @returns {Promise<void>} */
  async #onCopy() {
    const { acts, looking, speech } = this.#view;
    const copied = await copyText(looking.text);
    speech.say(copied ? "Copied." : "The browser does not allow copying here.");
    if (copied) acts.record(looking.job, looking.current, "copied");
  }

  /**
   * Ask the kernel, once for a card.
   *
   * @param {() => void} act
   * @returns {void}
   */
  #ask(act) {
    this.#view.looking.asked = this.#view.model.get("card");
    act();
    this.#view.draw();
  }

  /** @returns {void} */
  #onContinue() {
    const { acts, looking, waitAtStop } = this.#view;
    const { job, current } = looking;
    waitAtStop();
    this.#ask(() => acts.extend(job, current));
  }

  /** @returns {void} */
  #onDismiss() {
    const { acts, looking, model, focusFolded } = this.#view;
    if (!isFinished(model.get("card").state)) acts.stop(); // nobody waits for it any more
    acts.dismiss(looking.job, looking.current);
    focusFolded();
  }
}
