// The plugin: brings the provider, the commands and the status item together.

import { acceptPart, nextLine, nextWord } from "./acceptance.js";
import { NotebookLines } from "./notebooks.js";
import { Provider } from "./provider.js";
import { showStatus } from "./status.js";

/** Take a package out of what is shared: the one that is in use, for its tokens are compared by identity. */
async function take(shared, name) {
  const versions = Object.values(shared[name] ?? {});
  const used = versions.find((version) => version.loaded) ?? versions.at(-1);
  return used ? (await used.get())() : {};
}

/** The module that the loader asks for. */
export async function extension(shared) {
  const names = ["completer", "notebook", "statusbar", "apputils"];
  const [{ ICompletionProviderManager }, { INotebookTracker }, { IStatusBar }, { ICommandPalette }] =
    await Promise.all(names.map((name) => take(shared, `@jupyterlab/${name}`)));
  const { Widget } = await take(shared, "@lumino/widgets");

  const plugin = {
    id: "cg2magic:extension",
    description: "Suggestions in the cell while you type.",
    autoStart: true,
    requires: [ICompletionProviderManager, INotebookTracker],
    optional: [IStatusBar, ICommandPalette].filter(Boolean),
    activate(app, completions, tracker, ...optional) {
      // A front end without a status bar may not even share the package.
      const palette = optional.at(-1);
      const statusBar = IStatusBar ? optional[0] : null;
      const lines = new NotebookLines(tracker, (panel) => completions.inline?.invoke(panel.id));
      const provider = new Provider(lines);
      completions.registerInlineProvider(provider);

      const add = (id, label, execute, isEnabled) => {
        app.commands.addCommand(id, { label, execute, isEnabled });
        palette?.addItem({ command: id, category: "cg2magic" });
      };
      const accept = (part) => () => {
        const panel = tracker.currentWidget;
        if (acceptPart(panel, provider.current, part)) lines.suggest(panel);
      };
      const isShown = () => Boolean(completions.inline?.isActive(tracker.currentWidget?.id));
      add("cg2magic:accept-word", "Accept the Next Word of the Suggestion", accept(nextWord), isShown);
      add("cg2magic:accept-line", "Accept the Next Line of the Suggestion", accept(nextLine), isShown);
      add(
        "cg2magic:toggle-inline",
        "Switch Suggestions While Typing On or Off",
        () => lines.current?.turn(),
        () => Boolean(lines.current?.state),
      );
      showStatus({ Widget, statusBar, tracker, lines });
    },
  };
  return { __esModule: true, default: plugin };
}
