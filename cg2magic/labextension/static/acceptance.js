// Taking a part of the suggestion, or none of it. The completer itself takes all of it.

/**
 * White space and the word, number or sign behind it.
 *
 * @param {string} text
 * @returns {string}
 */
export const nextWord = (text) => text.match(/^\s*(?:\w+|[^\w\s]+)/u)?.[0] ?? text;

/**
 * The rest of the line, or the next line where this one ends.
 *
 * @param {string} text
 * @returns {string}
 */
export const nextLine = (text) => text.match(/^\n*[^\n]*/u)?.[0] ?? text;

/**
 * Write a part of the suggestion that is shown, as if it had been typed: the completer takes it off what it
 * shows. Whether the rest has to be shown anew, because the cursor came to another line.
 *
 * @param {Jupyter.Panel | null} panel
 * @param {string[]} texts - What is suggested where the cursor is now, one of which is shown.
 * @param {(text: string) => string} partOf
 * @returns {boolean}
 */
export function acceptPart(panel, texts, partOf) {
  const { editor, model } = panel?.content.activeCell ?? {};
  const text = editor && shownOf(editor, texts);
  if (!editor || !text) return false;
  const part = partOf(text);
  // Each part can be undone by itself: changes within half a second are one step otherwise.
  model?.sharedModel.undoManager?.stopCapturing?.();
  write(editor, part);
  model?.sharedModel.undoManager?.stopCapturing?.();
  return part.length < text.length && part.includes("\n");
}

/**
 * Write at the cursor, and move it in the same step. `replaceSelection` moves it later: the completer, which is
 * told of the text in between, would ask at the old place.
 *
 * @param {Jupyter.Editor} editor
 * @param {string} text
 * @returns {void}
 */
function write(editor, text) {
  const view = editor.editor;
  if (!view) editor.replaceSelection(text);
  else
    view.dispatch(view.state.replaceSelection(text), { userEvent: "input.complete", scrollIntoView: true });
}

/**
 * Take the suggestion away, whoever made it, and leave the cursor where it is; whether there was one. The
 * completer has no command for that: it hides what it shows when the editor loses the focus.
 *
 * @param {Jupyter.Panel | null} panel
 * @returns {boolean}
 */
export function dismiss(panel) {
  const editor = panel?.content.activeCell?.editor;
  if (!editor?.host.querySelector(".jp-GhostText")) return false;
  editor.blur();
  editor.focus();
  return true;
}

// Where a suggestion was, the completer keeps its room for a moment.
const GHOST = '.jp-GhostText[data-provided-by="cg2magic"]:not([class*="Spacer"])';

/**
 * Whether a suggestion of ours is shown in a notebook; the completer itself says so only since JupyterLab 4.3.
 *
 * @param {Jupyter.Panel | null} panel
 * @returns {boolean}
 */
export const shows = (panel) => Boolean(panel?.content.activeCell?.editor?.host.querySelector(GHOST));

/**
 * Which of the texts is shown, if one of ours is. The page may still show it as it was before the last key.
 *
 * @param {Jupyter.Editor} editor
 * @param {string[]} texts
 * @returns {string | null | undefined}
 */
function shownOf(editor, texts) {
  const shown = editor.host.querySelector(GHOST)?.textContent;
  if (shown === undefined || shown === null) return null;
  // A node's text knows no line breaks, and of a long suggestion the page shows the beginning.
  const seen = shown.replaceAll("\n", "");
  const matches = (/** @type {string} */ text) => text.startsWith(seen) || seen.endsWith(text);
  return texts.find((text) => matches(text.replaceAll("\n", ""))) ?? texts[0];
}
