// What the command palette has of ours, found by "cg2magic"; the keys are in schemas/cg2magic/extension.json.

/** @import { NotebookLines } from "./notebooks.js" */
/** @import { Provider } from "./provider.js" */

import { acceptPart, dismiss, nextLine, nextWord, shows } from "./acceptance.js";
import { acceptButton, askFor, canAsk, load } from "./asking.js";
import { guarded } from "./guard.js";

/**
 * @param {object} page
 * @param {Jupyter.App} page.app
 * @param {Jupyter.Palette | null} page.palette
 * @param {Jupyter.Tracker} page.tracker
 * @param {NotebookLines} page.lines
 * @param {Provider} page.provider
 * @returns {void}
 */
export function addCommands({ app, palette, tracker, lines, provider }) {
  /** @type {(id: string, label: string, execute: () => unknown, isEnabled: () => boolean) => void} */
  const add = (id, label, execute, isEnabled) => {
    app.commands.addCommand(id, { label, execute: guarded(execute), isEnabled: guarded(isEnabled, false) });
    palette?.addItem({ command: id, category: "cg2magic" });
  };
  const canAskHere = () => canAsk(tracker.currentWidget);

  /** @type {(magic: "complete" | "infill") => () => unknown} */
  const ask = (magic) => () => {
    const panel = tracker.currentWidget;
    return canAsk(panel) && askFor(panel, magic, Boolean(lines.of(panel)?.state));
  };
  add("cg2magic:complete", "Complete This Cell", ask("complete"), canAskHere);
  add("cg2magic:infill", "Fill the Holes of This Cell", ask("infill"), canAskHere);

  const accept = () => {
    const button = acceptButton(tracker.currentWidget);
    button?.focus(); // the cursor goes on from there, into the cell that was written
    button?.click();
  };
  add("cg2magic:accept", "Accept the Suggestion of the Panel", accept, () =>
    Boolean(acceptButton(tracker.currentWidget)),
  );

  const turn = () => {
    const panel = tracker.currentWidget;
    const line = lines.of(panel);
    if (line?.state) line.turn();
    else if (canAsk(panel)) load(panel, "\n%config CG2.inline = True");
  };
  const canTurn = () => Boolean(lines.current?.state) || canAskHere();
  add("cg2magic:toggle-inline", "Switch Suggestions While Typing On or Off", turn, canTurn);

  /** @type {(part: (text: string) => string) => () => void} */
  const take = (part) => () => {
    const panel = tracker.currentWidget;
    if (panel && acceptPart(panel, provider.textsAt(panel), part)) lines.suggest(panel);
  };
  const isShown = () => shows(tracker.currentWidget);
  add("cg2magic:accept-word", "Accept the Next Word of the Suggestion", take(nextWord), isShown);
  add("cg2magic:accept-line", "Accept the Next Line of the Suggestion", take(nextLine), isShown);

  // Escape alone would leave the cell's text, and the next key be a command: `d` `d` deletes the cell.
  const dismissOrLeave = () => {
    provider.dismiss();
    return dismiss(tracker.currentWidget) || app.commands.execute("notebook:enter-command-mode");
  };
  app.commands.addCommand("cg2magic:dismiss", {
    label: "Dismiss the Suggestion",
    execute: guarded(dismissOrLeave),
    isEnabled: () => true,
  });
}
