// What is inserted as soon as it is written, where the person has asked for that.

import { CHANGED, GONE } from "./actions.js";
import { isFinished } from "./looking.js";
import { codeOf } from "./text.js";

/** @import { Actions } from "./actions.js" */

/**
 * Insert the first suggestion once, when it is written and its check, if it has one, does not fail.
 *
 * @param {Panel.PanelModel} model
 * @param {Actions} acts
 * @returns {void}
 */
export function insertUnasked(model, acts) {
  const insert = model.get("insert");
  let mayInsert = (insert === "below" || insert === "replace") && !isFinished(model.get("card").state);
  model.on("change:card", () => {
    const card = model.get("card");
    if (!mayInsert || !isFinished(card.state) || card.unchecked) return;
    mayInsert = false;
    const [first] = card.candidates;
    if (first.mark === "✗") return;
    if (card.state !== "done" || !first.written || model.get("outcome").what) return;
    if (insert === "below" && acts.canInsert) acts.insert(card.job, 0, codeOf(first));
    if (insert !== "replace" || !acts.canReplace) return;
    const done = acts.replace(card.job, 0, codeOf(first));
    if (done && !done.changed) return;
    model.set("outcome", { note: done ? CHANGED : GONE });
    model.save_changes();
  });
}
