// To the page around the panel: the cursor, and the clipboard.

/**
 * Put the cursor at the end of a cell once the notebook has drawn it, unless the person has gone elsewhere. The
 * notebook goes into edit mode where the focus does, and the editor follows the selection.
 *
 * @param {HTMLElement} el - The panel's, inside the notebook.
 * @param {number} index
 * @param {string} source
 * @returns {void}
 */
export function focusCell(el, index, source) {
  const root = el.closest(".jp-Notebook");
  const first = source.trimStart().split("\n", 1)[0].slice(0, 40).trimEnd();
  let tries = 60;
  const look = () => {
    const focused = document.activeElement;
    if (focused && focused !== document.body && !el.contains(focused)) return;
    const cell = root?.querySelector(`.jp-CodeCell[data-windowed-list-index="${index}"]`);
    /** @type {HTMLElement | null | undefined} */
    const editor = cell?.querySelector(".cm-content");
    if (cell && editor?.textContent?.includes(first)) {
      cell.scrollIntoView({ block: "nearest" });
      editor.focus();
      getSelection()?.selectAllChildren(editor);
      getSelection()?.collapseToEnd();
    } else if (tries-- > 0) requestAnimationFrame(look);
  };
  look();
}

/**
 * Copy text, also on pages that are not served over https; whether it could.
 *
 * @param {string} text
 * @returns {Promise<boolean>}
 */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = Object.assign(document.createElement("textarea"), { value: text });
    area.style.cssText = "position:fixed;opacity:0";
    const focused = /** @type {HTMLElement | null} */ (document.activeElement);
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    focused?.focus();
    return done;
  }
}
