// The card. The kernel sends everything in words and segments (widget.py, `_card`); this draws it,
// without markup, so that nothing a model writes can be anything but text.

const FINISHED = new Set(["done", "stopped", "failed"]);

const CHANGED = "The cell was changed since it was run, so it is left as it is: Insert below keeps both.";

/** What the page does to the notebook; shared by all views of one panel. */
function actions(model, shared) {
  const context = notebookOf(model);
  const id = model.get("panel_id");
  const addCell = globalThis.google?.colab?.notebook?.addCell;
  let stored = [];
  const put = []; // what this panel has put into the cell
  // A kernel that is gone can't be told.
  const tell = (message) => shared.alive && model.send(message);
  const record = (job, candidate, outcome) => tell({ do: "record", job, candidate, outcome });
  const finish = (job, candidate, outcome) => {
    model.set("outcome", { candidate, folded: true, ...outcome });
    model.save_changes();
    record(job, candidate, outcome.what);
  };
  return {
    record,
    canInsert: model.get("insert") !== "none" && Boolean(context || addCell),
    canReplace: model.get("insert") !== "none" && Boolean(context),
    insert(job, candidate, source) {
      const done = context && insertBelow(context, model.get("cell_id"), id, source);
      if (!done) addCell(source, "code");
      const note = done?.gone ? "at the end, the cell that asked is gone" : "";
      finish(job, candidate, { what: "inserted below", note, done: done && { cell: done.cell, source } });
      return done;
    },
    replace(job, candidate, source) {
      const asked = model.get("asked");
      const done = replaceCell(context, model.get("cell_id"), id, source, asked ? [asked, ...put] : []);
      if (!done || done.changed) return done;
      // What a person changed in it first is theirs.
      if (source === codeOf(model.get("card").candidates[candidate])) put.push(source);
      finish(job, candidate, { what: "replaced", done: { ...done, source } });
      return done;
    },
    dismiss: (job, candidate) => finish(job, candidate, { what: "dismissed" }),
    undo(job) {
      const { done, candidate } = model.get("outcome");
      if (!undo(context, done)) return false;
      model.set("outcome", {});
      model.save_changes();
      record(job, candidate, "undone");
      return true;
    },
    fold(folded) {
      model.set("outcome", { ...model.get("outcome"), folded });
      model.save_changes();
    },
    stop() {
      // The message reaches an idle kernel; a busy one is reached beside the cell that it runs.
      tell({ do: "stop" });
      const code = `__import__("cg2magic.frontends.panel.widget", fromlist=["stop"]).stop("${id}")`;
      return runBeside(context?.sessionContext?.session?.kernel, code);
    },
    regenerate: () => tell({ do: "regenerate" }),
    goOn: (job, candidate, place, id) => tell({ do: "go on", job, candidate, place, id }),
    check: () => tell({ do: "check" }),
    store() {
      const saved = model.get("saved");
      if (context && saved["text/html"]) stored = storeOutputs(context, id, saved, stored);
    },
  };
}

function view({ model, el }, shared) {
  const { acts } = shared;
  let current = 0; // the candidate looked at
  let draft = null; // its text while the person edits it
  let asked = null; // the card for which a regeneration was asked
  let drawnJob = null;
  let resumeAt = null; // the place of the token that was exchanged, for the keyboard to go on from
  let announced = FINISHED.has(model.get("card").state);

  const stop = button("Stop", () => {
    stop.disabled = true;
    acts.stop();
  });
  const insert = button("Insert below", () => {
    const done = acts.insert(job(), current, text());
    if (done) focusCell(el, done.index, text());
  }, "cg2-primary");
  const replace = button("Replace cell", () => {
    const done = acts.replace(job(), current, text());
    if (!done) say("The cell is gone; Insert below puts it at the end.");
    else if (done.changed) say(CHANGED);
  });
  const edit = button("Edit", () => {
    draft = draft === null ? text() : null;
    draw();
    (draft === null ? edit : editor).focus();
  });
  const copy = button("Copy", async () => {
    const copied = await copyText(text());
    say(copied ? "Copied." : "The browser does not allow copying here.");
    if (copied) acts.record(job(), current, "copied");
  });
  const regenerate = button("Regenerate", () => {
    asked = model.get("card");
    acts.regenerate();
    draw();
  }, "cg2-quiet");
  const check = button("Run the check", () => {
    asked = model.get("card");
    acts.check();
    draw();
  });
  check.title =
    "Runs each candidate with your check, in a sandbox: no network, none of your files. " +
    "You are asked once for this kernel.";
  const dismiss = button("Dismiss", () => {
    if (!FINISHED.has(model.get("card").state)) acts.stop(); // nobody waits for it any more
    acts.dismiss(job(), current);
    show.focus();
  }, "cg2-quiet");
  const takeBack = button("Undo", () => {
    if (acts.undo(job())) insert.focus();
    else say("The cell was changed since, or is gone: it is left as it is.");
  });
  const show = button("Show", () => {
    acts.fold(false);
    insert.focus();
  });

  const heat = heatMap({
    goOn(place, id) {
      if (!shared.alive) return say("The kernel was restarted: run the cell again.");
      resumeAt = place;
      acts.goOn(job(), current, place, id);
    },
  });
  heat.check.onchange = () => draw();
  const prompt = promptView(model);

  const name = make("span", "cg2-model");
  const about = make("span", "cg2-about");
  const status = make("span", "cg2-status");
  const bar = make("div", "cg2-progress", { role: "progressbar", ariaLabel: "Loading" });
  const tabs = make("div", "cg2-tabs", { role: "tablist", ariaLabel: "Candidates" });
  const error = make("p", "cg2-error");
  const boxes = make("div", "cg2-boxes");
  const editor = ownKeys(make("textarea", "cg2-editor", { spellcheck: false }));
  editor.ariaLabel = "Edit the suggestion";
  const replies = [0, 1].map(() => make("span", "cg2-said", { ariaHidden: "true" }));
  const hint = make("span", "cg2-said", { textContent: "%cg2 accept inserts it here" });
  const live = make("span", "cg2-aloud", { role: "status" });
  const open = make("div", "cg2-open", {},
    make("div", "cg2-head", {}, name, tabs, about, status, heat.toggle, stop), bar, error,
    make("div", "cg2-stage", {}, boxes, heat.box), editor, heat.list, prompt.text,
    make("div", "cg2-actions", {}, insert, replace, edit, copy, check, hint, replies[0],
      make("span", "cg2-right", {}, prompt.toggle, regenerate, dismiss)));
  const foldedText = make("span", "cg2-about");
  const folded = make("div", "cg2-folded", {}, foldedText, replies[1], takeBack, show);
  const root = make("section", "cg2 cg2-live", { role: "group" }, open, folded, live);

  const job = () => model.get("card").job;
  const text = () => draft ?? codeOf(model.get("card").candidates[current]);

  function say(words) {
    for (const place of [...replies, live]) place.textContent = words;
  }

  editor.oninput = () => (draft = editor.value);
  editor.onkeydown = (event) => {
    if (event.key === "Escape") edit.click();
  };
  tabs.onkeydown = (event) => {
    const count = tabs.children.length;
    const to = { ArrowRight: current + 1, ArrowLeft: current - 1, Home: 0, End: count - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    choose((to + count) % count);
    tabs.children[current].focus();
  };

  function choose(candidate) {
    current = candidate;
    draft = null;
    draw();
  }

  /** As many tabs and boxes as there are candidates. */
  function provide(count) {
    while (boxes.children.length > count) {
      boxes.lastChild.remove();
      tabs.lastChild?.remove();
    }
    for (let i = boxes.children.length; i < count; i++) {
      const box = ownKeys(make("pre", "cg2-code"));
      watchScrolling(box);
      boxes.append(box);
      const tab = button(String(i + 1), () => choose(i), "cg2-tab");
      tab.role = "tab";
      tabs.append(tab);
    }
    tabs.hidden = count < 2;
    current = Math.min(current, count - 1);
  }

  /** The height stays as it is while text arrives, with room for some; it settles at the end. */
  function hold(card, finished) {
    const longest = Math.max(...card.candidates.map((candidate) => candidate.lines.length));
    if (!finished && boxes.dataset.job !== String(card.job)) {
      boxes.dataset.job = card.job;
      boxes.style.setProperty("--cg2-rows", Math.min(20, longest + card.spare));
      boxes.classList.add("cg2-held");
    } else if (finished && boxes.classList.contains("cg2-held")) {
      const before = boxes.offsetHeight;
      boxes.classList.remove("cg2-held");
      const heights = [{ height: `${before}px` }, { height: `${boxes.offsetHeight}px` }];
      const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
      if (before && !still) boxes.animate(heights, { duration: 140, easing: "ease-out" });
    }
  }

  function draw() {
    const card = model.get("card");
    const outcome = model.get("outcome");
    const lost = !shared.alive && !FINISHED.has(card.state);
    const state = lost ? "stopped" : card.state;
    const finished = FINISHED.has(state);
    provide(card.candidates.length);
    if (card.job !== drawnJob) {
      // A candidate that goes on from another stands behind those that are kept.
      if (card.fresh) [current, draft] = [card.fresh, null];
      drawnJob = card.job;
    }
    const candidate = card.candidates[current];
    const nothing = state === "failed" && !card.candidates.some(({ written }) => written);

    root.dataset.state = state;
    root.toggleAttribute("data-busy", !finished);
    root.ariaLabel = `Suggestion by ${card.model || "a model"}`;
    name.textContent = card.model || "cg2magic";
    about.textContent = [card.about, outcome.folded ? "" : outcome.what].filter(Boolean).join(" · ");
    const said = lost ? "the kernel was restarted" : card.status;
    status.textContent = [said, candidate.verdict].filter(Boolean).join(" · ");
    status.title = candidate.verdict; // it may be too long for its place
    bar.hidden = card.progress === null;
    bar.ariaValueNow = Math.round(100 * (card.progress ?? 0));
    bar.style.setProperty("--cg2-done", card.progress ?? 0);
    error.textContent = card.error;
    error.hidden = !card.error;
    boxes.hidden = draft !== null || nothing;

    [...tabs.children].forEach((tab, i) => {
      tab.ariaSelected = String(i === current);
      tab.tabIndex = i === current ? 0 : -1;
      const { mark } = card.candidates[i];
      tab.textContent = mark ? `${i + 1} ${mark}` : String(i + 1);
      const found = { "✓": ", passes the check", "✗": ", fails the check" };
      tab.ariaLabel = `Candidate ${i + 1}${found[mark] ?? ""}`;
    });
    [...boxes.children].forEach((box, i) => {
      box.classList.toggle("cg2-behind", i !== current);
      drawLines(box, card.candidates[i].lines);
      if (!finished) follow(box);
    });
    hold(card, finished);
    prompt.draw();
    const map = model.get("heat");
    const hot = heat.draw(finished && draft === null && map.job === card.job ? map.candidates[current] : null);
    boxes.classList.toggle("cg2-behind", hot);
    heat.toggle.hidden = nothing;
    if (draft !== null || nothing) heat.list.hidden = true;

    editor.hidden = draft === null;
    if (draft !== null && editor.value !== draft) editor.value = draft;
    editor.rows = Math.max(2, Math.min(20, (draft ?? "").split("\n").length));
    edit.ariaPressed = String(draft !== null);

    const usable = candidate.written && (finished || candidate.done);
    for (const each of [insert, replace, edit, copy]) {
      each.disabled = !usable;
      each.hidden = nothing;
    }
    insert.hidden ||= !acts.canInsert;
    replace.hidden ||= !acts.canReplace;
    hint.hidden = acts.canInsert || model.get("insert") === "none" || !usable;
    regenerate.hidden = !model.get("can_regenerate") || !shared.alive;
    regenerate.disabled = !finished || asked === card;
    check.hidden = !card.unchecked || !shared.alive;
    check.disabled = asked === card;
    const hadFocus = root.contains(document.activeElement) ? document.activeElement : null;
    stop.hidden = finished;
    if (finished) stop.disabled = false;
    const resumed = finished && resumeAt !== null && hadFocus === stop && heat.resume(resumeAt);
    if (finished) resumeAt = null;
    else if (resumeAt !== null && document.activeElement === document.body) stop.focus();
    if (hadFocus === stop && finished && !resumed) (usable && acts.canInsert ? insert : usable ? copy : dismiss).focus();

    open.hidden = Boolean(outcome.folded);
    folded.hidden = !outcome.folded;
    takeBack.hidden = !outcome.done;
    const became = outcome.what && outcome.what[0].toUpperCase() + outcome.what.slice(1);
    if (outcome.note && !outcome.what) say(outcome.note);
    const line = outcome.folded ? [became, outcome.note, card.model, card.status] : [];
    foldedText.textContent = line.filter(Boolean).join(" · ");

    if (!finished) announced = false;
    else if (!announced) {
      announced = true;
      const end = state === "done" ? "ready" : "stopped";
      live.textContent = card.error || `Suggestion ${end}: ${status.textContent}`;
    }
  }

  model.on("change:card", draw);
  model.on("change:outcome", () => {
    for (const place of replies) place.textContent = "";
    draw();
  });
  shared.redraw.add(draw);
  el.append(root);
  draw();
  acts.store(); // this view may have come after the end, and its output is to be stored as well
  return () => shared.redraw.delete(draw);
}

export default () => {
  const shared = { alive: true, redraw: new Set(), acts: null };
  return {
    initialize({ model }) {
      shared.acts = actions(model, shared);
      const context = notebookOf(model);
      const asking = isAsking(context, model.get("session"));
      // A console on this kernel shows its own panels, which this page hears of as well.
      const mine = asking || !context || askingCell(context, model.get("cell_id"), model.get("panel_id")) >= 0;
      if (mine) model.send({ do: "here", stores: Boolean(context) });
      if (model.get("asks_document") && asking) tellDocument(model);
      const insert = model.get("insert");
      let mayInsert = asking && (insert === "below" || insert === "replace");
      mayInsert &&= !FINISHED.has(model.get("card").state);
      model.on("change:card", () => {
        const card = model.get("card");
        if (!mayInsert || !FINISHED.has(card.state) || card.unchecked) return;
        mayInsert = false;
        if (card.candidates[0].mark === "✗") return;
        if (card.state !== "done" || !card.candidates[0].written || model.get("outcome").what) return;
        const act = insert === "below" ? shared.acts.insert : shared.acts.replace;
        if (insert === "below" ? shared.acts.canInsert : shared.acts.canReplace) {
          const done = act(card.job, 0, codeOf(card.candidates[0]));
          if (insert === "replace" && (!done || done.changed)) {
            model.set("outcome", { note: done ? CHANGED : "The cell is gone; Insert below puts it at the end." });
            model.save_changes();
          }
        }
      });

      model.on("change:saved", shared.acts.store);

      // A restarted kernel closes the comm: what was written stays, and stopping makes no sense.
      model.widget_manager?.get_model?.(model.get("panel_id")).then((self) => {
        self.on?.("comm_live_update", () => {
          shared.alive = self.comm_live;
          for (const draw of shared.redraw) draw();
        });
      });
    },
    render: ({ model, el }) => view({ model, el }, shared),
  };
};
