// Taking a part of the suggestion. The completer itself takes all of it.

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
 * @param {Jupyter.InlineItem[]} items
 * @param {(text: string) => string} partOf
 * @returns {boolean}
 */
export function acceptPart(panel, items, partOf) {
  const editor = panel?.content.activeCell?.editor;
  const item = editor && shownOf(editor, items);
  if (!editor || !item) return false;
  const part = partOf(item.insertText);
  const rest = item.insertText.slice(part.length);
  editor.replaceSelection(part);
  return Boolean(rest) && part.includes("\n");
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
 * Which of the items is shown, if one of ours is.
 *
 * @param {Jupyter.Editor} editor
 * @param {Jupyter.InlineItem[]} items
 * @returns {Jupyter.InlineItem | null | undefined}
 */
function shownOf(editor, items) {
  const shown = editor.host.querySelector(GHOST)?.textContent;
  if (shown === undefined || shown === null) return null;
  return items.find(({ insertText }) => shown.startsWith(insertText.slice(0, shown.length))) ?? items[0];
}
