// What JupyterLab's completer asks for suggestions, at each key and by Alt+\.

/** @import { KernelLine } from "./kernel-line.js" */
/** @import { NotebookLines } from "./notebooks.js" */

import { Answer, Memory, Place } from "./answers.js";
import { documentOf } from "./document.js";
import { guarded } from "./guard.js";
import { Pace } from "./pace.js";

/** @type {{ items: Jupyter.InlineItem[] }} */
const NOTHING = { items: [] };
const INVOKED = 0; // InlineCompletionTriggerKind.Invoke
/** Characters of a cell that are sent, on each side of the cursor. */
const NEAR = 20_000;
const STEP = 5_000;

export class Provider {
  name = "cg2magic";
  identifier = "cg2magic";
  schema = {
    // The pauses are ours, and an answer that takes long is no longer wanted anyway.
    default: { enabled: true, autoFillInMiddle: true, debouncerDelay: 0, timeout: 30_000 },
    properties: {},
  };
  /** Whether JupyterLab's settings let us suggest. */
  enabled = true;
  #lines;
  #memory = new Memory();
  #pace = new Pace();
  #turn = 0;
  /**
   * The answer that the completer was given last.
   *
   * @type {Answer | null}
   */
  #shown = null;
  /**
   * The line and the answer that is still being written.
   *
   * @type {[line: KernelLine, answer: Answer] | null}
   */
  #asked = null;
  /** @type {Map<string, { answer: Answer, typed: string, turn: number }>} */
  #streams = new Map();

  /** @param {NotebookLines} lines */
  constructor(lines) {
    this.#lines = lines;
    lines.onDocument = () => this.#memory.forget();
    lines.onLeave = () => this.#give();
    /** @type {(request: Jupyter.CompletionRequest, context: Jupyter.CompletionContext) => unknown} */
    this.fetch = guarded((request, context) => this.#fetch(request, context), NOTHING);
  }

  /**
   * See IInlineCompletionProvider; gets what the settings say of us.
   *
   * @param {{ enabled?: boolean }} [settings]
   * @returns {void}
   */
  configure(settings) {
    this.enabled = settings?.enabled !== false;
    this.#lines.tell();
  }

  /**
   * Show no more of what is being written.
   *
   * @returns {void}
   */
  dismiss() {
    this.#turn++;
    this.#give();
  }

  /**
   * What is left of the suggestions where the cursor is now, whatever was typed or taken of them.
   *
   * @param {Jupyter.Panel | null} panel
   * @returns {string[]}
   */
  textsAt(panel) {
    const place = placeIn(panel, panel?.content.activeCell?.model.sharedModel.getSource() ?? "");
    const typed = this.#shown && place?.typedSince(this.#shown.place);
    return typeof typed === "string" ? (this.#shown?.rest(typed) ?? []) : [];
  }

  /**
   * See IInlineCompletionProvider; gives what there is as soon as there is something.
   *
   * @param {Jupyter.CompletionRequest} request
   * @param {Jupyter.CompletionContext} context
   * @returns {Promise<{ items: Jupyter.InlineItem[] }>}
   */
  async #fetch(request, context) {
    const turn = ++this.#turn;
    this.#streams.clear();
    const byHand = context.triggerKind === INVOKED && !this.#lines.takeOwn();
    const panel = context.widget;
    const line = panel && this.#lines.of(panel);
    const place = line?.ready ? placeIn(panel, request.text) : null;
    if (!panel || !line || !place) {
      this.#give();
      return NOTHING;
    }
    const isStale = () =>
      turn !== this.#turn || !line.ready || !place.isCursorAt(panel.content.activeCell?.editor);

    if (!byHand) {
      const [known, typed] = this.#memory.find(place);
      if (known && (await known.beyond(typed))) return isStale() ? NOTHING : this.#items(known, typed, turn);
      // The same place again, and the model knew nothing to say there.
      if (turn !== this.#turn || (known?.done && !typed)) return NOTHING;
    }
    this.#give();
    if (line.state?.on_demand && !byHand) return NOTHING;
    const accepted = this.#memory.wasTaken(place);
    if (!byHand && !accepted) await this.#pace.pause();
    if (isStale()) return NOTHING;
    const answer = this.#ask(line, panel, place, byHand, accepted);
    const asked = performance.now();
    if (!(await answer.beyond("")) || isStale()) return NOTHING;
    this.#pace.took(performance.now() - asked);
    return this.#items(answer, "", turn);
  }

  /**
   * See IInlineCompletionProvider; ends when the answer does, or is no longer the one that is shown.
   *
   * @param {string} token
   * @returns {AsyncGenerator<{ response: Jupyter.InlineItem }, void>}
   */
  async *stream(token) {
    const asked = this.#streams.get(token);
    if (!asked) return;
    const { answer, typed, turn } = asked;
    while (turn === this.#turn && !answer.done) {
      await answer.change();
      const [text] = answer.rest(typed);
      if (!text || turn !== this.#turn) continue;
      yield { response: { insertText: text, isIncomplete: !answer.done, token } };
    }
  }

  /**
   * @param {Answer} answer
   * @param {string} typed - Since it was asked for.
   * @param {number} turn
   * @returns {{ items: Jupyter.InlineItem[] }}
   */
  #items(answer, typed, turn) {
    this.#shown = answer;
    const items = answer.rest(typed).map((insertText, i) => {
      const token = `${turn}/${i}`;
      const isIncomplete = !answer.done;
      if (isIncomplete) this.#streams.set(token, { answer, typed, turn });
      return { insertText, isIncomplete, token: isIncomplete ? token : undefined };
    });
    return { items };
  }

  /**
   * @param {KernelLine} line
   * @param {Jupyter.Panel} panel
   * @param {Place} place
   * @param {boolean} byHand
   * @param {boolean} accepted
   * @returns {Answer}
   */
  #ask(line, panel, place, byHand, accepted) {
    const answer = new Answer(place, { byHand });
    this.#memory.keep(answer);
    this.#asked = [line, answer];
    line.ask(answer, {
      prefix: nearTheEnd(place.prefix),
      suffix: place.suffix.slice(0, NEAR),
      document: documentOf(panel.context.model.sharedModel, panel.content.activeCellIndex),
      candidates: (byHand && line.state?.candidates) || 1,
      by_hand: byHand,
      accepted,
    });
    return answer;
  }

  /**
   * Give up the answer that is being written.
   *
   * @returns {void}
   */
  #give() {
    if (!this.#asked) return;
    const [line, answer] = this.#asked;
    this.#asked = null;
    if (answer.done) return;
    this.#memory.drop(answer); // it ends anywhere
    line.cancel(answer);
  }
}

/**
 * The place of the cursor in its cell; null in anything but a code cell.
 *
 * @param {Jupyter.Panel | null | undefined} panel
 * @param {string} text - Of the cell.
 * @returns {Place | null}
 */
function placeIn(panel, text) {
  const { model, editor } = panel?.content?.activeCell ?? {};
  if (model?.type !== "code" || !editor) return null;
  const at = editor.getOffsetAt(editor.getCursorPosition());
  return new Place(model.id, text.slice(0, at), text.slice(at));
}

/**
 * The end of a long text. It begins at steps, so that the texts of one key and the next begin alike.
 *
 * @param {string} text
 * @returns {string}
 */
function nearTheEnd(text) {
  return text.slice(Math.ceil(Math.max(0, text.length - NEAR) / STEP) * STEP);
}
