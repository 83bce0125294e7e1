// What the model read, word for word, behind a button.

let prompts = 0;

/** The button, and what it opens. */
function promptView(model) {
  const text = ownKeys(make("div", "cg2-code cg2-prompt", { id: `cg2-prompt-${(prompts += 1)}` }));
  text.tabIndex = 0;
  text.ariaLabel = "What the model read";
  text.role = "region";
  const toggle = button("Prompt", () => {
    text.hidden = !text.hidden;
    draw();
  }, "cg2-quiet");
  toggle.title = "What the model read, word for word";
  toggle.setAttribute("aria-controls", text.id);
  text.hidden = true;

  function draw() {
    const prompt = model.get("prompt");
    toggle.hidden = !prompt;
    text.hidden ||= !prompt;
    text.textContent = prompt;
    toggle.ariaExpanded = String(!text.hidden);
  }
  return { toggle, text, draw };
}
