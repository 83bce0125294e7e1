// The notebooks of the page, each with the line to its kernel.

import { KernelLine } from "./kernel-line.js";

/** Characters of a notebook that are sent, the nearest cells first; a model's context holds far less. */
const FAR = 100_000;
/** Milliseconds between two words of what has changed. */
const CALM = 250;

export class NotebookLines {
  /** Called when an earlier answer may no longer hold: in another cell, or after an execution. */
  onDocument = () => {};
  /** Called when the cursor comes where nothing is suggested. */
  onLeave = () => {};

  #tracker;
  #invoke;
  #lines = new WeakMap();
  #listeners = new Set();
  #own = false;
  #telling = null;

  /** `invoke(panel)` has the completer ask for a suggestion. */
  constructor(tracker, invoke) {
    this.#tracker = tracker;
    this.#invoke = invoke;
    tracker.forEach((panel) => this.#add(panel));
    tracker.widgetAdded.connect((_, panel) => this.#add(panel));
    tracker.currentChanged.connect(() => this.#tell());
    addEventListener("pagehide", () => tracker.forEach((panel) => this.of(panel)?.dispose()));
  }

  of(panel) {
    return this.#lines.get(panel);
  }

  /** The line of the notebook that is in front. */
  get current() {
    return this.of(this.#tracker.currentWidget);
  }

  /** Call `listener` now and when a line has something new to say; gives what ends it. */
  listen(listener) {
    this.#listeners.add(listener);
    listener();
    return () => this.#listeners.delete(listener);
  }

  /** Have a suggestion shown where the completer asks for none by itself: where the line is still empty. */
  suggest(panel) {
    this.#own = true;
    this.#invoke(panel);
  }

  /** Whether the question that comes now is `suggest`'s, and not the person's; it is so once. */
  takeOwn() {
    const own = this.#own;
    this.#own = false;
    return own;
  }

  /** The notebook as the kernel reads it, without the text of the cell that asks. */
  document(panel, active = panel.content.activeCellIndex) {
    const { cells, metadata } = panel.context.model.sharedModel;
    const sources = new Map();
    for (let [reach, left] = [1, FAR]; left > 0 && reach < cells.length; reach++) {
      for (const index of [active - reach, active + reach]) {
        const source = cells[index]?.getSource().slice(0, left);
        if (source === undefined) continue;
        sources.set(index, source);
        left -= source.length;
      }
    }
    const tell = ({ id, cell_type }, index) => ({ id, cell_type, source: sources.get(index) ?? "" });
    return { cells: cells.map(tell), active, metadata: { cg2magic: metadata.cg2magic ?? {} } };
  }

  /** The same around a cell that is run, wherever the cursor has gone meanwhile. */
  #documentAround(panel, id) {
    const active = panel.context.model.sharedModel.cells.findIndex((cell) => cell.id === id);
    return active < 0 ? null : this.document(panel, active);
  }

  #add(panel) {
    const around = (id) => this.#documentAround(panel, id);
    const line = new KernelLine(panel.sessionContext, () => this.#tell(), around);
    this.#lines.set(panel, line);
    panel.disposed.connect(() => line.dispose());
    panel.sessionContext.iopubMessage.connect((_, { header }) => {
      if (header.msg_type === "execute_input") this.onDocument();
    });
    let watched = null;
    const changed = (_, { sourceChange }) => {
      const newLine = sourceChange?.some(({ insert }) => insert?.includes?.("\n"));
      // The editor is in the midst of it.
      if (newLine && line.ready) queueMicrotask(() => this.#onNewLine(panel));
    };
    const watch = (cell) => {
      watched?.changed.disconnect(changed);
      watched = cell?.model.sharedModel ?? null;
      watched?.changed.connect(changed);
      this.onDocument();
      this.onLeave();
    };
    panel.content.activeCellChanged.connect((_, cell) => watch(cell));
    watch(panel.content.activeCell);
  }

  /** On an empty line, a block is wanted if one was opened. */
  #onNewLine(panel) {
    const editor = panel.content.activeCell?.editor;
    if (!editor) return;
    const { line } = editor.getCursorPosition();
    if (editor.getLine(line)?.trim()) return;
    if (/:\s*(#.*)?$/.test(editor.getLine(line - 1) ?? "")) {
      this.suggest(panel);
    } else this.onLeave();
  }

  /** Tell the listeners, some times a second at most: between two keys much begins and ends. */
  #tell() {
    this.#telling ??= setTimeout(() => {
      this.#telling = null;
      for (const listener of this.#listeners) listener();
    }, CALM);
  }
}
