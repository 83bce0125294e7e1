// Where the cursor is in a cell.

/**
 * The cell's text before the cursor, which each cell keeps for itself; null where it has no editor.
 *
 * @param {Jupyter.Cell | undefined} cell
 * @returns {string | null}
 */
export function beforeCursor(cell) {
  const { editor, model } = cell ?? {};
  if (!editor || !model) return null;
  return model.sharedModel.getSource().slice(0, editor.getOffsetAt(editor.getCursorPosition()));
}
