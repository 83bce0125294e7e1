// The menu behind the status item: when to suggest, here and everywhere, and which model.

/** @import { KernelLine } from "./kernel-line.js" */

import { guarded } from "./guard.js";

/** @type {[mode: Inline.Usual, label: string][]} */
const MODES = [
  ["on", "Suggestions While Typing"],
  ["on demand", "Suggestions on Demand, with Alt+\\"],
  ["off", "No Suggestions"],
];

/** One menu, for whichever notebook it is opened. */
export class StatusMenu {
  #menu;
  #models;
  #usual;
  #agree;
  /** @type {KernelLine | null} */
  #line = null;
  /** What the models' menu was made from. */
  #drawn = "";

  /**
   * @param {object} page
   * @param {Jupyter.CommandsClass} page.CommandRegistry
   * @param {Jupyter.MenuClass} page.Menu
   * @param {{ get(): Inline.Usual, set(usual: Inline.Usual): void }} page.usual - What is so in other notebooks.
   * @param {(choice: Inline.Choice) => Promise<boolean>} page.agree - Asks a person before anything is downloaded.
   */
  constructor({ CommandRegistry, Menu, usual, agree }) {
    const commands = new CommandRegistry();
    this.#usual = usual;
    this.#agree = agree;
    this.#menu = new Menu({ commands });
    this.#models = new Menu({ commands });
    this.#models.title.label = "Model";
    this.#addCommands(commands);
    for (const [mode, label] of MODES) this.#menu.addItem({ command: "switch", args: { mode, label } });
    this.#menu.addItem({ type: "separator" });
    this.#menu.addItem({ command: "everywhere", args: { label: "The Same in Every Notebook" } });
    this.#menu.addItem({ type: "separator" });
    this.#menu.addItem({ type: "submenu", submenu: this.#models });
  }

  /**
   * Open it at a button, for a kernel.
   *
   * @param {HTMLElement} button
   * @param {KernelLine | undefined} line
   * @returns {void}
   */
  open(button, line) {
    if (!line) return;
    this.#line = line;
    this.#drawn = "";
    line.askForModels(); // some may have been loaded or downloaded since
    this.refresh(line);
    const { left, bottom } = button.getBoundingClientRect();
    this.#menu.open(left, bottom);
  }

  /**
   * Bring the models up to date while it is open.
   *
   * @param {KernelLine | undefined} line
   * @returns {void}
   */
  refresh(line) {
    const drawn = JSON.stringify(line?.offer);
    if (!line || line !== this.#line || drawn === this.#drawn) return;
    this.#drawn = drawn;
    const isOpen = this.#menu.childMenu === this.#models;
    const { models = [], resident = "" } = line.offer ?? {};
    this.#models.clearItems();
    if (!line.offer) this.#say("Looking at this machine…");
    // A file, or a model on a server.
    if (resident && !models.some(({ name }) => name === resident)) this.#say(`${resident} (loaded)`);
    for (const { name, about, ask } of models) {
      const args = { name, about, ask, label: `${name} (${about})` };
      this.#models.addItem({ command: "load", args });
    }
    // A menu closes when its items change.
    if (isOpen) this.#menu.triggerActiveItem();
  }

  /**
   * Add an item that only says something.
   *
   * @param {string} label
   * @returns {void}
   */
  #say(label) {
    this.#models.addItem({ command: "say", args: { label } });
  }

  /**
   * @param {Jupyter.Commands} commands
   * @returns {void}
   */
  #addCommands(commands) {
    /** @type {(id: string, act?: (args: Jupyter.Args) => unknown, is?: (args: Jupyter.Args) => boolean) => void} */
    const add = (id, act, is = () => false) => {
      commands.addCommand(id, {
        label: ({ label = "" }) => label,
        execute: guarded(act ?? (() => {})),
        isEnabled: () => act !== undefined,
        isToggled: guarded(is, false),
      });
    };
    add(
      "switch",
      ({ mode }) => this.#line?.switch(mode !== "off", mode === "on demand"),
      ({ mode }) => this.#mode === mode,
    );
    add(
      "everywhere",
      () => this.#usual.set(this.#usual.get() === this.#mode ? "off" : this.#mode),
      () => this.#usual.get() === this.#mode,
    );
    add(
      "load",
      async ({ name = "", about = "", ask = "" }) => {
        const line = this.#line;
        if (!ask || (await this.#agree({ name, about, ask }))) line?.loadModel(name);
      },
      ({ name }) => this.#line?.offer?.resident === name,
    );
    add("say");
  }

  /**
   * How the kernel suggests now.
   *
   * @returns {Inline.Usual}
   */
  get #mode() {
    const { state, on_demand } = this.#line?.state ?? { state: "off" };
    if (state === "off") return "off";
    return on_demand ? "on demand" : "on";
  }
}
