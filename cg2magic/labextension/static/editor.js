// Lends the notebook's own editor to the panel, which is another module (frontends/panel/static/editor.js).

/**
 * Let the panels of this page edit a text as the cells of their notebook are edited: with its language, its
 * settings and its theme. Nothing is suggested in it: it is no cell.
 *
 * @param {Jupyter.Taken} taken - Without what this is made of, nothing is lent.
 * @param {Jupyter.Tracker} tracker
 * @returns {void}
 */
export function lendEditor({ CodeEditor, EditorView, keymap }, tracker) {
  if (!CodeEditor || !EditorView || !keymap) return;
  /** @type {Panel.LendEditor} */
  const lend = (context, host, { text, label, changed }) => {
    const notebook = tracker.find((panel) => panel.context === context)?.content;
    if (!notebook) return null;
    const model = new CodeEditor.Model({ mimeType: notebook.codeMimetype });
    const shared = model.sharedModel;
    shared.setSource(text);
    shared.clearUndoHistory();
    host.classList.add("jp-mod-in-leading-whitespace"); // Shift-Tab is for indentation: there are no tooltips
    const editor = notebook.contentFactory.editorFactory({
      host,
      model,
      // Unlike a cell's it is reached with the Tab key.
      config: { ...notebook.editorConfig.code, tabFocusable: true },
      extensions: [
        EditorView.contentAttributes.of({ "aria-label": label }),
        // In a cell these keys are the notebook's, which undoes what was typed there.
        keymap.of([
          { key: "Mod-z", run: () => done(shared.undo()), shift: () => done(shared.redo()) },
          { key: "Mod-y", run: () => done(shared.redo()) },
        ]),
      ],
    });
    shared.changed.connect(() => changed(shared.getSource()));
    return {
      focus: () => editor.focus(),
      dispose() {
        editor.dispose();
        model.dispose();
        host.replaceChildren();
      },
    };
  };
  const page = /** @type {Record<symbol, unknown>} */ (globalThis);
  page[Symbol.for("cg2magic.editor")] = lend;
}

/**
 * The key was ours, even if there was nothing to undo.
 *
 * @param {unknown} _
 * @returns {true}
 */
const done = (_) => true;
