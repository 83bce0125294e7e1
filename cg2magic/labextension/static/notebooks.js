// The notebooks of the page, each with the line to its kernel.

import { beforeCursor } from "./cursor.js";
import { documentOf } from "./document.js";
import { guarded } from "./guard.js";
import { KernelLine } from "./kernel-line.js";

/** Milliseconds between two words of what has changed. */
const CALM = 250;

export class NotebookLines {
  /**
   * Called when an earlier answer may no longer hold: in another cell, or after an execution.
   *
   * @type {() => void}
   */
  onDocument = () => {};
  /**
   * Called when the cursor comes where nothing is suggested.
   *
   * @type {() => void}
   */
  onLeave = () => {};
  /**
   * What a kernel does of which nothing else was said.
   *
   * @type {Inline.Usual}
   */
  usual = "off";

  #tracker;
  #invoke;
  /** @type {WeakMap<Jupyter.Panel, KernelLine>} */
  #lines = new WeakMap();
  /**
   * Of each notebook, by its session: its line and how many panels show it.
   *
   * @type {Map<Jupyter.SessionContext, { line: KernelLine, count: number }>}
   */
  #views = new Map();
  /** @type {Set<() => void>} */
  #listeners = new Set();
  #own = false;
  /** @type {ReturnType<typeof setTimeout> | null} */
  #telling = null;

  /**
   * @param {Jupyter.Tracker} tracker
   * @param {(panel: Jupyter.Panel) => void} invoke - Has the completer ask for a suggestion.
   */
  constructor(tracker, invoke) {
    this.#tracker = tracker;
    this.#invoke = invoke;
    tracker.forEach((panel) => {
      this.#add(panel);
    });
    tracker.widgetAdded.connect((_, panel) => this.#add(panel));
    tracker.currentChanged.connect(() => this.tell());
    const leave = () => tracker.forEach((panel) => void this.of(panel)?.dispose());
    addEventListener("pagehide", leave);
  }

  /**
   * @param {Jupyter.Panel | null} panel
   * @returns {KernelLine | undefined}
   */
  of(panel) {
    return panel ? this.#lines.get(panel) : undefined;
  }

  /**
   * The line of the notebook that is in front.
   *
   * @returns {KernelLine | undefined}
   */
  get current() {
    return this.of(this.#tracker.currentWidget);
  }

  /**
   * Call `listener` now and when a line has something new to say; gives what ends it.
   *
   * @param {() => void} listener
   * @returns {() => void}
   */
  listen(listener) {
    const listens = guarded(listener); // one that fails doesn't stop the others
    this.#listeners.add(listens);
    listens();
    return () => this.#listeners.delete(listens);
  }

  /**
   * Have a suggestion shown where the completer asks for none by itself: where the line is still empty.
   *
   * @param {Jupyter.Panel} panel
   * @returns {void}
   */
  suggest(panel) {
    this.#own = true;
    this.#invoke(panel);
  }

  /**
   * Whether the question that comes now is `suggest`'s, and not the person's; it is so once.
   *
   * @returns {boolean}
   */
  takeOwn() {
    const own = this.#own;
    this.#own = false;
    return own;
  }

  /**
   * The line of the notebook that a panel shows; views of one notebook share it.
   *
   * @param {Jupyter.Panel} panel
   * @returns {KernelLine}
   */
  #share({ sessionContext, context: { model }, content }) {
    /** @type {(id: string) => Inline.Around} */
    const around = (id) => {
      // The document around a cell that is run, whichever cell is active meanwhile.
      const active = model.sharedModel.cells.findIndex((cell) => cell.id === id);
      if (active < 0) return { document: null, before: null };
      return {
        document: documentOf(model.sharedModel, active),
        before: beforeCursor(content.widgets[active]),
      };
    };
    const views = this.#views.get(sessionContext) ?? {
      line: new KernelLine(
        sessionContext,
        () => this.tell(),
        around,
        () => this.usual,
      ),
      count: 0,
    };
    this.#views.set(sessionContext, views);
    views.count++;
    return views.line;
  }

  /**
   * @param {Jupyter.SessionContext} sessionContext
   * @returns {void}
   */
  #leave(sessionContext) {
    const views = this.#views.get(sessionContext);
    if (!views || --views.count) return;
    this.#views.delete(sessionContext);
    views.line.dispose();
  }

  /**
   * @param {Jupyter.Panel} panel
   * @returns {void}
   */
  #add(panel) {
    const { sessionContext } = panel;
    const line = this.#share(panel);
    this.#lines.set(panel, line);
    panel.disposed.connect(() => this.#leave(sessionContext));
    panel.sessionContext.iopubMessage.connect((_, { header }) => {
      if (header.msg_type === "execute_input") this.onDocument();
    });
    /** @type {Jupyter.SharedCell | null} */
    let watched = null;
    /** @type {(cell: Jupyter.SharedCell, change: Jupyter.CellChange) => void} */
    const changed = (_, { sourceChange }) => {
      const newLine = sourceChange?.some(({ insert }) => typeof insert === "string" && insert.includes("\n"));
      // The editor is in the midst of it.
      if (newLine && line.ready) queueMicrotask(guarded(() => this.#onNewLine(panel)));
    };
    /** @type {(cell: Jupyter.Cell | null) => void} */
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

  /**
   * On an empty line the completer asks for nothing by itself. Whether something is expected there, the kernel
   * knows; in a cell where nothing is written yet, nothing is.
   *
   * @param {Jupyter.Panel} panel
   * @returns {void}
   */
  #onNewLine(panel) {
    const editor = panel.content.activeCell?.editor;
    if (!editor) return;
    const { line } = editor.getCursorPosition();
    if (editor.getLine(line)?.trim()) return;
    for (let above = line - 1; above >= 0; above--) {
      if (editor.getLine(above)?.trim()) {
        this.suggest(panel);
        return;
      }
    }
    this.onLeave();
  }

  /**
   * Tell the listeners, some times a second at most: between two keys much begins and ends.
   *
   * @returns {void}
   */
  tell() {
    this.#telling ??= setTimeout(() => {
      this.#telling = null;
      for (const listener of this.#listeners) listener();
    }, CALM);
  }
}
