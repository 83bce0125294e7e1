// The plugin: brings the provider, the commands and the status item together.

import { addCommands } from "./commands.js";
import { NotebookLines } from "./notebooks.js";
import { Provider } from "./provider.js";
import { showStatus } from "./status.js";

/**
 * Take a package out of what is shared: the one that is in use, for its tokens are compared by identity.
 *
 * @param {Jupyter.Shared} shared
 * @param {string} name
 * @returns {Promise<Jupyter.Taken>}
 */
async function take(shared, name) {
  const versions = Object.values(shared[name] ?? {});
  const used = versions.find((version) => version.loaded) ?? versions.at(-1);
  return used ? (await used.get())() : {};
}

/**
 * Why the page shows no suggestions, whatever the kernel says; empty where it can.
 *
 * @param {Jupyter.CompletionManager} completions
 * @param {Provider} provider
 * @returns {string}
 */
function obstacle(completions, provider) {
  if (!completions.registerInlineProvider) return "They need JupyterLab 4.2 or Notebook 7.2, or newer.";
  if (!completions.inline)
    return (
      "JupyterLab's inline completer, which shows them, is disabled. To have it back: " +
      "jupyter labextension enable @jupyterlab/completer-extension:inline-completer"
    );
  return provider.enabled ? "" : "They are switched off in JupyterLab's settings, under Inline Completer.";
}

/**
 * The module that the loader asks for.
 *
 * @param {Jupyter.Shared} shared
 * @returns {Promise<{ __esModule: true, default: object }>}
 */
export async function extension(shared) {
  const names = ["completer", "notebook", "statusbar", "apputils"];
  const [{ ICompletionProviderManager }, { INotebookTracker }, { IStatusBar }, { ICommandPalette }] =
    await Promise.all(names.map((name) => take(shared, `@jupyterlab/${name}`)));
  const { Widget } = await take(shared, "@lumino/widgets");
  // Another front end, which shares the loader and no notebooks.
  if (!ICompletionProviderManager || !INotebookTracker || !Widget) return { __esModule: true, default: [] };

  const plugin = {
    id: "cg2magic:extension",
    description: "Suggestions in the cell while you type.",
    autoStart: true,
    requires: [ICompletionProviderManager, INotebookTracker],
    optional: [IStatusBar, ICommandPalette].filter(Boolean),
    /**
     * @param {Jupyter.App} app
     * @param {Jupyter.CompletionManager} completions
     * @param {Jupyter.Tracker} tracker
     * @param {(object | null)[]} optional - In the order above.
     * @returns {void}
     */
    activate(app, completions, tracker, ...optional) {
      // A front end without a status bar may not even share the package.
      const palette = /** @type {Jupyter.Palette | null} */ (optional.at(-1) ?? null);
      const statusBar = /** @type {Jupyter.StatusBar | null} */ (IStatusBar ? optional[0] : null);
      const lines = new NotebookLines(tracker, (panel) => completions.inline?.invoke(panel.id));
      const provider = new Provider(lines);
      completions.registerInlineProvider?.(provider); // since JupyterLab 4.1

      addCommands({ app, palette, tracker, lines, provider });
      showStatus({ Widget, statusBar, tracker, lines, obstacle: () => obstacle(completions, provider) });
    },
  };
  return { __esModule: true, default: plugin };
}
